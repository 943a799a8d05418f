"""A plain simulator of a mid, informed trades and a symmetric quoter, so that tests have backtests that add up."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from jaxmm.evaluate.comparison import Comparison, FillModels, Result, compare
from jaxmm.evaluate.result import Backtest, Fills
from jaxmm.instrument import Instrument

INSTRUMENT = Instrument("venue", "ETHUSD", tick_size=0.1, lot_size=0.001, maker_fee=0.0001, taker_fee=0.0004)
START_NS = 1_723_118_400_000_000_000
EVENTS_PER_DECISION = 4
STEP_NS = 1_000_000_000


class _Simulation:
    """One run; `informed` is the chance that a trade is followed by the mid's move in its direction."""

    def __init__(self, seed: int, half_spread: int, informed: float, limit: int) -> None:
        self.market, self.half_spread, self.informed, self.limit = random.Random(seed), half_spread, informed, limit
        self.mid, self.position, self.drift = 20_001, 0, 0
        self.exch: list[tuple[int, int]] = []
        self.fills: list[tuple] = []

    def quotes(self) -> tuple[int, int]:
        bid = (self.mid - 2 * self.half_spread) // 2 if self.position < self.limit else 0
        ask = -(-(self.mid + 2 * self.half_spread) // 2) if self.position > -self.limit else 0
        return bid, ask

    def event(self, k: int, ts_ns: int, bid: int, ask: int) -> None:
        """One trade: it may reach our quote, and may push the mid."""
        direction, reach = self.market.choice((-1, 1)), 2 * self.market.randrange(1, 12)
        qty, push = self.market.randrange(1, 5), self.market.random() < self.informed
        best = self.mid + direction * reach
        self.drift = direction * self.market.randrange(0, 9) if push else 0
        filled = (direction < 0 and bid and best <= 2 * bid) or (direction > 0 and ask and best >= 2 * ask)
        self.exch.append((ts_ns, self.mid))
        if filled:
            price = bid if direction < 0 else ask
            self._fill(k, ts_ns, -direction, price, qty, maker=True)
        self.mid += self.drift + self.market.choice((-2, 0, 0, 2))

    def flatten(self, k: int, ts_ns: int) -> None:
        """Takes a position at the limit off, three ticks behind the mid."""
        if abs(self.position) >= self.limit:
            side = -1 if self.position > 0 else 1
            self._fill(k, ts_ns, side, self.mid // 2 + 3 * side, abs(self.position), maker=False)

    def _fill(self, k: int, ts_ns: int, side: int, price: int, qty: int, maker: bool) -> None:
        rate = INSTRUMENT.maker_fee if maker else INSTRUMENT.taker_fee
        fee = rate * price * qty * INSTRUMENT.tick_size * INSTRUMENT.lot_size
        event = len(self.exch) - 1 if maker else -1
        self.fills.append((k, event, ts_ns, side, price, qty, maker, self.mid, fee))
        self.position += side * qty


def simulated(
    seed: int = 0,
    decisions: int = 600,
    half_spread: int = 4,
    informed: float = 0.3,
    limit: int = 20,
    quoter: str = "fixed_spread",
    fills_model: str = "risk_averse",
) -> Backtest:
    """A consistent backtest; the same seed and `informed` do not give the same market for two half-spreads' fills."""
    run = _Simulation(seed, half_spread, informed, limit)
    rows = []
    for k in range(decisions):
        end_ns = START_NS + k * STEP_NS
        for e in range(EVENTS_PER_DECISION if k else 0):
            ts_ns = end_ns - STEP_NS + (e + 1) * STEP_NS // (EVENTS_PER_DECISION + 1)
            run.event(k, ts_ns, *rows[-1][3:])
        if k:
            run.flatten(k, end_ns)
        rows.append((end_ns, run.mid, run.position, *run.quotes()))
    run.exch.append((START_NS + decisions * STEP_NS, run.mid))
    return assemble(rows, run.fills, run.exch, quoter, fills_model)


def assemble(rows: list, fill_rows: list, exch: list, quoter: str = "q", fills_model: str = "risk_averse") -> Backtest:
    """Makes the increments with plain Python integers, fill by fill and decision by decision."""
    ts_ns, mid, position, bid, ask = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    columns = list(zip(*fill_rows, strict=True)) if fill_rows else [()] * 9
    types = (np.int64, np.int64, np.int64, np.int8, np.int64, np.int64, np.bool_, np.int64, np.float64)
    fills = Fills(*(np.array(column, dtype) for column, dtype in zip(columns, types, strict=True)))
    pnl, fee = [0] * len(rows), [0.0] * len(rows)
    for k in range(1, len(rows)):
        pnl[k] = rows[k - 1][2] * (rows[k][1] - rows[k - 1][1])
    for k, _, _, side, price, qty, _, _, paid in fill_rows:
        pnl[k] += side * qty * (rows[k][1] - 2 * price)
        fee[k] += paid
    exch_ts, exch_mid = (np.array(column, np.int64) for column in zip(*exch, strict=True))
    return Backtest(
        instrument=INSTRUMENT,
        quoter=quoter,
        fills_model=fills_model,
        latency="10ms,10ms",
        ts_ns=ts_ns,
        mid=mid,
        position=position,
        bid=bid,
        ask=ask,
        pnl=np.array(pnl, np.int64),
        fee=np.array(fee),
        fills=fills,
        exch_ts=exch_ts,
        exch_mid=exch_mid,
    )


@pytest.fixture(scope="session")
def simulate() -> Callable[..., Backtest]:
    """`simulated`, as a fixture."""
    return simulated


@pytest.fixture(scope="session")
def put_together() -> Callable[..., Backtest]:
    """`assemble`, as a fixture."""
    return assemble


FILL_MODELS = FillModels("penetration:partial", "risk_averse", "touch")


@pytest.fixture(scope="session")
def contest() -> Comparison:
    """Two baselines, one that never trades, a policy that wins and one that loses, under three fill models."""
    results = []
    for model, informed in zip(FILL_MODELS, (0.6, 0.35, 0.1), strict=True):
        common = {"decisions": 300, "informed": informed, "limit": 30, "fills_model": model}
        results.append(Result(simulated(seed=1, half_spread=4, quoter="fixed_spread", **common)))
        results.append(Result(simulated(seed=2, half_spread=3, quoter="glft", **common)))
        results.append(Result(simulated(seed=3, half_spread=50, quoter="too_wide", **common)))
        results += [Result(simulated(seed=s, half_spread=7, quoter="ppo", **common), True, s) for s in (10, 11, 12)]
        results += [Result(simulated(seed=s, half_spread=0, quoter="<dqn>", **common), True, s) for s in (20, 21)]
    return compare(results, FILL_MODELS)
