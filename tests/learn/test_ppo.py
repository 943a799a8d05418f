import dataclasses

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import Aim, Cut, Delay, Match, Probe, ValueOnly

from jaxmm.errors import InputError
from jaxmm.learn.ppo import PPO, PPOConfig, PPOState, clipped_objective, clipped_value_loss
from jaxmm.learn.rollout import greedy_returns, rollout, start

QUICK = PPOConfig(
    num_envs=16, num_steps=16, num_minibatches=4, hidden=(16,), learning_rate=5e-3, anneal_steps=256 * 120, discount=0.5
)


def trained(learner: PPO, updates: int) -> PPOState:
    def many(learner: PPO, key: jax.Array) -> PPOState:
        return jax.lax.scan(lambda state, _: learner.update(state), learner.init(key), length=updates)[0]

    return jax.jit(many)(learner, jax.random.key(0))


def probed(env: Probe, config: PPOConfig = QUICK) -> tuple[PPO, PPOState]:
    learner = PPO(env, env.default_params, config)
    return learner, trained(learner, 120)


def values(env: Probe) -> np.ndarray:
    """Learned values of observing 0 and 1."""
    learner, state = probed(env)
    return np.asarray(learner.value(state, jnp.array([[0.0], [1.0]])))


def test_the_value_of_one_certain_reward_is_that_reward():
    assert values(ValueOnly())[0] == pytest.approx(1, abs=0.05)


def test_a_later_reward_is_discounted_once_a_step():
    np.testing.assert_allclose(values(Delay()), [0.5, 1], atol=0.05)


def test_the_end_of_the_data_is_not_the_end_of_the_rewards():
    np.testing.assert_allclose(values(Cut()), [1, 2], atol=0.1)


def test_a_discrete_action_follows_the_observation():
    learner, state = probed(Match())
    assert learner.greedy(learner.policy(state), jnp.array([[-1.0], [1.0]])).tolist() == [0, 1]


def test_a_continuous_action_follows_the_observation_to_the_edge_of_its_box():
    learner, state = probed(Aim())
    actions = learner.greedy(learner.policy(state), jnp.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(actions, [[-0.5], [0.5]], atol=0.1)
    assert jnp.abs(actions).max() <= 0.5


def test_ppo_balances_the_pole_of_gymnax():
    env, params = gymnax.make("CartPole-v1")
    config = PPOConfig(num_envs=32, num_steps=32, num_minibatches=4, hidden=(32, 32), learning_rate=1e-3)
    learner = PPO(env, params, config)
    state = trained(learner, 100)
    greedy = lambda observation: learner.greedy(learner.policy(state), observation)  # noqa: E731
    returns = greedy_returns(jax.random.key(1), env, params, greedy, 16, 500)
    assert returns.mean() > 450


def test_a_rollout_keeps_what_auto_reset_hides():
    env = Cut()
    runner = start(jax.random.key(0), env, env.default_params, 2)
    act = lambda key, observation: jnp.zeros(2, jnp.int32)  # noqa: E731
    runner, taken, metrics = rollout(jax.random.key(1), env, env.default_params, runner, act, 7, 0.5)
    np.testing.assert_array_equal(taken.observation[:, 0, 0], [0, 1, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(taken.next_observation[:, 0, 0], [1, 1, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(taken.truncated[:, 0], [0, 0, 1, 0, 0, 1, 0])
    np.testing.assert_array_equal(taken.discounted_return[:, 0], [0, 1, 1.5, 0, 1, 1.5, 0])
    assert not taken.terminated.any()
    scores = {name: float(value) for name, value in metrics.items()}
    assert scores.pop("reward") == scores.pop("reward/probe") == pytest.approx(4 / 7)
    assert scores == {"episodes": 4, "episode_return": 2, "episode_length": 3}
    assert runner.episode_length.tolist() == [1, 1]


def test_scores_of_episodes_are_nan_while_none_ends():
    env = Cut()
    runner = start(jax.random.key(0), env, env.default_params, 1)
    metrics = rollout(jax.random.key(1), env, env.default_params, runner, lambda k, o: jnp.zeros(1), 2, 0.5)[2]
    assert jnp.isnan(metrics["episode_return"])


def test_the_clipped_objective_takes_the_worse_of_both_ratios():
    ratio, advantage = jnp.array([1.5, 1.5, 0.5, 0.5]), jnp.array([1.0, -1.0, 1.0, -1.0])
    assert clipped_objective(ratio, advantage, 0.2) == pytest.approx(-np.mean([1.2, -1.5, 0.5, -0.8]))


def test_a_clipped_value_loss_is_the_larger_of_both():
    value, old, target = jnp.array([2.0, 0.1]), jnp.zeros(2), jnp.array([2.0, 1.0])
    assert clipped_value_loss(value, old, target, None) == pytest.approx(0.5 * np.mean([0, 0.81]))
    assert clipped_value_loss(value, old, target, 0.2) == pytest.approx(0.5 * np.mean([1.8**2, 0.81]))


def test_numbers_of_the_config_may_differ_along_a_vmap_axis():
    env = Match()
    rates = jnp.array([0.0, 1e-2])
    config = dataclasses.replace(QUICK, learning_rate=rates, anneal_steps=None)
    axes = PPO(env, None, dataclasses.replace(jax.tree.map(lambda _: None, config), learning_rate=0))
    learner = PPO(env, env.default_params, config)
    state = jax.vmap(lambda _: learner.init(jax.random.key(0)))(rates)
    after, metrics = jax.jit(jax.vmap(lambda le, s: le.update(s), in_axes=(axes, 0)))(learner, state)
    moved = jax.vmap(lambda a, b: jnp.abs(a - b).max())(
        after.params["actor_out"]["kernel"], state.params["actor_out"]["kernel"]
    )
    assert moved[0] == 0 < moved[1]
    np.testing.assert_allclose(metrics["learning_rate"], rates)


def test_the_first_update_starts_from_ratios_of_one_and_anneals_its_rate():
    env = Match()
    config = dataclasses.replace(QUICK, learning_rate=0.5, anneal_steps=512.0, max_grad_norm=0.0)
    learner = PPO(env, env.default_params, config)
    update = jax.jit(learner.update)
    state, first = update(learner.init(jax.random.key(0)))
    state, second = update(state)
    assert first["approx_kl"] == 0 == first["clip_fraction"]
    assert [first["learning_rate"], second["learning_rate"], update(state)[1]["learning_rate"]] == [0.5, 0.25, 0]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_minibatches": 7}, "multiple of num_minibatches"),
        ({"discount": 1.5}, "discount is 1.5"),
        ({"activation": "tan"}, "did you mean 'tanh'"),
    ],
)
def test_impossible_settings_are_refused(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        PPOConfig(**wrong)
