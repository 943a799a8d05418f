"""Any quoter on a tape by the event engine: the run whose numbers a report may quote.

D decisions. Fills are recomputed in 64 bits on the host from the engine's integers.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.evaluate.result import Backtest, Fills, Fundings, pnl_of, position_at
from jaxmm.exchange.account import LOWEST_TIER, Terms, Worth, daily_rates, funding_payment, lot_contract, unit_of
from jaxmm.exchange.engine import Filled
from jaxmm.exchange.funding import known_at
from jaxmm.exchange.latency import Latency, requests_arrive
from jaxmm.exchange.ledger import Step
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.market import Market
from jaxmm.exchange.replay import Replay, check_money, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.policy.types import Quoter, orders_of, within_position
from jaxmm.tape.tape import Tape

Array = Any


def run(replay: Market, quoter: Quoter, max_position_lots: Array, rules: Rules) -> Step:
    """One quoter over the whole replay: a `Step` of arrays [D − 1], entry k − 1 known at decision k.

    Pure, so that callers may jit, and vmap over quoters or rules.
    """

    def body(carry: tuple, k: Array) -> tuple:
        venue, position = carry
        view = replay.view(venue, position, k, jnp.float32(1))
        quotes = within_position(quoter.quote(view, jnp), position, max_position_lots, jnp)
        venue, stepped = replay.step(venue, position, quotes, k, rules)
        return (venue, stepped.position), stepped

    start = (replay.empty_venue(rules, orders_of(quoter)), jnp.int32(0))
    decisions = jnp.arange(replay.decisions - 1, dtype=jnp.int32)
    return jax.lax.scan(body, start, decisions)[1]


_run = jax.jit(run)
MOST_LEVELS = 1000
"""Levels of the exchange's book a side, beyond which a quote's queue is not looked up."""


def backtest(
    tape: Tape,
    quoter: Quoter,
    *,
    name: str,
    latency: Latency,
    model: FillModel,
    max_position_lots: int,
    order_type: OrderType = OrderType.POST_ONLY,
    limits: Limits | None = None,
    terms: Terms = LOWEST_TIER,
) -> Backtest:
    """The quoter's run over the tape, checked to add up; fees, funding and margin are those of our `terms`.

    The probabilistic queue models run in float64.

    Where a quote lies beyond the levels that are held of the exchange's book, the run is made again with more of them.
    Raises `InputError` where `MOST_LEVELS` do not suffice, because the queue would be a guess, and where the collateral
    cannot carry `max_position_lots`.
    """
    check_money(tape, max_position_lots)
    terms.check(tape.instrument, touch_range(tape), max_position_lots)
    levels = tape.levels
    while True:
        with jax.enable_x64(model.queue.probabilistic):
            replay = replay_of(tape, latency, levels, limits=limits)
            rules = Rules.of(model, order_type, orders_of(quoter))
            steps = jax.tree.map(np.asarray, _run(replay, quoter, jnp.int32(max_position_lots), rules))
        outside = np.flatnonzero(steps.outside)
        if not len(outside):
            return to_backtest(tape, steps, replay, name, latency, model, terms)
        if levels >= MOST_LEVELS:
            raise InputError(
                f"backtest of {name}: {len(outside)} quotes, the first at decision {outside[0]}, lie more than "
                f"{levels} levels from the touch, where the queue is unknown; quote closer to it"
            )
        levels = min(8 * levels, MOST_LEVELS)


def to_backtest(
    tape: Tape, steps: Step, replay: Replay, name: str, latency: Latency, model: FillModel, terms: Terms = LOWEST_TIER
) -> Backtest:
    """The steps of a run over `replay` as a `Backtest`."""
    mid = _wide(tape.book_price[:, 0, 0]) + _wide(tape.book_price[:, 1, 0])
    exch_mid = exchange_mid(tape)
    fills = _fills(tape, steps, replay, latency, exch_mid, terms)
    position = np.concatenate([np.zeros(1, np.int64), _wide(steps.position)])
    fee = np.bincount(fills.decision, weights=fills.fee, minlength=tape.decisions).astype(np.float64)
    first = np.zeros(1, np.int64)
    return Backtest(
        instrument=tape.instrument,
        quoter=name,
        fills_model=model.name,
        latency=latency.name,
        ts_ns=np.asarray(tape.ts_ns),
        mid=mid,
        position=position,
        bid=np.concatenate([_wide(steps.bid_quote), first]),
        ask=np.concatenate([_wide(steps.ask_quote), first]),
        pnl=_pnl(tape, steps, fills, position, mid),
        fee=fee,
        fills=fills,
        exch_ts=np.asarray(tape.exch_ts),
        exch_mid=exch_mid,
        fundings=_fundings(tape, latency, fills),
        margin=terms.margin,
    )


def _pnl(tape: Tape, steps: Step, fills: Fills, position: np.ndarray, mid: np.ndarray) -> np.ndarray:
    """The engine's own integers; of an inverse contract, whose increments are float32 there, those of its fills.

    Raises `ValueError` where the two are not the same but for rounding, and for takings of several prices, which enter
    the engine's increment as their average.
    """
    if tape.instrument.kind == "linear":
        return np.concatenate([np.zeros(1, np.int64), _wide(steps.pnl)])
    worth = Worth.at(tape.instrument, int(mid[0]))
    pnl = pnl_of(fills, position, mid, worth)
    lots = np.bincount(fills.decision, weights=fills.qty, minlength=len(mid)) + np.abs(position)
    got, want = steps.pnl.astype(np.float64), pnl[1:] * float(worth.unit / unit_of(tape.instrument))
    single = ~sum((side.taking.extra.reshape(len(got), -1).any(axis=1) for side in (steps.bid, steps.ask)), False)
    wrong = np.flatnonzero(single & (np.abs(got - want) > 1e-4 * np.abs(want) + 1e-9 * lots[1:] / mid[1:]))
    if len(wrong):
        k = int(wrong[0])
        raise ValueError(f"the engine's P&L at decision {k + 1} is {got[k]}, its fills make {want[k]}")
    return pnl


def exchange_mid(tape: Tape) -> np.ndarray:
    """Half-ticks after each event, int64 [N]; while a side is empty the last mid, and before the first the first."""
    best = _wide(tape.best)
    whole = (best > 0).all(axis=1)
    if not whole.any():
        raise InputError("tape: the exchange's book never has both sides; there is no mid to value a position at")
    last = np.maximum.accumulate(np.where(whole, np.arange(len(best)), 0))
    last[: int(np.argmax(whole))] = int(np.argmax(whole))
    return best.sum(axis=1)[last]


def _fundings(tape: Tape, latency: Latency, fills: Fills) -> Fundings:
    """What the position at the exchange paid at each funding that a decision learned of."""
    decision = known_at(tape, latency)
    known = (decision >= 1) & (decision < tape.decisions)
    ts, (rate, mark) = tape.funding_ts[known], tape.funding[known].T
    position = position_at(fills, ts, 0)
    paid = funding_payment(lot_contract(tape.instrument), position, mark, rate)
    return Fundings(decision[known], _wide(ts), position, rate.copy(), mark.copy(), paid)


def touch_range(tape: Tape) -> tuple[int, int]:
    """Lowest and highest touch of the tape, in half-ticks."""
    touch = tape.book_price[:, :, 0]
    return 2 * int(touch.min()), 2 * int(touch.max())


def _fills(tape: Tape, steps: Step, replay: Replay, latency: Latency, exch_mid: np.ndarray, terms: Terms) -> Fills:
    parts, first_event = [], int(replay.first_event)
    arrival_ns = requests_arrive(tape.ts_ns, tape.lag_ns, latency).place
    for sign, known in ((1, steps.bid), (-1, steps.ask)):
        parts += [_resting(tape, resting, sign, first_event) for resting in (known.leaving, known.working)]
        parts.append(_taken(known.taking, sign, replay, arrival_ns))
    decision, event, ts, side, price, qty, maker = (np.concatenate(column) for column in zip(*parts, strict=True))
    at = np.searchsorted(tape.exch_ts, ts, side="right") - 1
    mid = exch_mid[np.where(event >= 0, event, np.maximum(at, 0))]
    notional = _notional(tape, price, qty)
    tiers = daily_rates(tape.instrument, ts, notional, terms.volume_30d, int(tape.ts_ns[0]))
    fee = notional * np.where(maker, tiers[:, 0], tiers[:, 1])
    order = np.lexsort((side, event, ts, decision))
    return Fills._make(column[order] for column in (decision, event, ts, side, price, qty, maker, mid, fee))


def _notional(tape: Tape, price: np.ndarray, qty: np.ndarray) -> np.ndarray:
    """Settlement currency that fills stand for, float64 [M]."""
    unit = float(unit_of(tape.instrument))
    return price * qty * (2 * unit) if tape.instrument.kind == "linear" else qty / price * (unit / 2)


def _resting(tape: Tape, fills: Filled, sign: int, first_event: int) -> tuple[np.ndarray, ...]:
    k, key, lots, _, at = _some(fills)
    event = first_event + at
    return _rows(k, event, tape.exch_ts[event], sign, sign * key, lots, True)


def _taken(fills: Filled, sign: int, replay: Replay, arrival_ns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Takings, a row for every price."""
    k, key, lots, extra, sent = _some(fills)
    row, prices, qty = _levels(key, lots, extra, sent, sign, replay)
    return _rows(k[row], np.full(len(row), -1), arrival_ns[sent[row]], sign, prices, qty, False)


def _levels(
    key: np.ndarray, lots: np.ndarray, extra: np.ndarray, sent: np.ndarray, sign: int, replay: Replay
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each taking [M] took where, best price first: (its index, price in ticks, lots), int64 each.

    An order that took more than the best level walked the book that it met. Where that does not explain its cost,
    because an order of ours took before it, it becomes the two whole prices around its average, with the same sum.
    """
    deep = np.flatnonzero(extra)
    better = key + extra // np.maximum(lots, 1)
    beyond = extra % np.maximum(lots, 1)
    keys, taken = np.stack([better, better + 1], axis=1), np.stack([lots - beyond, beyond], axis=1)
    walks, parts = np.zeros(len(key), bool), []
    if len(deep):
        opposite = int(sign > 0)
        book_keys = sign * _wide(replay.time.book_price[sent[deep], opposite])
        offered = _wide(replay.time.book_qty[sent[deep], opposite])
        part = np.clip(lots[deep, None] - (np.cumsum(offered, axis=1) - offered), 0, offered)
        whole = (part.sum(axis=1) == lots[deep]) & ((part * (book_keys - key[deep, None])).sum(axis=1) == extra[deep])
        walks[deep[whole]] = True
        parts.append((deep[whole], book_keys[whole], part[whole]))
    parts.append((np.flatnonzero(~walks), keys[~walks], taken[~walks]))
    columns = []
    for index, of_keys, of_lots in parts:
        i, j = np.nonzero(of_lots)
        columns.append((index[i], sign * of_keys[i, j], of_lots[i, j]))
    row, price, qty = (np.concatenate(column) for column in zip(*columns, strict=True))
    return row, price, qty


def _some(fills: Filled) -> tuple[np.ndarray, ...]:
    """(step, key, lots, extra, event) of those that filled, of one order or several a side, int64 each."""
    some = np.nonzero(fills.lots)
    return _wide(some[0]), *(_wide(np.broadcast_to(f, fills.lots.shape)[some]) for f in fills)


def _rows(
    k: np.ndarray, event: np.ndarray, ts: np.ndarray, sign: int, price: np.ndarray, qty: np.ndarray, maker: bool
) -> tuple[np.ndarray, ...]:
    n = len(k)
    return (
        _wide(k) + 1, _wide(event), _wide(ts), np.full(n, sign, np.int8), _wide(price), _wide(qty), np.full(n, maker)
    )  # fmt: skip


_wide = partial(np.asarray, dtype=np.int64)
