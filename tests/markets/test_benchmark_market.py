"""The benchmark's market has the shares that the benchmark promises: measured on a stretch of it."""

import numpy as np
import pytest

from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Code


@pytest.fixture(scope="module")
def stretch(tmp_path_factory):
    store = SyntheticStore(SyntheticMarket.benchmark(), seed=1, seconds=900)
    return build_tape(store, tmp_path_factory.mktemp("stretch") / "tape", "100ms", 5)


def test_four_events_in_five_change_the_book_and_one_is_a_trade(stretch):
    trades = np.isin(stretch.event[:, 0], (Code.SELL_TRADE, Code.BUY_TRADE)).mean()
    assert trades == pytest.approx(0.2, abs=0.01)


def test_about_51_events_come_between_two_decisions_of_100_ms(stretch):
    assert stretch.instrument.tick_size == 0.1
    assert stretch.events / stretch.decisions == pytest.approx(51, abs=1)


def test_the_spread_is_one_tick_for_95_percent_of_the_time(stretch):
    best = stretch.best[1:]
    whole = (best > 0).all(axis=1)[:-1]
    lasted = np.diff(stretch.exch_ts[1:])
    one_tick = np.diff(best, axis=1)[:-1, 0] == 1
    assert (lasted * one_tick)[whole].sum() / lasted[whole].sum() == pytest.approx(0.95, abs=0.01)


def test_some_trades_sweep_several_levels_at_one_time(stretch):
    trades = stretch.event[:, 0] <= Code.BUY_TRADE
    _, prints = np.unique(stretch.exch_ts[trades], return_counts=True)
    assert (prints > 1).sum() > 300
    assert prints.max() >= 4


def test_no_two_messages_share_an_exchange_time():
    batches = SyntheticMarket.benchmark().events(seed=1, rows=200_000)
    columns = [np.stack([batch.column(name).to_numpy() for name in ("exch_ts", "id")]) for batch in batches]
    exch_ts, message = np.concatenate(columns, axis=1)
    assert ((np.diff(exch_ts) == 0) == (np.diff(message) == 0)).all()
