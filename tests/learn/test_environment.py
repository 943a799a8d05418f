import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments.classic_control.cartpole import CartPole

from jaxmm.envs.environment import Environment
from jaxmm.envs.spaces import Box, Discrete


class OurCartPole(CartPole):
    """gymnax's own raw hooks under our public `reset` and `step`."""

    reset = Environment.reset
    step = Environment.step


@pytest.mark.parametrize("limit", [500, 3])
def test_reset_and_step_are_gymnax_own_through_terminations_and_truncations(limit: int):
    env, params = gymnax.make("CartPole-v1")
    params = params.replace(max_steps_in_episode=limit)

    def episode(env: CartPole) -> list[jax.Array]:
        observation, state = env.reset(jax.random.key(0), params)
        step = lambda state, key: (lambda out: (out[1], out))(env.step(key, state, jnp.int32(1), params))  # noqa: E731
        return [observation, *jax.tree.leaves(jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 40))[1])]

    ours, theirs = episode(OurCartPole()), episode(env)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_spaces_contain_what_they_sample_and_nothing_beyond():
    keys = jax.random.split(jax.random.key(0), 100)
    discrete, box = Discrete(3), Box(-1.0, 2.0, (4,))
    assert set(np.asarray(jax.vmap(discrete.sample)(keys)).tolist()) == {0, 1, 2}
    assert not discrete.contains(jnp.int32(3))
    assert not discrete.contains(jnp.int32(-1))
    assert jax.vmap(box.contains)(jax.vmap(box.sample)(keys)).all()
    assert not box.contains(jnp.array([0.0, 0.0, 0.0, 2.1]))
