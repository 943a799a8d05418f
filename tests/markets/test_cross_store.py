from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from jaxmm.data.arrow import batch_of, column
from jaxmm.data.schema import Kind, Side
from jaxmm.data.store import import_recording, open_store
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.markets.cross_store import CrossStore, quotes_at, routes_of
from jaxmm.markets.crosses import Levels, TwoSided, synthetic_book
from jaxmm.tape.build import build_tape

BTC = Instrument("x", "BTCUSDT", 1.0, 0.01, base="BTC", quote="USDT", taker_fee=0.001)
ETH_BTC = Instrument("x", "ETHBTC", 0.00001, 0.1, base="ETH", quote="BTC", taker_fee=0.001)
CROSS = Instrument("x", "ETHUSDT via BTC", 0.01, 0.0001, base="ETH", quote="USDT")
COLUMNS = ["exch_ts", "recv_ts", "kind", "side", "price", "qty", "id"]


@dataclass(frozen=True)
class ListStore:
    instrument: Instrument
    rows: tuple[tuple, ...]

    def batches(self, batch_rows: int = 1000, columns=None):
        for start in range(0, len(self.rows), batch_rows):
            part = list(zip(*self.rows[start : start + batch_rows], strict=True))
            yield batch_of(
                [np.array(c, f) for c, f in zip(part, ("i8", "i8", "i1", "i1", "f8", "f8", "i8"), strict=True)]
            )


def row(ts: int, kind: Kind, side: Side, price: float = 0.0, qty: float = 0.0, id: int = 0) -> tuple:
    return ts, ts + 5, int(kind), int(side), price, qty, id


def random_store(instrument: Instrument, mid: float, seed: int, messages: int = 300) -> ListStore:
    """Snapshots of a few levels, then one to three changed levels a message; times differ between stores by parity."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(messages):
        ts = 10 + 2 * i + seed % 2
        if i % 100 == 0:
            rows.append(row(ts, Kind.CLEAR, Side.NONE, id=i))
        for _ in range(12 if i % 100 == 0 else rng.integers(1, 4)):
            side = int(rng.integers(2))
            ticks = round(mid / instrument.tick_size) + (
                int(rng.integers(1, 15)) if side else -int(rng.integers(0, 14))
            )
            lots = int(rng.integers(0, 50))
            kind = Kind.SNAPSHOT if i % 100 == 0 else Kind.DEPTH
            if kind == Kind.DEPTH or lots:
                rows.append(row(ts, kind, side, ticks * instrument.tick_size, lots * instrument.lot_size, i))
    return ListStore(instrument, tuple(rows))


def cross_of(*stores: ListStore, levels: int = 3) -> CrossStore:
    (route,) = routes_of(stores, "ETH", "USDT")
    return CrossStore(tuple(stores), route, CROSS, levels)


def plain_books(stores, until_recv: int) -> list[TwoSided]:
    """Books by dictionaries, up to and with what was received at a time."""
    books = []
    for store in stores:
        sides: list[dict[float, float]] = [{}, {}]
        for _, recv_ts, kind, side, price, qty, _ in store.rows:
            if recv_ts > until_recv:
                break
            if kind == Kind.CLEAR:
                sides = [{}, {}]
            else:
                sides[side].pop(price, None)
                if qty:
                    sides[side][price] = qty
        ordered = [sorted(sides[0].items(), reverse=True), sorted(sides[1].items())]
        books.append(
            TwoSided(
                *(
                    Levels(*(np.array(x, float) for x in zip(*s, strict=True)))
                    if s
                    else Levels(np.empty(0), np.empty(0))
                    for s in ordered
                )
            )
        )
    return books


def test_what_the_cross_shows_is_the_synthetic_book_of_plain_books_at_every_time():
    stores = random_store(BTC, 60000.0, 2), random_store(ETH_BTC, 0.0524, 3)
    cross = cross_of(*stores)
    times = np.arange(16, 620, 7)
    seen = quotes_at(cross, times)
    shown = 0
    for time, quotes in zip(times, seen, strict=True):
        book = synthetic_book(cross.route, plain_books(stores, time), [0.001, 0.001])
        for side, (price, size), rounds in ((book.bids, quotes[:2], np.floor), (book.asks, quotes[2:], np.ceil)):
            ticks = rounds(np.round(side.price / 0.01, 6))
            lots = [np.floor(np.round(side.qty[ticks == tick].sum() / 0.0001, 6)) for tick in dict.fromkeys(ticks)]
            best = [(tick, lot) for tick, lot in zip(dict.fromkeys(ticks), lots, strict=True) if lot > 0]
            if not best:
                assert np.isnan(price)
                continue
            shown += 1
            assert price == pytest.approx(best[0][0] * 0.01)
            assert size == pytest.approx(best[0][1] * 0.0001, abs=1.5e-4)
    assert shown > 120


def test_rows_are_canonical_and_the_same_however_they_are_batched():
    stores = random_store(BTC, 60000.0, 2), random_store(ETH_BTC, 0.0524, 3)
    whole = pa.Table.from_batches(list(cross_of(*stores).batches()))
    pieces = pa.Table.from_batches(list(cross_of(*stores).batches(batch_rows=17)))
    assert whole.column_names == COLUMNS
    assert whole.equals(pieces)
    recv_ts, exch_ts, qty = (whole[name].to_numpy() for name in ("recv_ts", "exch_ts", "qty"))
    assert (np.diff(recv_ts) >= 0).all()
    assert (np.diff(exch_ts) >= 0).all()
    assert (recv_ts >= exch_ts).all()
    CROSS.to_ticks(whole["price"].to_numpy())
    CROSS.to_lots(qty)
    assert (qty == 0).any()


def test_after_a_gap_there_is_nothing_until_the_next_snapshot():
    rows = [
        row(0, Kind.SNAPSHOT, Side.BID, 60000, 1, 0),
        row(0, Kind.SNAPSHOT, Side.ASK, 60001, 1, 0),
        row(20, Kind.GAP, Side.NONE, id=1),
        row(30, Kind.SNAPSHOT, Side.BID, 60000, 1, 2),
        row(30, Kind.SNAPSHOT, Side.ASK, 60001, 1, 2),
    ]
    other = [row(1, Kind.SNAPSHOT, Side.BID, 0.0524, 10, 0), row(1, Kind.SNAPSHOT, Side.ASK, 0.05241, 10, 0)]
    cross = cross_of(ListStore(BTC, tuple(rows)), ListStore(ETH_BTC, tuple(other)))
    seen = quotes_at(cross, np.array([4, 10, 26, 36]))
    assert np.isnan(seen[[0, 2]]).all()
    np.testing.assert_allclose(seen[1], seen[3])
    assert seen[1, 0] == pytest.approx(3137.71)
    assert seen[1, 2] == pytest.approx(3150.96)


def test_a_store_of_quotes_alone_is_a_book_of_one_level():
    quotes = [row(t, Kind.TOP, side, 60000 + t + side, 1, t) for t in (0, 10) for side in (Side.BID, Side.ASK)]
    other = [row(1, Kind.SNAPSHOT, Side.BID, 0.0524, 10, 0), row(1, Kind.SNAPSHOT, Side.ASK, 0.05241, 10, 0)]
    cross = cross_of(ListStore(BTC, tuple(quotes)), ListStore(ETH_BTC, tuple(other)))
    seen = quotes_at(cross, np.array([8, 16]))
    assert seen[0, 0] == pytest.approx(np.floor(60000 * 0.0524 * 0.999**2 / 0.01) * 0.01)
    assert seen[1, 0] == pytest.approx(np.floor(60010 * 0.0524 * 0.999**2 / 0.01) * 0.01)


def test_what_makes_no_route_is_refused():
    stores = ListStore(BTC, ()), ListStore(ETH_BTC, ())
    with pytest.raises(InputError, match="none of 1 stores"):
        CrossStore(stores[:1], routes_of(stores, "ETH", "USDT")[0], CROSS)
    with pytest.raises(InputError, match="give base and quote"):
        routes_of([ListStore(Instrument("x", "BTCUSDT", 1.0, 1.0), ())], "BTC", "USDT")
    inverse = Instrument("x", "BTCUSD", 1.0, 1.0, kind="inverse", base="BTC", quote="USDT")
    with pytest.raises(InputError, match="inverse contract is no pair"):
        CrossStore((ListStore(inverse, ()), stores[1]), routes_of(stores, "ETH", "USDT")[0], CROSS)


def test_recorded_pairs_make_a_cross_that_is_tabled_like_any_recording(shared_data, tmp_path):
    """ETH/BTC by way of USDT from two futures; it stays uncrossed and near the ratio of the mids."""
    stores = []
    for coin in ("btc", "eth"):
        path = tmp_path / coin
        instrument = Instrument.from_yaml(f"configs/instruments/binance_usdm_{coin}usdt.yaml")
        import_recording([shared_data / f"binance_usdm/{coin}usdt_20240808.gz"], "binance", instrument, path, True)
        stores.append(open_store(path))
    (route,) = routes_of(stores, "ETH", "BTC")
    cross = CrossStore(tuple(stores), route, Instrument("x", "ETHBTC via USDT", 1e-6, 0.001, base="ETH", quote="BTC"))
    start = column(next(stores[0].batches()), "recv_ts")[0]
    seen = quotes_at(cross, start + np.arange(60, 340, 5) * 10**9)
    assert (seen[:, 0] < seen[:, 2]).all()
    assert (np.abs(seen[:, 2] / seen[:, 0] - 1) < 0.003).all()
    tape = build_tape(cross, tmp_path / "tape", "1s", 5)
    assert tape.decisions > 300
