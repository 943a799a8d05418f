import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.learn import sum_tree
from jaxmm.learn.replay import PrioritisedReplay, UniformReplay, n_step
from jaxmm.learn.rollout import Transition

ROWS, ENVS, ADDED, STEPS, DISCOUNT = 12, 3, 2, 3, 0.9
UNIFORM = UniformReplay(ROWS, STEPS, 64)
PRIORITISED = PrioritisedReplay(ROWS, STEPS, 64, 0.7)


def history(rng: np.random.Generator, rows: int) -> Transition:
    """Steps [rows, ENVS] that name themselves: an observation is its row and environment."""
    row, env = np.meshgrid(np.arange(rows), np.arange(ENVS), indexing="ij")
    name = np.stack([row, env], -1).astype(np.float32)
    terminated, truncated = rng.random((2, rows, ENVS)) < 0.15
    reward = rng.normal(size=(rows, ENVS)).astype(np.float32)
    return Transition(name, row.astype(np.int32), reward, terminated, truncated, name + np.float32([0.5, 0]), reward)


def filled(replay, steps: Transition):
    state = replay.init(jax.tree.map(lambda x: jnp.asarray(x[0]), steps))
    add = jax.jit(replay.add)
    for begin in range(0, len(steps.reward), ADDED):
        state = add(state, jax.tree.map(lambda x, b=begin: jnp.asarray(x[b : b + ADDED]), steps))
    return state


def plain_n_step(steps: Transition, row: int, env: int):
    """(reward, discount, next observation) by following the steps one by one."""
    reward, power = 0.0, 1.0
    for k in range(row, row + STEPS):
        reward, power = reward + power * steps.reward[k, env], power * DISCOUNT
        if steps.terminated[k, env]:
            return reward, 0.0, steps.next_observation[k, env]
        if steps.truncated[k, env]:
            break
    return reward, power, steps.next_observation[k, env]


@pytest.mark.parametrize("replay", [UNIFORM, PRIORITISED])
@pytest.mark.parametrize("rows", [4, 12, 26])
def test_whatever_is_drawn_is_what_followed_also_across_the_ring_s_seam(replay, rows):
    steps = history(np.random.default_rng(rows), rows)
    drawn = jax.jit(replay.draw)(jax.random.key(0), filled(replay, steps), DISCOUNT, 0.5)
    seen = set()
    for b in range(64):
        row, env = (int(x) for x in drawn.batch.observation[b])
        seen.add((row, env))
        reward, discount, following = plain_n_step(steps, row, env)
        assert drawn.batch.action[b] == row
        np.testing.assert_allclose(drawn.batch.reward[b], reward, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(drawn.batch.discount[b], discount, rtol=1e-5)
        np.testing.assert_array_equal(drawn.batch.next_observation[b], following)
        assert int(drawn.entry[b]) == row % ROWS * ENVS + env
    oldest, newest = max(rows - ROWS, 0), rows - STEPS
    assert {row for row, _ in seen} == set(range(oldest, newest + 1))
    assert {env for _, env in seen} == set(range(ENVS))


def test_a_termination_beats_a_truncation_of_the_same_step():
    steps = history(np.random.default_rng(0), 4)
    both = steps._replace(terminated=np.ones((4, ENVS), bool), truncated=np.ones((4, ENVS), bool))
    batch = n_step(filled(UNIFORM, both), jnp.array([0]), DISCOUNT, STEPS)
    assert batch.discount[0] == 0
    assert batch.reward[0] == steps.reward[0, 0]


def test_renewed_priorities_decide_how_often_an_entry_is_drawn_and_weights_undo_it():
    replay = PrioritisedReplay(ROWS, 1, 3000, 1.0, floor=0.0)
    state = filled(replay, history(np.random.default_rng(1), ROWS))
    drawn = replay.draw(jax.random.key(0), state, DISCOUNT, 1.0)
    np.testing.assert_array_equal(drawn.weight, 1)  # all new, all alike
    state = replay.learnt(state, drawn, drawn.entry + 1.0)
    drawn = replay.draw(jax.random.key(1), state, DISCOUNT, 1.0)
    expected = np.arange(1, ROWS * ENVS + 1) / np.arange(1, ROWS * ENVS + 1).sum()
    np.testing.assert_allclose(np.bincount(drawn.entry, minlength=ROWS * ENVS) / 3000, expected, atol=1e-3)
    np.testing.assert_allclose(drawn.weight, 1 / (drawn.entry + 1), rtol=1e-5)
    assert state.highest == ROWS * ENVS


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_the_tree_finds_what_a_running_sum_finds(seed):
    rng = np.random.default_rng(seed)
    priorities = np.where(rng.random(37) < 0.3, 0, rng.integers(1, 100, 37)).astype(np.float32)
    priorities[rng.integers(37)] = 5
    order = rng.permutation(37)
    tree = sum_tree.set_priorities(sum_tree.new_tree(37), jnp.arange(37), jnp.ones(37))
    tree = sum_tree.set_priorities(tree, jnp.asarray(order), jnp.asarray(priorities[order]))
    assert tree[1] == priorities.sum()
    np.testing.assert_array_equal(sum_tree.leaves(tree)[:37], priorities)
    fractions = (rng.integers(0, 1000, 64) / 1000).astype(np.float32)
    found = np.asarray(sum_tree.find(tree, jnp.asarray(fractions)))
    expected = np.searchsorted(np.cumsum(priorities), fractions * priorities.sum(), side="right")
    np.testing.assert_array_equal(found, expected)


def test_a_draw_on_the_border_of_two_entries_is_the_later_one():
    tree = sum_tree.set_priorities(sum_tree.new_tree(8), jnp.arange(4), jnp.ones(4))
    assert sum_tree.find(tree, jnp.array([0.0, 0.25, 0.5, 0.75])).tolist() == [0, 1, 2, 3]


def test_a_draw_at_the_very_end_is_still_an_entry_that_can_be_drawn():
    tree = sum_tree.set_priorities(sum_tree.new_tree(8), jnp.array([1, 2]), jnp.array([0.1, 0.2]))
    assert sum_tree.find(tree, jnp.array([0.0, 1.0, 1.5])).tolist() == [1, 2, 2]
