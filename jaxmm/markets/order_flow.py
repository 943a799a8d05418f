"""The compiled core of the synthetic market: one message after another into flat arrays.

The book shows exactly L levels a side, without holes; quantities live in a ring indexed by price modulo C.
A hidden signal x (an Ornstein–Uhlenbeck process of unit variance) tilts jumps, aggressors and displayed sizes.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from jaxmm.data.schema import Kind, Side

BID, ASK, NONE = int(Side.BID), int(Side.ASK), int(Side.NONE)
TRADE, DEPTH, TOP, SNAPSHOT, CLEAR = (int(k) for k in (Kind.TRADE, Kind.DEPTH, Kind.TOP, Kind.SNAPSHOT, Kind.CLEAR))


class Flow(NamedTuple):
    """The numbers of `SyntheticMarket`, as the compiled loop reads them."""

    levels: int
    trade_rate: float
    quote_rate: float
    jump_rate: float
    refill_rate: float
    jump_ticks: float
    follow: float
    trade_lots: float
    touch_lots: float
    signal_decay: float  # 1/s
    jump_tilt: float
    flow_tilt: float
    depth_tilt: float
    latency_ns: float
    latency_jitter_ns: float
    tops: bool


class MarketState(NamedTuple):
    """Everything that goes on from one batch to the next; changed in place."""

    qty: np.ndarray  # int64 [2, C], displayed lots by side and price modulo C
    best: np.ndarray  # int64 [2], ticks
    told: np.ndarray  # int64 [2, 2], (price, lots) of each side in the last TOP rows
    clock: np.ndarray  # int64 [3], exchange time of the last message, its receipt (ns), its id
    signal: np.ndarray  # float64 [1], x
    trend: np.ndarray  # int64 [1], direction of the last move of the touch: ±1


class Rows(NamedTuple):
    """A buffer of canonical rows, prices in ticks and quantities in lots; `n[0]` of them are filled."""

    exch_ts: np.ndarray  # int64 [R]
    recv_ts: np.ndarray  # int64 [R]
    kind: np.ndarray  # int8 [R]
    side: np.ndarray  # int8 [R]
    price: np.ndarray  # int64 [R]
    qty: np.ndarray  # int64 [R]
    id: np.ndarray  # int64 [R]
    n: np.ndarray  # int64 [1]


def new_rows(capacity: int) -> Rows:
    """An empty buffer."""
    ts, recv, price, qty, ident = (np.empty(capacity, np.int64) for _ in range(5))
    kind, side = (np.empty(capacity, np.int8) for _ in range(2))
    return Rows(ts, recv, kind, side, price, qty, ident, np.zeros(1, np.int64))


def new_state(flow: Flow, bid_ticks: int, start_ns: int) -> MarketState:
    """A market about to open at (`bid_ticks`, `bid_ticks` + 1); `open_book` shows its levels."""
    ring = 1 << (2 * flow.levels + longest_message(flow)).bit_length()
    return MarketState(
        qty=np.zeros((2, ring), np.int64),
        best=np.array([bid_ticks, bid_ticks + 1]),
        told=np.zeros((2, 2), np.int64),
        clock=np.array([start_ns, start_ns, 0]),
        signal=np.zeros(1),
        trend=np.ones(1, np.int64),
    )


def longest_message(flow: Flow) -> int:
    """An upper bound on the rows of one message: a sweep of all levels, each a trade, a removal and a new far level."""
    return 3 * flow.levels + 4


@numba.njit(cache=True)
def open_book(flow: Flow, state: MarketState, rows: Rows) -> None:
    """The first message: CLEAR, then every level as a SNAPSHOT row."""
    state.clock[1] = state.clock[0] + int(flow.latency_ns)
    _write(state, rows, CLEAR, NONE, 0, 0)
    for side in (BID, ASK):
        away = -1 if side == BID else 1
        for level in range(flow.levels):
            price = state.best[side] + away * level
            _set(state, side, price, _target(flow, 0.0, side, level))
            _write(state, rows, SNAPSHOT, side, price, _get(state, side, price))


@numba.njit(cache=True)
def run(flow: Flow, state: MarketState, rows: Rows, rng: np.random.Generator, max_rows: int, end_ns: int) -> bool:
    """Appends whole messages while they surely fit in `max_rows`; False once the next one would come after `end_ns`."""
    while rows.n[0] + 3 * flow.levels + 4 <= max_rows:
        x = state.signal[0]
        up, down = flow.jump_rate * math.exp(flow.jump_tilt * x), flow.jump_rate * math.exp(-flow.jump_tilt * x)
        refill = flow.refill_rate if state.best[ASK] - state.best[BID] > 1 else 0.0
        total = up + down + refill + flow.trade_rate + flow.quote_rate
        wait = rng.standard_exponential() / total
        exch_ts = state.clock[0] + max(1, int(wait * 1e9))
        if exch_ts > end_ns:
            return False
        latency = 1 + int(flow.latency_ns + flow.latency_jitter_ns * rng.standard_exponential())
        state.clock[0] = exch_ts
        state.clock[1] = max(state.clock[1], exch_ts + latency)
        state.clock[2] += 1
        decay = math.exp(-flow.signal_decay * wait)
        x = x * decay + math.sqrt(1.0 - decay * decay) * rng.standard_normal()
        state.signal[0] = x
        pick = rng.random() * total
        if pick < flow.quote_rate:
            _requote(flow, state, rows, rng, x)
        elif pick < flow.quote_rate + flow.trade_rate:
            _market_order(flow, state, rows, rng, x)
        elif pick < flow.quote_rate + flow.trade_rate + refill:
            _refill(flow, state, rows, rng, x)
        else:
            _jump(flow, state, rows, rng, pick >= total - up)
        if flow.tops:
            _tops(state, rows)
    return True


@numba.njit(cache=True)
def _write(state: MarketState, rows: Rows, kind: int, side: int, price: int, qty: int) -> None:
    i = rows.n[0]
    rows.exch_ts[i] = state.clock[0]
    rows.recv_ts[i] = state.clock[1]
    rows.kind[i] = kind
    rows.side[i] = side
    rows.price[i] = price
    rows.qty[i] = qty
    rows.id[i] = state.clock[2]
    rows.n[0] = i + 1


@numba.njit(cache=True)
def _get(state: MarketState, side: int, price: int) -> int:
    return state.qty[side, price & (state.qty.shape[1] - 1)]


@numba.njit(cache=True)
def _set(state: MarketState, side: int, price: int, qty: int) -> None:
    state.qty[side, price & (state.qty.shape[1] - 1)] = qty


@numba.njit(cache=True)
def _show(state: MarketState, rows: Rows, side: int, price: int, qty: int) -> None:
    """Sets a level and says so in a DEPTH row."""
    _set(state, side, price, qty)
    _write(state, rows, DEPTH, side, price, qty)


@numba.njit(cache=True)
def _target(flow: Flow, x: float, side: int, level: int) -> int:
    """The size that a level tends to: deeper levels are larger, and the signal's side is thicker near the touch."""
    tilt = flow.depth_tilt * x / (1.0 + level)
    tilt = tilt if side == BID else -tilt
    return 1 + int(flow.touch_lots * (1.0 + 0.25 * level) * math.exp(min(max(tilt, -3.0), 3.0)))


@numba.njit(cache=True)
def _requote(flow: Flow, state: MarketState, rows: Rows, rng: np.random.Generator, x: float) -> None:
    """Orders come and go at one level: its size moves a random part of the way to a random target."""
    side = BID if rng.random() < 0.5 else ASK
    level = min(int(rng.standard_exponential() * 3.0), flow.levels - 1)
    price = state.best[side] + (-level if side == BID else level)
    before = _get(state, side, price)
    drawn = _target(flow, x, side, level) * (0.5 + 0.5 * rng.standard_exponential())
    after = 1 + int(before + rng.random() * (drawn - before))
    _show(state, rows, side, price, after + 1 if after == before else after)


@numba.njit(cache=True)
def _market_order(flow: Flow, state: MarketState, rows: Rows, rng: np.random.Generator, x: float) -> None:
    """An order of exponential size takes from the touch, and all of the touch where it is larger."""
    buys = rng.random() * (1.0 + math.exp(-flow.flow_tilt * x)) < 1.0
    side, aggressor = (ASK, BID) if buys else (BID, ASK)
    price = state.best[side]
    displayed = _get(state, side, price)
    lots = min(1 + int(rng.standard_exponential() * (flow.trade_lots - 1.0)), displayed)
    _write(state, rows, TRADE, aggressor, price, lots)
    if lots == displayed:
        _deplete(flow, state, rows, side, 1)
    else:
        _show(state, rows, side, price, displayed - lots)


@numba.njit(cache=True)
def _jump(flow: Flow, state: MarketState, rows: Rows, rng: np.random.Generator, upward: bool) -> None:
    """Someone who knows sweeps one or more levels; near price zero every jump goes up."""
    if state.best[BID] <= 3 * flow.levels:
        upward = True
    side, aggressor, away = (ASK, BID, 1) if upward else (BID, ASK, -1)
    ticks = 1
    while ticks < flow.levels - 1 and rng.random() * flow.jump_ticks > 1.0:
        ticks += 1
    for level in range(ticks):
        price = state.best[side] + away * level
        _write(state, rows, TRADE, aggressor, price, _get(state, side, price))
    _deplete(flow, state, rows, side, ticks)


@numba.njit(cache=True)
def _deplete(flow: Flow, state: MarketState, rows: Rows, side: int, ticks: int) -> None:
    """The best `ticks` levels of a side vanish, and as many appear at its far end."""
    away = -1 if side == BID else 1
    for _ in range(ticks):
        price = state.best[side]
        _show(state, rows, side, price, 0)
        state.best[side] = price + away
        _show(state, rows, side, price + away * flow.levels, _target(flow, 0.0, side, flow.levels - 1))
    state.trend[0] = away


@numba.njit(cache=True)
def _refill(flow: Flow, state: MarketState, rows: Rows, rng: np.random.Generator, x: float) -> None:
    """A wide spread closes by one tick: mostly from behind the last move, sometimes by the swept side coming back."""
    follows = rng.random() < flow.follow
    side = BID if (state.trend[0] > 0) == follows else ASK
    toward = 1 if side == BID else -1
    price = state.best[side] + toward
    state.best[side] = price
    _show(state, rows, side, price, 1 + int(_target(flow, x, side, 0) * rng.random()))
    _show(state, rows, side, price - toward * flow.levels, 0)


@numba.njit(cache=True)
def _tops(state: MarketState, rows: Rows) -> None:
    """Both sides as TOP rows where the message changed the price or the size of either."""
    changed = False
    for side in (BID, ASK):
        lots = _get(state, side, state.best[side])
        changed |= state.told[side, 0] != state.best[side] or state.told[side, 1] != lots
        state.told[side, 0] = state.best[side]
        state.told[side, 1] = lots
    if changed:
        for side in (BID, ASK):
            _write(state, rows, TOP, side, state.told[side, 0], state.told[side, 1])
