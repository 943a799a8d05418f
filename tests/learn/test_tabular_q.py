import jax
import jax.numpy as jnp
import numpy as np
import pytest
from probes import AIM, CUT_SHORT, LATER_REWARD, MATCH, ONE_REWARD, PROBE, Case, Probe, trained

from jaxmm.errors import InputError
from jaxmm.learn.rollout import Transition
from jaxmm.learn.tabular_q import TabularQ, TabularQConfig

CONFIG = TabularQConfig(num_envs=8, num_steps=64, discount=0.5, epsilon_steps=4000.0, step_power=0.8)


class Table(Probe):
    """The probe's observations 0 and 1 are cells; −1 counts from the end: cell 2."""

    cells = 3


TABLE = Table()


def learnt(case: Case) -> np.ndarray:
    return np.asarray(trained(TabularQ(TABLE, case, CONFIG), 40).values).mean(axis=0)


def test_the_value_of_one_certain_reward_is_that_reward():
    np.testing.assert_allclose(learnt(ONE_REWARD)[0], 1, atol=1e-3)


def test_a_later_reward_is_discounted_once_a_step():
    np.testing.assert_allclose(learnt(LATER_REWARD)[:2], [[0.5, 0.5], [1, 1]], atol=0.02)


def test_the_end_of_the_data_is_not_the_end_of_the_rewards():
    np.testing.assert_allclose(learnt(CUT_SHORT)[:2], [[1, 1], [2, 2]], atol=0.1)


def test_the_best_action_follows_the_cell():
    learner = TabularQ(TABLE, MATCH, CONFIG)
    state = trained(learner, 10)
    assert learner.greedy(learner.policy(state), jnp.array([[-1.0], [1.0]])).tolist() == [0, 1]
    np.testing.assert_allclose(state.values[:, 1:], [[[0, 1], [1, 0]]] * 2, atol=1e-3)


def test_environments_that_meet_in_an_entry_move_it_by_their_mean_error():
    tables = jnp.zeros((2, 3, 2)), jnp.zeros((2, 3, 2))
    cell, ended = jnp.zeros((4, 1)), jnp.ones(4, bool)
    action, reward = jnp.array([0, 0, 1, 0]), jnp.array([1.0, 3.0, 5.0, 7.0])
    taken = Transition(cell, action, reward, ended, ~ended, cell, reward)
    which = jnp.array([0, 0, 0, 1])
    (values, visits), _ = TabularQ(TABLE, ONE_REWARD, CONFIG)._corrected(tables, (taken, which))
    two = 1 - (1 - 2**-0.8) ** 2  # two visits, each with the step of a second one
    np.testing.assert_allclose(values[:, 0], [[2 * two, 5], [7, 0]], rtol=1e-6)
    assert visits[:, 0].tolist() == [[2, 1], [1, 0]]
    assert not values[:, 1:].any()


def test_a_table_is_corrected_by_the_other_one_s_value_of_its_own_best_action():
    values = jnp.array([[[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [30.0, 4.0], [0.0, 0.0]]])
    cell, following, going = jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.zeros(1, bool)
    taken = Transition(cell, jnp.array([0]), jnp.array([10.0]), going, going, following, jnp.array([10.0]))
    step = taken, jnp.array([0])
    (after, _), error = TabularQ(TABLE, ONE_REWARD, CONFIG)._corrected((values, jnp.zeros_like(values)), step)
    assert error == 10 + 0.5 * 4  # its own best is action 1, of which the other says 4
    assert after[0, 0, 0] == 12


@pytest.mark.parametrize(("env", "says"), [(PROBE, "numbered cells"), (AIM, "numbered cells")])
def test_an_environment_that_is_no_table_is_refused(env, says):
    with pytest.raises(InputError, match=says):
        TabularQ(env, MATCH, CONFIG).init(jax.random.key(0))


def test_a_table_is_not_exported():
    learner = TabularQ(TABLE, MATCH, CONFIG)
    with pytest.raises(InputError, match="only its own model"):
        learner.acting(learner.policy(learner.init(jax.random.key(0))), 0)
