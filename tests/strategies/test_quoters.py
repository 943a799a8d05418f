"""Strategies round away from the mid, never cross, respect their limits, and mean the same under numpy and JAX."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.errors import InputError
from jaxmm.policy.types import Quotes, View
from jaxmm.strategies import GLFT, STRATEGIES, AvellanedaStoikov, FixedSpread, SkewedSpread, strategy_from


def view_at(bid=1000, ask=1001, position=0, time_left=1.0) -> View:
    i = np.int32
    return View(i(bid), i(ask), i(position), np.zeros(2, np.float32), i(0), i(0), i(0), i(0), np.float32(time_left))


def prices(quotes: Quotes) -> tuple[int, int]:
    return int(quotes.bid_ticks), int(quotes.ask_ticks)


@pytest.mark.parametrize(
    ("half_spread", "touch", "expected"),
    [
        (0.5, (1000, 1001), (1000, 1001)),
        (0.6, (1000, 1001), (999, 1002)),
        (1.5, (1000, 1001), (999, 1002)),
        (1.0, (1000, 1002), (1000, 1002)),
        (0.5, (1000, 1002), (1000, 1002)),
        (0.0, (1000, 1001), (1000, 1001)),
        (0.0, (1000, 1004), (1002, 1002)),
        (0.5, (2_000_000_000, 2_000_000_001), (2_000_000_000, 2_000_000_001)),
    ],
)
def test_a_fixed_spread_is_rounded_away_from_the_mid(half_spread, touch, expected):
    assert prices(FixedSpread(half_spread).quote(view_at(*touch), np)) == expected


def test_inventory_moves_both_quotes_against_itself_but_never_across_the_touch():
    skewed = SkewedSpread(half_spread_ticks=2.5, skew_ticks=1.0, lots=2, max_position_lots=100)
    assert prices(skewed.quote(view_at(), np)) == (998, 1003)
    assert prices(skewed.quote(view_at(position=4), np)) == (996, 1001)
    assert prices(skewed.quote(view_at(position=-40), np)) == (1000, 1023)


def test_avellaneda_stoikov_leans_less_as_the_horizon_ends():
    strategy = AvellanedaStoikov(sigma=2.0, k=1.5, gamma=0.1, horizon_s=10.0, lots=1, max_position_lots=100)
    early, late = (strategy.quote(view_at(position=3, time_left=left), np) for left in (1.0, 0.0))
    risk, base = 0.1 * 4 * 10, math.log1p(0.1 / 1.5) / 0.1
    assert prices(early) == (1000 + math.floor(0.5 - base - risk / 2 - 3 * risk), 1001)
    assert prices(late) == (1000 + math.floor(0.5 - base), 1000 + math.ceil(0.5 + base))


@given(
    name=st.sampled_from(sorted(STRATEGIES)),
    bid=st.integers(100, 10**6),
    spread=st.integers(-2, 30),
    position=st.integers(-30, 30),
    lots=st.integers(1, 7),
    limit=st.integers(1, 30),
    time_left=st.floats(0, 1, width=32),
)
def test_no_strategy_crosses_or_exceeds_its_limit(name, bid, spread, position, lots, limit, time_left):
    strategy = strategy_from(name, {"lots": lots, "max_position_lots": limit})
    quotes = strategy.quote(view_at(bid, bid + spread, position, time_left), np)
    assert np.all(quotes.bid_ticks < bid + spread)
    assert np.all(quotes.ask_ticks > bid)
    together = lots * np.arange(1, (10 if name == "glft_grid" else 1) + 1)
    bids, asks = (np.atleast_1d(side)[: len(together)] for side in (quotes.bid_lots, quotes.ask_lots))
    assert (bids == lots * (position + together <= limit)).all()
    assert (asks == lots * (position - together >= -limit)).all()
    assert quotes.bid_lots.sum() == bids.sum()
    assert quotes.ask_lots.sum() == asks.sum()
    assert not quotes.flatten


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_numpy_and_jax_quote_alike_and_jax_batches_over_the_numbers(name):
    rng = np.random.default_rng(0)
    views = [
        view_at(1000, 1000 + int(rng.integers(1, 5)), int(rng.integers(-9, 10)), float(rng.random())) for _ in range(50)
    ]
    batch = jax.tree.map(lambda *leaves: np.stack(leaves), *views)
    defaults = STRATEGIES[name]()
    numbers = type(defaults)(*(np.array([value, value * 3]) for value in defaults))
    quote = jax.jit(jax.vmap(jax.vmap(lambda s, v: s.quote(v, jnp), (None, 0)), (0, None)))
    together = jax.tree.map(np.asarray, quote(numbers, batch))
    for i, scale in enumerate((1, 3)):
        strategy = type(defaults)(*(value * scale for value in defaults))
        for j, view in enumerate(views):
            ours = strategy.quote(view, np)
            for field, value, theirs in zip(Quotes._fields, ours, together, strict=True):
                assert np.asarray(value).dtype == theirs.dtype == (bool if field == "flatten" else np.int32)
                assert np.array_equal(value, theirs[i, j]), (field, strategy, view)


def test_glft_quotes_are_its_distances_rounded():
    strategy = GLFT(sigma=0.3, A=0.9, k=0.3, gamma=0.01, lots=2, max_position_lots=100)
    # q = 1 clip: bid 3.380781 and ask 3.245050 ticks from the mid at 1000.5
    assert prices(strategy.quote(view_at(position=2), np)) == (997, 1004)


@pytest.mark.parametrize(
    ("name", "numbers", "says"),
    [
        ("glfd", {}, "unknown strategy 'glfd'; did you mean 'glft'"),
        ("glft", {"gama": 1.0}, "unknown setting 'gama'; did you mean 'gamma'"),
        ("glft", {"gamma": 0.0}, "gamma is 0.0; it must be more than zero"),
        ("glft", {"gamma": "0.1"}, "gamma is '0.1'; it must be a number"),
        ("fixed_spread", {"lots": 1.5}, "whole number"),
        ("glft_grid", {"levels": 21}, "at most 20 orders a side"),
        ("fixed_spread", {"lots": True}, "it must be a number"),
        ("skewed_spread", {"skew_ticks": math.nan}, "it must be a number"),
    ],
)
def test_a_wrong_name_or_number_is_refused(name, numbers, says):
    with pytest.raises(InputError, match=says):
        strategy_from(name, numbers)


def test_a_negative_spread_is_refused():
    with pytest.raises(InputError, match="half_spread_ticks is -5; it must be zero or more"):
        strategy_from("fixed_spread", {"half_spread_ticks": -5})
