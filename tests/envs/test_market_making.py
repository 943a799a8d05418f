"""The environment's contract: what it shows, when it ends, and that thousands run side by side."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.experimental.rollout import RolloutWrapper
from gymnax.wrappers.purerl import LogWrapper
from jax import monitoring

from jaxmm.envs.market_making import MarketMaking, Params, State, check_params
from jaxmm.envs.rewards import TERMS
from jaxmm.errors import InputError
from jaxmm.features.observation import OBSERVATION
from tests.envs.conftest import LIMIT, LOTS

ENV = MarketMaking()
ENVS, STEPS = 2000, 50
QUICK = {"xla_backend_optimization_level": 0}  # compiling takes longer than playing


class Seen(NamedTuple):
    """A batch of random play, each [STEPS, ENVS, ...]; the state is the one after the step."""

    observation: Any
    state: State
    action: Any
    reward: Any
    terminated: Any
    truncated: Any
    info: dict


@partial(jax.jit, static_argnames=("envs",), compiler_options=QUICK)
def play(params: Params, ruin: jax.Array, lengths: jax.Array, key: jax.Array, envs: int = ENVS) -> tuple[State, Seen]:
    """Random actions; `lengths` are the environments' own episode lengths."""
    axes = jax.tree.map(lambda _: None, params).replace(episode_steps=0)
    params = params.replace(episode_steps=lengths, ruin=ruin)
    key_reset, key_play = jax.random.split(key)
    _, start = jax.vmap(ENV.reset, (0, axes))(jax.random.split(key_reset, envs), params)

    def step(state: State, key: jax.Array) -> tuple[State, Seen]:
        key_action, key_step = jax.random.split(key)
        action = jax.vmap(ENV.action_space(params).sample)(jax.random.split(key_action, envs))
        keys = jax.random.split(key_step, envs)
        observation, state, *ends, info = jax.vmap(ENV.step, (0, 0, 0, axes))(keys, state, action, params)
        return state, Seen(observation, state, action, *ends, info)

    return start, jax.lax.scan(step, start, jax.random.split(key_play, STEPS))[1]


def played(params: Params, seed: int = 0, ruin: float = np.inf) -> tuple[State, Seen]:
    """Random play under strict promotion of types and ranks; half of the episodes are of 7 steps, half of 40."""
    lengths = jnp.where(jnp.arange(ENVS) % 2 == 0, jnp.int32(40), jnp.int32(7))
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        return jax.tree.map(np.asarray, play(params, jnp.float32(ruin), lengths, jax.random.key(seed)))


@pytest.fixture(scope="module")
def random_play(discrete: Params) -> tuple[State, Seen]:
    return played(discrete)


@pytest.fixture(scope="module")
def continuous_play(continuous: Params) -> tuple[State, Seen]:
    return played(continuous)


@pytest.fixture(scope="module", params=["discrete", "continuous"])
def any_play(request: pytest.FixtureRequest) -> tuple[Params, State, Seen]:
    kind = {"discrete": "random_play", "continuous": "continuous_play"}[request.param]
    return request.getfixturevalue(request.param), *request.getfixturevalue(kind)


def column(seen: Seen, name: str) -> np.ndarray:
    return seen.observation[..., OBSERVATION.index(name)]


def test_every_output_has_the_type_and_shape_that_the_spaces_name(any_play):
    params, _, seen = any_play
    space = ENV.observation_space(params)
    assert seen.observation.shape == (STEPS, ENVS, *space.shape)
    assert seen.observation.dtype == np.float32
    assert np.isfinite(seen.observation).all()
    assert seen.reward.dtype == np.float32
    assert seen.terminated.dtype == seen.truncated.dtype == bool
    assert {leaf.dtype for leaf in jax.tree.leaves(seen.state)} == {np.dtype(np.int32), np.dtype(np.float32)}
    assert ENV.action_space(params).contains(jnp.asarray(seen.action)).all()


def test_the_position_passes_its_limit_by_no_more_than_the_order_that_fills_before_its_cancel_arrives(any_play):
    _, _, seen = any_play
    position = np.abs(seen.state.position)
    assert LIMIT - 1 <= position.max() <= LIMIT + LOTS
    assert seen.info["score/volume_lots"].sum() > ENVS
    assert seen.info["score/outside"].sum() == 0


def test_the_reward_is_the_weighted_sum_of_its_named_terms(any_play):
    params, _, seen = any_play
    terms = sum(float(getattr(params.weights, name)) * seen.info[f"reward/{name}"] for name in TERMS)
    np.testing.assert_allclose(seen.reward, terms, atol=1e-6)
    for name in set(TERMS) - {"sharpe"}:
        assert np.any(seen.info[f"reward/{name}"] != 0), name


def test_an_environment_s_state_is_small(random_play):
    start, _ = random_play
    assert sum(leaf[0].nbytes for leaf in jax.tree.leaves(start)) <= 256


def lots_of(side) -> np.ndarray:
    """Total lots of our order of a side, on either engine."""
    return getattr(side, "orders", side).lots


def test_the_private_half_of_the_observation_says_what_it_is_named(random_play):
    _, seen = random_play
    np.testing.assert_allclose(column(seen, "inventory"), seen.state.position / np.float32(LIMIT))
    for side, mine in (("bid", seen.state.venue.bid), ("ask", seen.state.venue.ask)):
        open_ = column(seen, f"own_{side}_open")
        assert set(np.unique(open_)) == {0.0, 1.0}
        assert np.all((column(seen, f"own_{side}_distance") != 0) <= (open_ == 1))
        assert np.all(lots_of(mine)[open_ == 1] > 0)
    left = np.where(np.arange(ENVS) % 2 == 0, 40, 7)
    np.testing.assert_allclose(column(seen, "time_left"), (seen.state.end - seen.state.k) / left, rtol=1e-6)


def test_the_market_half_of_the_observation_is_the_tape_s_row(random_play, tape):
    _, seen = random_play
    np.testing.assert_array_equal(seen.observation[..., : tape.features.shape[1]], tape.features[seen.state.k])


def test_an_episode_is_cut_at_its_length_and_goes_on_flat_somewhere_else(random_play):
    start, seen = random_play
    assert not seen.terminated.any()
    steps = np.arange(1, STEPS + 1)[:, None]
    lengths = np.where(np.arange(ENVS) % 2 == 0, 40, 7)
    np.testing.assert_array_equal(seen.truncated, steps % lengths == 0)
    fresh = jax.tree.map(lambda leaf: leaf[seen.truncated], seen.state)
    assert not fresh.position.any()
    assert not fresh.equity.any()
    assert not lots_of(fresh.venue.bid).any()
    np.testing.assert_array_equal(fresh.end - fresh.k, np.broadcast_to(lengths, seen.truncated.shape)[seen.truncated])
    before = np.concatenate([start.k[None], seen.state.k[:-1]])
    assert (seen.state.k == before + 1)[~seen.truncated].all()


def test_the_final_observation_is_the_old_episode_s_and_the_returned_one_the_new_one_s(random_play):
    _, seen = random_play
    final = seen.info["final_observation"]
    np.testing.assert_array_equal(final[~seen.truncated], seen.observation[~seen.truncated])
    left = OBSERVATION.index("time_left")
    assert (final[seen.truncated][:, left] == 0).all()
    assert (seen.observation[seen.truncated][:, left] == 1).all()
    assert np.any(final[seen.truncated][:, OBSERVATION.index("inventory")] != 0)


def test_a_random_start_is_anywhere_that_leaves_room_for_an_episode(random_play, tape):
    start, _ = random_play
    for length, k in ((40, start.k[::2]), (7, start.k[1::2])):
        assert k.min() < 10
        assert tape.decisions - length - 10 < k.max() < tape.decisions - length
        assert len(np.unique(k)) > 300


def test_ruin_terminates_and_is_no_truncation(discrete):
    _, seen = played(discrete, seed=1, ruin=1e-4)
    assert seen.terminated.sum() > 100
    assert (seen.terminated & ~seen.truncated).any()
    assert not seen.state.equity[seen.terminated].any()
    assert (seen.state.equity[~seen.terminated] > -1e-4).all()


def test_nothing_is_compiled_again_for_other_keys_markets_or_numbers(discrete):
    played(discrete)
    compiled: list[str] = []
    note = lambda name, duration, **_: compiled.append(name)  # noqa: E731
    monitoring.register_event_duration_secs_listener(note)
    try:
        later = jax.tree.map(lambda leaf: jax.device_put(np.array(leaf)), discrete.replay)
        played(discrete.replace(replay=later, distance_ticks=jnp.float32(3)), seed=3, ruin=5.0)
    finally:
        monitoring.unregister_event_duration_listener(note)
    assert not [name for name in compiled if "compile" in name and "backend" in name and "cache" not in name]


def test_the_start_of_an_episode_costs_no_loop(discrete):
    assert "while" not in str(jax.make_jaxpr(ENV.reset_env)(jax.random.key(0), discrete))


def test_a_fixed_start_begins_where_it_is_told(discrete):
    fixed = discrete.replace(random_start=jnp.asarray(False), first=jnp.int32(100))
    start, seen = played(fixed)
    assert (start.k == 100).all()
    assert (seen.state.k[seen.truncated] == 100).all()


def test_gymnax_own_rollout_and_wrappers_run_on_it_unmodified():
    rollout = RolloutWrapper(env=LogWrapper(ENV), env_params={"episode_steps": jnp.int32(9)}, num_env_steps=20)
    quickly = jax.jit(rollout.batch_rollout, compiler_options=QUICK)
    observation, _, reward, _, done, total = quickly(jax.random.split(jax.random.key(0), 8), None)
    assert observation.shape == (8, 20, len(OBSERVATION))
    np.testing.assert_array_equal(np.flatnonzero(done[0]), [8, 17])
    np.testing.assert_allclose(total[:, 0], reward[:, :9].sum(1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [0, 600])
def test_an_episode_that_does_not_fit_the_tape_is_refused(discrete, tape, steps):
    with pytest.raises(InputError, match=f"allows 1 to {tape.decisions - 1}"):
        check_params(discrete.replace(episode_steps=jnp.int32(steps)))


def test_a_start_that_leaves_no_room_for_an_episode_is_refused(discrete):
    last = discrete.replay.decisions - 1 - int(discrete.episode_steps)
    fixed = discrete.replace(random_start=jnp.asarray(False))
    assert check_params(fixed.replace(first=jnp.int32(last))) is not None
    with pytest.raises(InputError, match=rf"env\.start is {last + 1}; .* 0 to {last}"):
        check_params(fixed.replace(first=jnp.int32(last + 1)))
