import dataclasses

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import AIM, CUT_SHORT, LATER_REWARD, MATCH, ONE_REWARD, PROBE, Case, begin, trained, update

from jaxmm.errors import InputError
from jaxmm.learn.acting import Policy
from jaxmm.learn.ppo import PPO, PPOConfig, clipped_objective, clipped_value_loss
from jaxmm.learn.rollout import greedy_returns, mean_scores, rollout, start

QUICK = PPOConfig(
    num_envs=16,
    num_steps=16,
    num_minibatches=4,
    hidden=(16,),
    learning_rate=5e-3,
    anneal_steps=256.0 * 120,
    discount=0.5,
)


def values(case: Case) -> np.ndarray:
    """Learned values of observing 0 and 1."""
    learner = PPO(PROBE, case, QUICK)
    return np.asarray(learner.value(trained(learner, 120), jnp.array([[0.0], [1.0]])))


def test_the_value_of_one_certain_reward_is_that_reward():
    assert values(ONE_REWARD)[0] == pytest.approx(1, abs=0.05)


def test_a_later_reward_is_discounted_once_a_step():
    np.testing.assert_allclose(values(LATER_REWARD), [0.5, 1], atol=0.05)


def test_the_end_of_the_data_is_not_the_end_of_the_rewards():
    np.testing.assert_allclose(values(CUT_SHORT), [1, 2], atol=0.1)


def test_a_discrete_action_follows_the_observation():
    learner = PPO(PROBE, MATCH, QUICK)
    policy = learner.policy(trained(learner, 60))
    assert learner.greedy(policy, jnp.array([[-1.0], [1.0]])).tolist() == [0, 1]


def test_a_continuous_action_follows_the_observation_to_the_edge_of_its_box():
    learner = PPO(AIM, MATCH, QUICK)
    actions = learner.greedy(learner.policy(trained(learner, 120)), jnp.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(actions, [[-0.5], [0.5]], atol=0.1)
    assert jnp.abs(actions).max() <= 0.5


def test_ppo_balances_the_pole_of_gymnax():
    env, params = gymnax.make("CartPole-v1")
    config = PPOConfig(num_envs=32, num_steps=32, num_minibatches=4, hidden=(32, 32), learning_rate=1e-3)
    learner = PPO(env, params, config)
    state = trained(learner, 100)

    @jax.jit
    def returns(policy: Policy) -> jax.Array:
        return greedy_returns(jax.random.key(1), env, params, lambda seen: learner.greedy(policy, seen), 16, 500)

    assert returns(learner.policy(state)).mean() > 450


def test_a_rollout_keeps_what_auto_reset_hides():
    runner = start(jax.random.key(0), PROBE, CUT_SHORT, 2)
    act = lambda key, observation: jnp.zeros(2, jnp.int32)  # noqa: E731
    runner, taken, sums = rollout(jax.random.key(1), PROBE, CUT_SHORT, runner, act, 7, 0.5)
    np.testing.assert_array_equal(taken.observation[:, 0, 0], [0, 1, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(taken.next_observation[:, 0, 0], [1, 1, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(taken.truncated[:, 0], [0, 0, 1, 0, 0, 1, 0])
    np.testing.assert_array_equal(taken.discounted_return[:, 0], [0, 1, 1.5, 0, 1, 1.5, 0])
    assert not taken.terminated.any()
    scores = {name: float(value) for name, value in mean_scores(sums, 14).items()}
    assert scores.pop("reward") == scores.pop("reward/probe") == pytest.approx(4 / 7)
    assert scores == {"episodes": 4, "episode_return": 2, "episode_length": 3}
    assert runner.episode_length.tolist() == [1, 1]


def test_scores_of_episodes_are_nan_while_none_ends():
    sums = {"reward": 3.0, "episodes": jnp.zeros(()), "episode_return": 0.0, "episode_length": 0.0}
    scores = mean_scores(sums, 6)
    assert jnp.isnan(scores["episode_return"])
    assert scores["reward"] == 0.5


def test_the_clipped_objective_takes_the_worse_of_both_ratios():
    ratio, advantage = jnp.array([1.5, 1.5, 0.5, 0.5]), jnp.array([1.0, -1.0, 1.0, -1.0])
    assert clipped_objective(ratio, advantage, 0.2) == pytest.approx(-np.mean([1.2, -1.5, 0.5, -0.8]))


def test_a_clipped_value_loss_is_the_larger_of_both():
    value, old, target = jnp.array([2.0, 0.1]), jnp.zeros(2), jnp.array([2.0, 1.0])
    assert clipped_value_loss(value, old, target, None) == pytest.approx(0.5 * np.mean([0, 0.81]))
    assert clipped_value_loss(value, old, target, 0.2) == pytest.approx(0.5 * np.mean([1.8**2, 0.81]))


def test_numbers_of_the_config_may_differ_along_a_vmap_axis():
    rates = jnp.array([0.0, 1e-2])
    learner = PPO(PROBE, MATCH, dataclasses.replace(QUICK, learning_rate=rates))
    axes = PPO(PROBE, None, dataclasses.replace(jax.tree.map(lambda _: None, QUICK), learning_rate=0))
    state = begin(PPO(PROBE, MATCH, QUICK), jax.random.key(0))
    after, metrics = jax.jit(jax.vmap(lambda le, s: le.update(s), in_axes=(axes, None)))(learner, state)
    moved = np.abs(after.params["actor_out"]["kernel"] - state.params["actor_out"]["kernel"]).max((1, 2))
    assert moved[0] == 0 < moved[1]
    np.testing.assert_allclose(metrics["learning_rate"], rates)


def test_the_first_update_starts_from_ratios_of_one_and_the_rate_anneals_to_nothing():
    still = dataclasses.replace(QUICK, learning_rate=0.5, anneal_steps=512.0, max_grad_norm=0.0)
    learner = PPO(PROBE, MATCH, still)
    state, rates = begin(learner, jax.random.key(0)), []
    for _ in range(3):
        state, metrics = update(learner, state)
        rates.append(float(metrics["learning_rate"]))
        assert metrics["approx_kl"] == pytest.approx(0, abs=1e-6)
        assert metrics["clip_fraction"] == 0
    assert rates == [0.5, 0.25, 0]


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


def test_values_in_units_of_reward_stay_when_the_unit_moves():
    learner = PPO(PROBE, LATER_REWARD, dataclasses.replace(QUICK, learning_rate=0.0))
    state = learner.init(jax.random.key(0))
    after, _ = update(learner, jax.tree.map(jnp.copy, state))
    assert abs(float(after.returns.root_mean_square() / state.returns.root_mean_square()) - 1) > 0.1
    seen = jnp.array([[0.0], [1.0]])

    def raw(at):
        """Where the observations' statistics are the same, only the unit differs."""
        return learner.value(at._replace(observations=state.observations), seen)

    np.testing.assert_allclose(raw(after), raw(state), rtol=1e-5)


def test_a_mean_beyond_the_box_comes_back_where_bounds_have_a_weight():
    def distance(weight: float) -> float:
        learner = PPO(AIM, MATCH, dataclasses.replace(QUICK, bounds_weight=weight, entropy_weight=0.0))
        state = learner.init(jax.random.key(0))
        params = {**state.params, "actor_out": jax.tree.map(lambda leaf: leaf + 3.0, state.params["actor_out"])}
        state = state._replace(params=params, average=jax.tree.map(jnp.copy, params))
        for _ in range(20):
            state, _ = update(learner, state)
        means = learner.outputs(learner.policy(state), jnp.linspace(-1, 1, 9)[:, None])
        return float(jnp.abs(means).max())

    assert distance(1.0) < 0.5 * distance(0.0)


def test_what_is_judged_is_a_running_average_of_what_explores():
    learner = PPO(PROBE, MATCH, dataclasses.replace(QUICK, average_rate=0.25))
    before = learner.init(jax.random.key(0))
    after, _ = update(learner, jax.tree.map(jnp.copy, before))
    judged, explores, first = (tree["actor_out"]["kernel"] for tree in (after.average, after.params, before.params))
    assert np.abs(explores - first).max() > 0
    np.testing.assert_allclose(judged, 0.75 * first + 0.25 * explores, atol=1e-7)
    assert learner.policy(after).params is after.average


def test_scales_stay_from_the_start_where_nothing_is_measured():
    learner = PPO(PROBE, LATER_REWARD, dataclasses.replace(QUICK, normaliser_steps=0.0))
    after, _ = update(learner, learner.init(jax.random.key(0)))
    assert (float(after.observations.seen), float(after.returns.seen)) == (0, 0)
