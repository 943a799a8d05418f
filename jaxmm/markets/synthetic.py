"""A seeded L2 market without data: the demo's and the benchmark's feed, made so that there is something to learn.

A hidden mean-reverting signal tilts three things: which side aggressors come from, which side of the book is thicker,
and which way informed orders sweep it. The first two can be seen, so a quoter that reads imbalance and trade flow earns
the spread, while one that always rests at the touch is swept when the price is about to move (adverse selection as in
Glosten & Milgrom 1985; a signal of this shape drives the mid in Cartea, Jaimungal & Penalva 2015, ch. 10.4).
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from jaxmm.data.schema import event_schema
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.markets import order_flow
from jaxmm.markets.order_flow import Flow, Rows

START_NS = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
BENCHMARK_SECONDS = 15_700.0
"""Length of the benchmark's feed, from `SyntheticMarket.benchmark()`."""
_NEVER = 2**63 - 1
_AT_LEAST_ZERO = ("follow", "jump_tilt", "flow_tilt", "depth_tilt", "latency_jitter_ms", "refill_rate")


@dataclass(frozen=True)
class SyntheticMarket:
    """The market's numbers; rates are per second.

    Attributes:
        tick_size: price step, in quote currency.
        lot_size: quantity step, in base currency.
        start_price: first best bid, in quote currency.
        maker_fee: fraction of notional, of `instrument`.
        taker_fee: fraction of notional, of `instrument`.
        levels: displayed levels a side, one on every tick.
        trade_rate: ordinary market orders, which take from the touch only.
        quote_rate: changes of displayed size by orders coming and going.
        jump_rate: sweeps by informed orders, each way, while the signal is zero.
        refill_rate: ticks by which a wide spread closes.
        jump_ticks: mean levels that a sweep takes (geometric, 1 or more).
        follow: probability that a wide spread closes from behind the move, which makes the move last.
        trade_lots: mean size of an ordinary market order.
        touch_lots: typical displayed size at the touch.
        signal_half_life_s: seconds after which the hidden signal has lost half of itself.
        jump_tilt: a signal of x multiplies the rate of upward sweeps by exp(x·tilt), of downward ones by exp(−x·tilt).
        flow_tilt: an ordinary market order buys with probability 1/(1 + exp(−x·tilt)).
        depth_tilt: the signal multiplies typical sizes at the touch by exp(±x·tilt), on the bid and ask side.
        latency_ms: least delay between the exchange's clock and ours.
        latency_jitter_ms: mean of the exponential delay on top; messages never overtake each other.
        tops: whether TOP rows follow each message that changed the touch.
    """

    tick_size: float = 0.1
    lot_size: float = 0.001
    start_price: float = 1000.0
    maker_fee: float = 0.0
    taker_fee: float = 0.0002
    levels: int = 25
    trade_rate: float = 12.0
    quote_rate: float = 31.0
    jump_rate: float = 0.11
    refill_rate: float = 30.0
    jump_ticks: float = 1.6
    follow: float = 0.6
    trade_lots: float = 8.0
    touch_lots: float = 60.0
    signal_half_life_s: float = 2.0
    jump_tilt: float = 0.8
    flow_tilt: float = 0.6
    depth_tilt: float = 0.5
    latency_ms: float = 2.0
    latency_jitter_ms: float = 1.0
    tops: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in ("tops", "maker_fee", "taker_fee"):
                continue
            least = "zero or more" if field.name in _AT_LEAST_ZERO else "more than zero"
            if not math.isfinite(value) or value < 0 or (value == 0 and field.name not in _AT_LEAST_ZERO):
                raise InputError(f"synthetic market: {field.name} is {value!r}; it must be {least}")
        if self.levels < 3:
            raise InputError(f"synthetic market: levels is {self.levels}; a side needs at least 3")
        if self.follow > 1 or self.jump_ticks < 1 or self.trade_lots < 1:
            raise InputError(
                f"synthetic market: follow {self.follow} must be a probability; "
                f"jump_ticks {self.jump_ticks} and trade_lots {self.trade_lots} at least 1"
            )
        if self.start_price < 10 * self.levels * self.tick_size:
            raise InputError(
                f"synthetic market: start_price {self.start_price} leaves no room for the book; "
                f"give at least {10 * self.levels * self.tick_size:g}"
            )

    @classmethod
    def benchmark(cls) -> "SyntheticMarket":
        """The benchmark's busy market, of ticks of .1.

        Measured over `BENCHMARK_SECONDS` with seed 1: 8,011,132 events, 20.1 % of them trades and the rest depth; 51.0
        in 100 ms, so 157,000 decisions; the spread is one tick 95.2 % of the time; 8,203 sweeps of 2 to 10 levels. The
        rows of one message (a trade and the changes that it causes) share one exchange time, but no two messages do:
        what a tie between an order and the market means is for recordings to show.
        """
        return cls(
            start_price=5000.0,
            trade_rate=100.0,
            quote_rate=288.0,
            jump_rate=0.5,
            refill_rate=120.0,
            trade_lots=6.0,
            maker_fee=0.0002,
            taker_fee=0.0005,
        )

    @property
    def instrument(self) -> Instrument:
        """The contract that the rows are of."""
        return Instrument(
            venue="synthetic",
            symbol="SYN",
            tick_size=self.tick_size,
            lot_size=self.lot_size,
            maker_fee=self.maker_fee,
            taker_fee=self.taker_fee,
        )

    def events(
        self, *, seed: int, rows: int | None = None, seconds: float | None = None, batch_rows: int = 1 << 17
    ) -> Iterator[pa.RecordBatch]:
        """Canonical rows in received order, batches of whole messages: at most `rows` rows, or the first `seconds`.

        The same seed gives the same rows whatever `batch_rows` is. Raises `InputError` on lengths that make no sense.
        """
        if (rows is None) == (seconds is None) or (rows or seconds or 0) <= 0:
            raise InputError(f"synthetic market: rows {rows}, seconds {seconds}; give one of the two, above zero")
        flow = self._flow()
        least = 2 * self.levels + order_flow.longest_message(flow)
        if batch_rows < least or (rows is not None and rows < least):
            raise InputError(f"synthetic market: a batch and the whole need at least {least} rows")
        end_ns = _NEVER if seconds is None else START_NS + int(seconds * 1e9)
        return self._batches(flow, seed, _NEVER if rows is None else rows, end_ns, batch_rows)

    def _batches(self, flow: Flow, seed: int, max_rows: int, end_ns: int, batch_rows: int) -> Iterator[pa.RecordBatch]:
        rng = np.random.Generator(np.random.PCG64(seed))
        state = order_flow.new_state(flow, round(self.start_price / self.tick_size), START_NS)
        rows = order_flow.new_rows(batch_rows)
        schema = event_schema(self.instrument, clocks="both")
        order_flow.open_book(flow, state, rows)
        total, more = 0, True
        while more:
            room = min(batch_rows, max_rows - total)
            more = order_flow.run(flow, state, rows, rng, room, end_ns)
            filled = int(rows.n[0])
            if filled:
                yield self._to_arrow(rows, filled, schema)
            total += filled
            more = more and filled > 0
            rows.n[0] = 0

    def _to_arrow(self, rows: Rows, filled: int, schema: pa.Schema) -> pa.RecordBatch:
        columns = [column[:filled] for column in rows[:-1]]
        columns[4] = _decimal(columns[4], self.tick_size)
        columns[5] = _decimal(columns[5], self.lot_size)
        return pa.RecordBatch.from_arrays([pa.array(column.copy()) for column in columns], schema=schema)

    def _flow(self) -> Flow:
        return Flow(
            levels=int(self.levels),
            trade_rate=float(self.trade_rate),
            quote_rate=float(self.quote_rate),
            jump_rate=float(self.jump_rate),
            refill_rate=float(self.refill_rate),
            jump_ticks=float(self.jump_ticks),
            follow=float(self.follow),
            trade_lots=float(self.trade_lots),
            touch_lots=float(self.touch_lots),
            jump_tilt=float(self.jump_tilt),
            flow_tilt=float(self.flow_tilt),
            depth_tilt=float(self.depth_tilt),
            signal_decay=math.log(2) / self.signal_half_life_s,
            latency_ns=self.latency_ms * 1e6,
            latency_jitter_ns=self.latency_jitter_ms * 1e6,
            tops=bool(self.tops),
        )


@dataclass(frozen=True)
class SyntheticStore:
    """A stretch of a synthetic market that reads like a recorded store, without one on disk."""

    market: SyntheticMarket
    seed: int
    seconds: float

    @property
    def instrument(self) -> Instrument:
        """The market's."""
        return self.market.instrument

    @property
    def meta(self) -> dict[str, Any]:
        """What `store.json` holds for a recording."""
        return {
            "instrument": self.instrument.to_dict(),
            "source": "synthetic",
            "clocks": "both",
            "market": dataclasses.asdict(self.market),
            "seed": self.seed,
            "seconds": self.seconds,
        }

    def batches(self, batch_rows: int = 1 << 17, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows in received order; only `columns` where given."""
        for batch in self.market.events(seed=self.seed, seconds=self.seconds, batch_rows=batch_rows):
            yield batch if columns is None else batch.select(columns)


def _decimal(units: np.ndarray, unit: float) -> np.ndarray:
    """Integer multiples of `unit` as the nearest float64 to the decimal number."""
    ratio = Fraction(repr(unit))
    return units * float(ratio.numerator) / float(ratio.denominator)
