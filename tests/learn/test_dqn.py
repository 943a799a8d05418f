import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import AIM, CUT_SHORT, LATER_REWARD, MATCH, ONE_REWARD, PROBE, Case, begin, trained, update

from jaxmm.errors import InputError
from jaxmm.learn.checkpoint import Checkpoints
from jaxmm.learn.dqn import DQN, DQNConfig, Learnt

FULL = DQNConfig(
    num_envs=8,
    num_iterations=50,
    batch_size=32,
    replay_size=1024,
    learning_starts=64,
    n_step=2,
    hidden=(16,),
    learning_rate=3e-3,
    discount=0.5,
    target_period=20,
    epsilon_steps=2000.0,
    epsilon_end=0.1,
    correction_steps=5000.0,
)
PLAIN = dataclasses.replace(
    FULL, priority_exponent=None, n_step=1, double=False, dueling=False, target_period=1, target_rate=0.05
)


def values(case: Case, config: DQNConfig) -> np.ndarray:
    """Learned values of observing 0 and 1."""
    learner = DQN(PROBE, case, config)
    return np.asarray(learner.value(trained(learner, 20), jnp.array([[0.0], [1.0]])))[:, 0]


def test_the_value_of_one_certain_reward_is_that_reward():
    assert values(ONE_REWARD, FULL)[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("config", [FULL, PLAIN], ids=["full", "plain"])
def test_a_later_reward_is_discounted_once_a_step(config):
    np.testing.assert_allclose(values(LATER_REWARD, config), [0.5, 1], atol=0.07)


@pytest.mark.parametrize("config", [FULL, PLAIN], ids=["full", "plain"])
def test_the_end_of_the_data_is_not_the_end_of_the_rewards(config):
    np.testing.assert_allclose(values(CUT_SHORT, config), [1, 2], atol=0.15)


def test_the_best_action_follows_the_observation():
    learner = DQN(PROBE, MATCH, FULL)
    state = trained(learner, 20)
    assert learner.greedy(learner.policy(state), jnp.array([[-1.0], [1.0]])).tolist() == [0, 1]
    np.testing.assert_allclose(learner.value(state, jnp.array([[1.0]])), [[0, 1]], atol=0.1)


def test_the_networks_wait_for_the_memory_to_fill_and_exploration_fades():
    learner = DQN(PROBE, MATCH, FULL)
    state, first = update(learner, begin(learner, jax.random.key(0)))
    assert state.learnt.gradient_steps == 50 - 64 // 8 + 1
    assert first["epsilon"] == pytest.approx(1 - 0.9 * (24.5 * 8 / 2000), rel=1e-4)
    for _ in range(5):
        state, last = update(learner, state)
    assert last["epsilon"] == pytest.approx(0.1)


def test_double_values_the_online_choice_by_the_target_network():
    learner = DQN(PROBE, MATCH, dataclasses.replace(FULL, dueling=False))
    online = learner.network.init(jax.random.key(1), jnp.zeros(1))["params"]
    target = online | {"q_out": jax.tree.map(jnp.negative, online["q_out"])}
    seen = jax.random.normal(jax.random.key(3), (50, 1))
    chosen = np.argmax(learner.network.apply({"params": online}, seen), 1)
    of_target = np.asarray(learner.network.apply({"params": target}, seen))
    assert (chosen != of_target.argmax(1)).any()
    np.testing.assert_array_equal(learner._next_value(online, target, seen), of_target[np.arange(50), chosen])
    plain = dataclasses.replace(learner, config=PLAIN)
    np.testing.assert_array_equal(plain._next_value(online, target, seen), of_target.max(1))


@pytest.mark.parametrize(
    ("period", "rate", "moves"), [(3, 1.0, [0, 0, 1, 1]), (1, 0.25, [0.25, 0.4375, 0.578125, 0.68359375])]
)
def test_the_target_network_moves_at_once_or_little_by_little(period, rate, moves):
    learner = DQN(PROBE, MATCH, dataclasses.replace(FULL, target_period=period, target_rate=rate))
    learnt = Learnt(params=1.0, target=0.0, average=1.0, optimiser=(), gradient_steps=0)
    targets = []
    for step in range(1, 5):
        learnt = Learnt(1.0, learner._target(learnt, 1.0), 1.0, (), step)
        targets.append(float(learnt.target))
    assert targets == moves


def test_training_goes_on_from_a_checkpoint_bit_equal(tmp_path):
    learner = DQN(PROBE, MATCH, FULL)
    middle = trained(learner, 3)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, middle)
        template = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), middle)
        restored = checkpoints.restore(3, template)
    bits = lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)  # noqa: E731
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(bits(a), bits(b)),
        update(learner, restored),
        update(learner, middle),
    )


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    shapes = jax.eval_shape(begin, DQN(PROBE, MATCH, PLAIN), jax.random.key(0))
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"weights": jnp.zeros(3)})
        with pytest.raises(InputError, match="not a checkpoint of this learner and environment"):
            checkpoints.restore(1, shapes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"replay_size": 1001}, "multiple of num_envs"),
        ({"learning_starts": 8}, "learning_starts is 8; it must be at least 64"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"branches": (2, 3), "dueling": False}, "dueling must be on"),
        ({"average_rate": 2.0}, "average_rate is 2.0"),
    ],
)
def test_impossible_settings_are_refused(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        DQNConfig(**wrong)


def test_branches_that_do_not_make_the_actions_are_refused():
    with pytest.raises(InputError, match="their product must be the number of actions, 2"):
        _ = DQN(PROBE, MATCH, dataclasses.replace(FULL, branches=(2, 2))).network


def test_a_continuous_action_space_is_refused():
    with pytest.raises(InputError, match="Aim acts continuously; DQN needs discrete actions"):
        _ = DQN(AIM, MATCH, FULL).network
