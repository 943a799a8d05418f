import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import AIM, MATCH, PROBE

from jaxmm.learn.acting import Acting, Policy
from jaxmm.learn.dqn import DQN, DQNConfig
from jaxmm.learn.normaliser import RunningStats
from jaxmm.learn.ppo import PPO, PPOConfig

PPO_CONFIG = PPOConfig(hidden=(8, 4), activation="relu")
LEARNERS = [
    PPO(PROBE, MATCH, PPO_CONFIG),
    PPO(AIM, MATCH, PPO_CONFIG),
    DQN(PROBE, MATCH, DQNConfig(hidden=(8,), dueling=False)),
    DQN(PROBE, MATCH, DQNConfig(hidden=(8,), dueling=True)),
    DQN(PROBE, MATCH, DQNConfig(hidden=(8,), branches=(1, 2))),
]


def outputs(acting: Acting, observation: np.ndarray) -> np.ndarray:
    """The network's output layer in numpy, from nothing but what the exporter gets."""
    about, weights = acting.description, acting.weights
    dense = lambda x, layer: x @ weights[f"{layer}/kernel"] + weights[f"{layer}/bias"]  # noqa: E731
    x = (observation - weights["normaliser/mean"]) / np.sqrt(weights["normaliser/var"] + np.float32(about["eps"]))
    x = np.clip(x, -about["clip"], about["clip"])
    name = "actor" if about["kind"] == "actor_critic" else "q"
    for layer in range(len(about["hidden"])):
        x = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[about["activation"]](dense(x, f"{name}_{layer}"))
    if not about["dueling"]:
        return dense(x, f"{name}_out")
    advantage = dense(x, "advantage_out")
    return dense(x, "value_out") + advantage - advantage.mean(-1, keepdims=True)


@pytest.mark.parametrize("learner", LEARNERS, ids=["categorical", "gaussian", "q", "dueling", "branches"])
def test_what_acts_is_whole_in_numpy_and_is_of_the_seed_that_was_asked(learner):
    key = jax.random.key(0)
    init = jax.vmap(lambda key: learner.network.init(key, jnp.zeros(1))["params"])
    params = jax.jit(lambda key: jax.tree.map(lambda x: x + 0.1, init(jax.random.split(key, 3))))(key)
    stats = RunningStats(jnp.array([[9.0], [0.3], [9.0]]), jnp.array([[9.0], [4.0], [9.0]]), jnp.ones(3))
    policy = Policy(params, stats)
    acting = learner.acting(policy, 1)
    assert all(array.dtype == np.float32 for array in acting.weights.values())
    assert not any(name.startswith(("critic", "log_std")) for name in acting.weights)

    observation = np.linspace(-30, 30, 41, dtype=np.float32)[:, None]
    alone = jax.tree.map(lambda x: x[1], policy)
    actions = np.asarray(jax.jit(learner.greedy)(alone, observation))
    flax = learner.network.apply({"params": alone.params}, alone.observations.normalise(observation))
    out = outputs(acting, observation)
    np.testing.assert_allclose(out, jax.tree.leaves(flax)[0], atol=1e-5)
    if acting.description["head"] == "gaussian":
        assert (acting.description["low"], acting.description["high"]) == ([-0.5], [0.5])
        np.testing.assert_allclose(actions, np.clip(out, -0.5, 0.5), atol=1e-5)
    else:
        np.testing.assert_array_equal(actions, out.argmax(1))
