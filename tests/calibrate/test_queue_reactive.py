"""Queue-reactive intensities: found again on a simulated market, and counted as the definition says on small ones."""

from types import SimpleNamespace

import numpy as np
import pytest

from jaxmm.calibrate.queue_reactive import QueueReactive, queue_reactive
from jaxmm.errors import InputError
from jaxmm.tape.tape import Code

SECOND = 10**9
BID, ASK = 1000, 1001
LIMIT = np.array([[0.0, 2.0, 1.8, 1.5, 1.2, 0.8, 0.0], [1.0, 1.5, 1.2, 1.0, 0.5, 0.2, 0.0]])
CANCEL = np.array([[0.0, 0.0, 0.4, 0.8, 1.2, 1.6, 2.0], [0.0, 0.6, 1.2, 1.8, 2.4, 3.0, 3.6]])
MARKET = np.array([[0.0, 0.0, 0.8, 0.7, 0.6, 0.5, 0.4], [0.0] * 7])
RATES = np.stack([LIMIT, CANCEL, MARKET])  # [3, levels, queue of 0 … 6]; the touch never empties, so the price stays


def tape_of(rows: list) -> SimpleNamespace:
    """A tape from (ns, code, price, lots, displayed before); the best prices are those of the touch."""
    stamps, events = [row[0] for row in rows], [row[1:] for row in rows]
    best = np.tile(np.array([BID, ASK], np.int32), (len(rows), 1))
    best[0] = (BID, 0)
    return SimpleNamespace(exch_ts=np.array(stamps), event=np.array(events, np.int32), best=best)


def simulated(seconds: float, seed: int) -> SimpleNamespace:
    """Unit events at RATES in two levels a side, told as a venue tells them: a print, and then the new size."""
    rng = np.random.default_rng(seed)
    queues = np.full((2, 2), 3)
    rows = [(0, 2 + side, (BID - i, ASK + i)[side], 3, 0) for side in range(2) for i in range(2)]
    clock = 0.5
    while True:
        rates = RATES[:, np.arange(2)[None, :], queues]  # [3, side, level]
        clock += rng.exponential(1 / rates.sum())
        if clock > seconds:
            return tape_of([*rows, (int(seconds * SECOND), 2, BID, queues[0, 0], queues[0, 0])])
        kind, side, level = np.unravel_index(rng.choice(12, p=(rates / rates.sum()).ravel()), (3, 2, 2))
        ts, price = int(clock * SECOND), (BID - level, ASK + level)[side]
        before = queues[side, level]
        queues[side, level] += 1 if kind == 0 else -1
        if kind == 2:
            rows.append((ts, Code.SELL_TRADE if side == 0 else Code.BUY_TRADE, price, 1, 0))
        rows.append((ts, 2 + side, price, queues[side, level], before))


def test_the_rates_of_a_simulated_market_are_found_again():
    found = queue_reactive(simulated(3000, 1), levels=2, sizes=7)
    np.testing.assert_allclose(found.unit_lots, 1)
    spent = found.seconds > 20
    assert spent.sum() >= 11
    off = (found.rates - RATES)[:, spent] / np.maximum(found.rates_se[:, spent], 1e-9)
    assert np.abs(off[found.events[:, spent] > 0]).max() < 4
    assert (RATES[:, spent][found.events[:, spent] == 0] < 0.05).all()
    np.testing.assert_allclose(found.shares[1], found.invariant_shares()[1], atol=0.02)


def test_gaps_take_the_rates_of_the_next_smaller_queue_and_empty_queues_lose_nothing():
    events, seconds = np.zeros((3, 1, 4), int), np.array([[10.0, 10.0, 0.0, 10.0]])
    events[:, 0] = [[10, 20, 0, 5], [3, 10, 0, 20], [7, 5, 0, 10]]
    found = QueueReactive(np.ones(1), events, seconds)
    assert np.isnan(found.rates[:, 0, 2]).all()
    assert found.rates_filled()[:, 0].tolist() == [[1, 2, 2, 0.5], [0, 1, 1, 2], [0, 0.5, 0.5, 1]]
    assert found.to_dict()["standard_errors"]["limit"][0][2] is None


def opened(*rows: tuple) -> SimpleNamespace:
    """Both touches of 10 lots at 0 s, then `rows` repeated often enough to be counted, and quiet until the end."""
    start = [(0, 2, BID, 10, 0), (0, 3, ASK, 10, 0)]
    cycle = max(row[0] for row in rows) + 1
    many = [(int((1 + t + n * cycle) * SECOND), *rest) for n in range(100) for t, *rest in rows]
    return tape_of([*start, *many])


def test_a_smaller_queue_was_cancelled_but_for_what_was_traded():
    traded_and_cancelled = [(0, Code.SELL_TRADE, BID, 3, 0), (0, 2, BID, 5, 10), (1, 2, BID, 10, 5)]
    found = queue_reactive(opened(*traded_and_cancelled), levels=1, sizes=9)
    assert found.events.sum(axis=2)[:, 0].tolist() == [100, 100, 100]  # +5, −2 and the print of 3
    assert found.unit_lots[0] == pytest.approx((5 + 2 + 3) / 3)


def test_a_print_that_the_next_message_explains_is_no_cancellation():
    taken = [(0, Code.BUY_TRADE, ASK, 4, 0), (0.01, 3, ASK, 6, 10), (1, 3, ASK, 10, 6)]
    found = queue_reactive(opened(*taken), levels=1, sizes=9)
    assert found.events.sum(axis=2)[:, 0].tolist() == [100, 0, 100]


def test_a_print_is_forgotten_after_a_message_that_shows_the_level_unchanged():
    refilled = [
        (0, Code.BUY_TRADE, ASK, 4, 0),
        (0.01, 2, BID, 8, 10),
        (1, 3, ASK, 6, 10),  # of its own: a cancellation of 4
        (2, 3, ASK, 10, 6),
        (2, 2, BID, 10, 8),
    ]
    found = queue_reactive(opened(*refilled), levels=1, sizes=9)
    assert found.events.sum(axis=2)[:, 0].tolist() == [200, 200, 100]


def test_the_prints_of_one_order_at_a_level_are_one_event():
    prints = [(0, Code.BUY_TRADE, ASK, 1, 0), (0, Code.BUY_TRADE, ASK, 3, 0), (0, 3, ASK, 6, 10), (1, 3, ASK, 10, 6)]
    found = queue_reactive(opened(*prints), levels=1, sizes=9)
    assert found.events.sum(axis=2)[:, 0].tolist() == [100, 0, 100]
    assert found.unit_lots[0] == pytest.approx(4)


def test_levels_count_from_the_reference_price_which_a_wide_spread_moves_by_half_a_tick_only():
    touch = [(0.5, 3, ASK, 9, 10), (1, 3, ASK, 10, 9), (1.2, 3, ASK, 9, 10), (1.4, 3, ASK, 10, 9)]
    tape = opened((0, 2, BID - 1, 7, 0), *touch, (1.5, 2, BID - 1, 0, 7))
    wide = tape.exch_ts >= 50 * SECOND
    tape.best[wide, 0] = BID - 1  # the touch went: the mid is on a tick, the nearer half tick is the old reference
    near = queue_reactive(tape, levels=2, sizes=9)
    assert near.events.sum(axis=2).tolist() == [[200, 100], [200, 100], [0, 0]]


def test_levels_without_events_and_senseless_numbers_are_refused():
    tape = simulated(60, 1)
    with pytest.raises(InputError, match="level 3 sees 0 events"):
        queue_reactive(tape, levels=3)
    with pytest.raises(InputError, match="at least 1 and 2"):
        queue_reactive(tape, levels=0)
