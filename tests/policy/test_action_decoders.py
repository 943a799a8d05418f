"""The decoders mean the same under numpy and JAX, and no decoded quote crosses."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.errors import InputError
from jaxmm.policy.actions import NO_QUOTE, ContinuousActions, DiscreteActions, from_description
from jaxmm.policy.types import Quotes, View, within_position

GRID = DiscreteActions.grid([0, 1, 3, NO_QUOTE], [0, 2, NO_QUOTE], [1, 5])
CONTINUOUS = ContinuousActions.up_to(7, 2)


def view_at(bid: int = 1000, ask: int = 1001, position: int = 0) -> View:
    i = np.int32
    return View(i(bid), i(ask), i(position), np.zeros(2, np.float32), i(0), i(0), i(0), i(0), np.float32(1))


def decode_both(decoder, actions, views):
    """Quotes of every (action, view) pair: by numpy one at a time, by JAX in one jitted batch."""
    one_by_one = [decoder.decode(a, v, np) for v in views for a in actions]
    batch = View(*(np.stack(column) for column in zip(*views, strict=True)))
    decode = jax.jit(jax.vmap(jax.vmap(lambda a, v: decoder.decode(a, v, jnp), (0, None)), (None, 0)))
    together = jax.tree.map(lambda x: np.asarray(x).reshape(-1), decode(np.asarray(actions), batch))
    return Quotes(*(np.array(column) for column in zip(*one_by_one, strict=True))), together


VIEWS = [view_at(*touch) for touch in ((1000, 1001), (1000, 1009), (1000, 1000), (1000, 998), (5, 6))]
POINTS = np.concatenate([np.linspace(-1.2, 1.2, 241), CONTINUOUS.edges, [0.8, 0.9, -1, 1]]).astype(np.float32)
BOX = np.stack([POINTS, POINTS[::-1], np.roll(POINTS, 7)], axis=1)


@pytest.mark.parametrize(("decoder", "actions"), [(GRID, np.arange(GRID.n, dtype=np.int32)), (CONTINUOUS, BOX)])
def test_numpy_and_jax_decode_every_action_alike_and_never_cross(decoder, actions):
    ours, theirs = decode_both(decoder, list(actions), VIEWS)
    for name, left, right in zip(Quotes._fields, ours, theirs, strict=True):
        assert left.dtype == right.dtype == (bool if name == "flatten" else np.int32)
        np.testing.assert_array_equal(left, right, err_msg=name)
    best_bid = np.repeat([v.bid_ticks for v in VIEWS], len(actions))
    best_ask = np.repeat([v.ask_ticks for v in VIEWS], len(actions))
    assert (ours.bid_ticks < best_ask).all()
    assert (ours.ask_ticks > best_bid).all()
    assert (ours.bid_ticks < ours.ask_ticks).all()


def test_offsets_count_from_the_best_of_the_same_side():
    rows = list(zip(*(np.asarray(column).tolist() for column in GRID), strict=True))
    quotes = GRID.decode(rows.index((3, 2, 5)), view_at(), np)
    assert quotes == (997, 5, 1003, 5, False)
    assert GRID.decode(rows.index((0, NO_QUOTE, 1)), view_at(), np)[1::2] == (1, 0)


def test_the_grid_ends_with_no_quote_and_flatten_and_repeats_nothing():
    assert GRID.n == (4 * 3 - 1) * 2 + 2
    nothing, flatten = (GRID.decode(GRID.n - i, view_at(), np) for i in (2, 1))
    assert (nothing.bid_lots, nothing.ask_lots, nothing.flatten) == (0, 0, False)
    assert (flatten.bid_lots, flatten.ask_lots, flatten.flatten) == (0, 0, True)
    assert len(set(zip(*(c[:-1].tolist() for c in GRID), strict=True))) == GRID.n - 1


def test_continuous_offsets_span_the_range_and_its_top_tenth_is_no_quote():
    def at(x: float) -> Quotes:
        return CONTINUOUS.decode(np.array([x, -1, 0], np.float32), view_at(), np)

    assert [int(1000 - at(-1 + 1.8 * i / 7).bid_ticks) for i in range(8)] == list(range(8))
    assert at(0.8).bid_lots == 2
    assert at(0.81).bid_lots == at(5).bid_lots == at(np.nan).bid_lots == 0
    assert CONTINUOUS.decode(np.array([0, 0, 0.91], np.float32), view_at(), np).flatten


@pytest.mark.parametrize("decoder", [GRID, CONTINUOUS])
def test_a_description_survives_json(decoder):
    again = from_description(json.loads(json.dumps(decoder.describe())))
    assert type(again) is type(decoder)
    for left, right in zip(decoder, again, strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    "description",
    [
        {"kind": "discreet"},
        {},
        {"kind": "discrete", "bid_offset": [0, -1], "ask_offset": [0, -1], "lots": [1]},
        {"kind": "discrete", "bid_offset": [0, 0], "ask_offset": [0, -1], "lots": [1, 0]},
        {"kind": "discrete", "bid_offset": [0.5, -1], "ask_offset": [0, -1], "lots": [1, 0]},
        {"kind": "continuous", "max_offset": 0, "lots": 1},
    ],
)
def test_a_wrong_description_is_refused(description):
    with pytest.raises(InputError, match=r"^actions: "):
        from_description(description)


@pytest.mark.parametrize("lists", [([], [0], [1]), ([0, 0], [0], [1]), ([0], [-2], [1]), ([0], [0], [0])])
def test_a_wrong_grid_is_refused(lists):
    with pytest.raises(InputError, match="different integers"):
        DiscreteActions.grid(*lists)


@given(st.integers(-20, 20), st.integers(0, 20), st.integers(0, 9), st.integers(0, 9))
def test_no_kept_quote_can_carry_the_position_beyond_its_limit(position, limit, bid_lots, ask_lots):
    i = np.int32
    quotes = Quotes(i(1), i(bid_lots), i(2), i(ask_lots), np.bool_(False))
    kept = within_position(quotes, i(position), i(limit), np)
    assert kept.bid_lots in (0, bid_lots)
    assert kept.ask_lots in (0, ask_lots)
    assert kept.bid_lots == 0 or position + kept.bid_lots <= limit
    assert kept.ask_lots == 0 or position - kept.ask_lots >= -limit
    if abs(position) <= limit - 9:
        assert (kept.bid_lots, kept.ask_lots) == (bid_lots, ask_lots)
