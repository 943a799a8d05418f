"""The synthetic market keeps a book's rules and has the statistics it promises."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from jaxmm.data.book import best, clear, new_book, set_level
from jaxmm.data.schema import COLUMNS, Kind, Side
from jaxmm.errors import InputError
from jaxmm.markets.synthetic import START_NS, SyntheticMarket, SyntheticStore
from jaxmm.tape.build import build_tape

MARKET = SyntheticMarket()
SECONDS = 3000


def rows_of(market, **length):
    table = pa.Table.from_batches(market.events(**length))
    assert table.schema.equals(COLUMNS)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    columns["price"] = market.instrument.to_ticks(columns["price"])
    columns["qty"] = market.instrument.to_lots(columns["qty"])
    return columns


@pytest.fixture(scope="module")
def rows():
    return rows_of(MARKET, seed=3, seconds=SECONDS)


@pytest.fixture(scope="module")
def touch(rows):
    """(time, bid, bid lots, ask, ask lots) after each message, from a book rebuilt row by row."""
    book = new_book(1000)
    touches = []
    last = np.append(np.diff(rows["id"]) > 0, True)
    for kind, side, price, qty, end, ts in zip(
        *(rows[n] for n in ("kind", "side", "price", "qty")), last, rows["exch_ts"], strict=True
    ):
        if kind == Kind.CLEAR:
            clear(book, side)
        elif kind != Kind.TRADE:
            set_level(book, side, price, qty)
        if end:
            touches.append((ts, *best(book, 0), *best(book, 1)))
    assert (book.n == MARKET.levels).all()
    return np.array(touches).T


def mids_at(touch, times):
    ts, bid, _, ask, _ = touch
    return ((bid + ask) / 2)[np.searchsorted(ts, times, side="right") - 1]


def test_the_rebuilt_book_is_never_crossed_nor_empty(touch):
    _, bid, bid_lots, ask, ask_lots = touch
    assert (bid < ask).all()
    assert min(bid_lots.min(), ask_lots.min()) > 0


def test_trades_take_displayed_size_best_level_first_and_the_book_says_so_in_the_same_message(rows):
    book = {Side.BID: {}, Side.ASK: {}}
    starts = np.flatnonzero(np.append(True, np.diff(rows["id"]) > 0))
    columns = [rows[n].tolist() for n in ("kind", "side", "price", "qty")]
    for start, stop in zip(starts, [*starts[1:], len(rows["id"])], strict=True):
        owed = {}
        for kind, side, price, qty in zip(*(c[start:stop] for c in columns), strict=True):
            if kind == Kind.TRADE:
                hit = Side.ASK if side == Side.BID else Side.BID
                open_levels = [p for p in book[hit] if (hit, p) not in owed or owed[hit, p] > 0]
                assert price == (min(open_levels) if hit == Side.ASK else max(open_levels))
                assert 0 < qty <= book[hit][price]
                owed[hit, price] = book[hit][price] - qty
            elif kind in (Kind.DEPTH, Kind.SNAPSHOT):
                assert owed.pop((side, price), qty) == qty
                book[side].pop(price, None)
                if qty:
                    book[side][price] = qty
        assert not owed


def test_messages_are_received_in_order_after_they_were_sent(rows):
    assert (np.diff(rows["recv_ts"]) >= 0).all()
    assert (np.diff(rows["exch_ts"]) >= 0).all()
    latency = rows["recv_ts"] - rows["exch_ts"]
    assert latency.min() >= 2e6
    assert 2.9e6 < latency.mean() < 3.5e6
    same_message = np.diff(rows["id"]) == 0
    assert (np.diff(rows["exch_ts"])[same_message] == 0).all()
    assert (np.diff(rows["exch_ts"])[~same_message] > 0).all()


def test_a_fifth_of_the_rows_are_trades_and_the_spread_is_mostly_one_tick(rows, touch):
    assert abs((rows["kind"] == Kind.TRADE).mean() - 0.2) < 0.02
    ts, bid, _, ask, _ = touch
    at_one_tick = np.diff(ts)[(ask - bid)[:-1] == 1].sum() / (ts[-1] - ts[0])
    assert abs(at_one_tick - 0.95) < 0.02


def test_volatility_is_about_a_tick_per_root_second(touch):
    grid = START_NS + np.arange(1, SECONDS - 1) * 10**9
    assert 0.7 < np.diff(mids_at(touch, grid)).std() < 1.3


def test_imbalance_and_trade_flow_predict_the_next_seconds(rows, touch):
    grid = START_NS + np.arange(5, SECONDS - 5) * 10**9
    ahead = mids_at(touch, grid + 10**9) - mids_at(touch, grid)
    ts, _, bid_lots, _, ask_lots = touch
    i = np.searchsorted(ts, grid, side="right") - 1
    imbalance = ((bid_lots - ask_lots) / (bid_lots + ask_lots))[i]
    trades = rows["kind"] == Kind.TRADE
    flow = np.append(0, np.cumsum(np.where(rows["side"][trades] == Side.BID, 1, -1)))
    since = [np.searchsorted(rows["exch_ts"][trades], grid - back, side="right") for back in (0, 3 * 10**9)]
    assert np.corrcoef(imbalance, ahead)[0, 1] > 0.3
    assert np.corrcoef(flow[since[0]] - flow[since[1]], ahead)[0, 1] > 0.2


def test_resting_at_the_touch_loses_blindly_and_earns_with_a_thick_queue_behind(rows, touch):
    trades = rows["kind"] == Kind.TRADE
    ts, _, bid_lots, _, ask_lots = touch
    sent, price, lots = (rows[n][trades] for n in ("exch_ts", "price", "qty"))
    aggressor = np.where(rows["side"][trades] == Side.BID, 1, -1)
    earned = aggressor * (price - mids_at(touch, sent + 5 * 10**9))
    before = np.searchsorted(ts, sent) - 1
    behind = -aggressor * ((bid_lots - ask_lots) / (bid_lots + ask_lots))[before]
    assert np.average(earned, weights=lots) < 0
    assert earned[behind > 0.3].mean() > 0.5
    assert earned[behind < -0.3].mean() < -0.5


def test_a_seed_gives_the_same_rows_in_any_batches_and_another_seed_others():
    whole = pa.Table.from_batches(MARKET.events(seed=5, rows=20_000))
    pieces = pa.Table.from_batches(MARKET.events(seed=5, rows=20_000, batch_rows=777))
    assert 20_000 - 80 < whole.num_rows <= 20_000
    shared = min(whole.num_rows, pieces.num_rows)
    assert whole.slice(0, shared).equals(pieces.slice(0, shared))
    assert not whole.equals(pa.Table.from_batches(MARKET.events(seed=6, rows=20_000)))


def test_top_rows_follow_the_touch(touch):
    tops = rows_of(dataclasses.replace(MARKET, tops=True), seed=3, seconds=60)
    is_top = tops["kind"] == Kind.TOP
    ts, bid, bid_lots, ask, ask_lots = touch
    for side, price, lots in ((Side.BID, bid, bid_lots), (Side.ASK, ask, ask_lots)):
        mine = is_top & (tops["side"] == side)
        i = np.searchsorted(ts, tops["exch_ts"][mine])
        np.testing.assert_array_equal(tops["price"][mine], price[i])
        np.testing.assert_array_equal(tops["qty"][mine], lots[i])
    assert is_top.sum() > 1000


def test_it_reads_like_a_store():
    store = SyntheticStore(MARKET, seed=1, seconds=30)
    names = ["price", "kind"]
    chosen = pa.Table.from_batches(store.batches(batch_rows=500, columns=names))
    assert chosen.column_names == names
    assert chosen.equals(pa.Table.from_batches(MARKET.events(seed=1, seconds=30)).select(names))
    assert store.meta["instrument"] == store.instrument.to_dict()
    assert store.meta["clocks"] == "both"


def test_a_tape_is_built_from_it_without_a_store_on_disk(tmp_path):
    tape = build_tape(SyntheticStore(MARKET, seed=1, seconds=30), tmp_path / "tape", "100ms", 10)
    assert tape.decisions > 290
    assert (tape.meta.crossed, tape.meta.unsided) == (0, 0)
    assert tape.instrument == MARKET.instrument
    assert tape.meta.trades > 200
    assert (tape.book_qty > 0).all()


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"trade_rate": -1.0}, "trade_rate is -1.0; it must be more than zero"),
        ({"jump_tilt": float("nan")}, "jump_tilt is nan; it must be zero or more"),
        ({"levels": 2}, "at least 3"),
        ({"follow": 1.5}, "must be a probability"),
        ({"start_price": 1.0}, "leaves no room"),
        ({"tick_size": 0.0}, "tick_size is 0.0"),
    ],
)
def test_numbers_that_make_no_market_are_refused(numbers, says):
    with pytest.raises(InputError, match=says):
        SyntheticMarket(**numbers)


@pytest.mark.parametrize("length", [{}, {"rows": 10}, {"rows": 1000, "seconds": 1}, {"seconds": 0}, {"seconds": -1.0}])
def test_lengths_that_make_no_sense_are_refused_before_the_first_row(length):
    with pytest.raises(InputError, match="synthetic market: "):
        MARKET.events(seed=0, **length)
