"""A day that was traded, laid over its own tape: the same arrays as a backtest of it, so that the two compare.

D decisions of the tape · Q decisions taken · M orders a side · F executions.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.evaluate.backtest import MOST_LEVELS, exchange_mid, to_backtest
from jaxmm.evaluate.result import Backtest, Fills, pnl_of
from jaxmm.exchange.account import Worth
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import Step
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.replay import Replay, check_money, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.policy.types import Quotes
from jaxmm.tape.tape import Tape

Array = Any


class Taken(NamedTuple):
    """The decisions that were taken, as they went to the order manager; lots of 0 are no quote."""

    ts_ns: np.ndarray  # int64 [Q], increasing
    bid: np.ndarray  # int32 [Q, M], ticks
    bid_lots: np.ndarray  # int32 [Q, M]
    ask: np.ndarray  # int32 [Q, M]
    ask_lots: np.ndarray  # int32 [Q, M]
    flatten: np.ndarray  # bool [Q]


class Executed(NamedTuple):
    """Our executions, in the order in which we learned of them."""

    known_ns: np.ndarray  # int64 [F], our clock
    exch_ts: np.ndarray  # int64 [F], the venue's
    side: np.ndarray  # int8 [F], +1 we bought, −1 we sold
    price: np.ndarray  # int64 [F], ticks
    qty: np.ndarray  # int64 [F], lots
    maker: np.ndarray  # bool [F]
    fee: np.ndarray  # float64 [F], paid, settlement currency


def table_of(taken: Taken, tape: Tape, pauses_ns: np.ndarray | None = None) -> Quotes:
    """What was wanted at each decision of the tape, int32 [D, M].

    Where no decision was taken, that of the last one before holds; but nothing does from a pause on (`pauses_ns` int64,
    any order: a stop, a halt, a stream that broke), nor before the first.

    Raises `InputError` where a decision was taken that the tape does not have: its clock is another one.
    """
    at = np.searchsorted(tape.ts_ns, taken.ts_ns)
    inside = at < tape.decisions
    wrong = np.flatnonzero(tape.ts_ns[at[inside]] != taken.ts_ns[inside])
    if len(wrong):
        raise InputError(
            f"the decision at {int(taken.ts_ns[inside][wrong[0]])} is none of the tape's at clock {tape.meta.clock}; "
            "give the clock that the quoter had"
        )
    pauses = np.sort(np.zeros(0, np.int64) if pauses_ns is None else pauses_ns)
    last = np.searchsorted(taken.ts_ns, tape.ts_ns, side="right") - 1
    since = taken.ts_ns[np.maximum(last, 0)]
    held = (last >= 0) & (np.searchsorted(pauses, since) == np.searchsorted(pauses, tape.ts_ns, side="right"))
    held |= (last >= 0) & (since == tape.ts_ns)
    bid, bid_lots, ask, ask_lots, flatten = (column[np.maximum(last, 0)] for column in taken[1:])
    return Quotes(bid, bid_lots * held[:, None], ask, ask_lots * held[:, None], flatten & held)


def simulated(
    tape: Tape,
    table: Quotes,
    *,
    latency: Latency,
    model: FillModel,
    order_type: OrderType = OrderType.POST_ONLY,
    limits: Limits | None = None,
) -> Backtest:
    """What the event engine makes of the decisions, from no position; executions merged as `executed` merges them.

    Raises `InputError` as `backtest` does.
    """
    check_money(tape, int(max(table.bid_lots.sum(axis=1).max(initial=1), table.ask_lots.sum(axis=1).max(initial=1))))
    levels = tape.levels
    while True:
        with jax.enable_x64(model.queue.probabilistic):
            replay = replay_of(tape, latency, levels, limits=limits)
            rules = Rules.of(model, order_type, table.bid_ticks.shape[1])
            steps = jax.tree.map(np.asarray, _run(replay, jax.tree.map(jnp.asarray, table), rules))
        if not steps.outside.any() or levels >= MOST_LEVELS:
            break
        levels = min(8 * levels, MOST_LEVELS)
    if steps.outside.any():
        raise InputError(f"{int(steps.outside.sum())} quotes lie more than {levels} levels from the touch")
    result = to_backtest(tape, steps, replay, "simulator", latency, model)
    return replace(result, fills=_merged(result.fills, result))


def executed(tape: Tape, live: Executed, like: Backtest) -> Backtest:
    """The live executions over the same decisions as `like`, from no position.

    What one decision learned of one side and price is one execution, at the time of the last. One of which no decision
    of the tape learned is left out.
    """
    decision = np.searchsorted(tape.ts_ns, live.known_ns, side="left")
    kept = (decision >= 1) & (decision < tape.decisions)
    count = np.full(len(decision), -1, np.int64)
    rows = (decision, count, live.exch_ts, live.side, live.price, live.qty, live.maker, count, live.fee)
    fills = _merged(Fills._make(column[kept] for column in rows), like)
    bought = np.zeros(tape.decisions, np.int64)
    np.add.at(bought, fills.decision, fills.side * fills.qty)
    position = np.cumsum(bought)
    none = np.zeros(tape.decisions, np.int64)
    return Backtest(
        instrument=tape.instrument,
        quoter="live",
        fills_model="venue",
        latency=like.latency,
        ts_ns=like.ts_ns,
        mid=like.mid,
        position=position,
        bid=none,
        ask=none,
        pnl=pnl_of(fills, position, like.mid, Worth.at(tape.instrument, int(like.mid[0]))),
        fee=np.bincount(fills.decision, weights=fills.fee, minlength=tape.decisions).astype(np.float64),
        fills=fills,
        exch_ts=like.exch_ts,
        exch_mid=exchange_mid(tape),
    )


@jax.jit
def _run(replay: Replay, table: Quotes, rules: Rules) -> Step:
    """A table of quotes over the replay: `Step` of arrays [D − 1], entry k − 1 known at decision k."""

    def body(carry: tuple, at: tuple[Array, Quotes]) -> tuple:
        venue, position = carry
        venue, stepped = replay.step(venue, position, at[1], at[0], rules)
        return (venue, stepped.position), stepped

    decisions = jnp.arange(replay.decisions - 1, dtype=jnp.int32)
    wanted = jax.tree.map(lambda column: column[:-1], table)
    start = (replay.empty_venue(rules, table.bid_ticks.shape[1]), jnp.int32(0))
    return jax.lax.scan(body, start, (decisions, wanted))[1]


def _merged(fills: Fills, like: Backtest) -> Fills:
    """One row for all that a decision learned of one side and price, marked at the mid after the last of it.

    The engine counts so, and a venue does not say by which of the events of one moment we were filled.
    """
    keys = np.stack([fills.decision, fills.side, fills.price, fills.maker])
    _, first, group = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    size, ts = len(first), np.zeros(len(first), np.int64)
    qty = np.zeros(size, np.int64)
    np.add.at(qty, group.ravel(), fills.qty)
    np.maximum.at(ts, group.ravel(), fills.ts_ns)
    merged = Fills._make(column[first] for column in fills)
    fee = np.bincount(group.ravel(), weights=fills.fee, minlength=size).astype(np.float64)
    merged = merged._replace(qty=qty, ts_ns=ts, event=np.full(size, -1, np.int64), fee=fee)
    mid = like.exch_mid[np.maximum(np.searchsorted(like.exch_ts, ts, side="right") - 1, 0)]
    order = np.lexsort((merged.side, ts, merged.decision))
    return Fills._make(column[order] for column in merged._replace(mid=mid))
