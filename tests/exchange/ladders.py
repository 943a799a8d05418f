"""Random ladders of quotes, order types, limits and latencies of every kind, and one run of them on the plain venue.

D decisions · N orders a side.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxmm.exchange.latency import Constant, Delay, Latency, LogNormal, Recorded
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.reference_replay import Known, ReferenceReplay, Wanted
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from jaxmm.tape.tape import Tape
from tests.exchange.streams import random_tape, reference_of

MODELS = [
    FillModel(queue, partial, 3.0 if queue.has_exponent else 0.0) for queue in QueueModel for partial in (False, True)
]


class LadderTable(NamedTuple):
    """Quotes by decision, int32 [D, N] but flatten, bool [D]; lots of 0 are no quote."""

    bid: np.ndarray
    bid_lots: np.ndarray
    ask: np.ndarray
    ask_lots: np.ndarray
    flatten: np.ndarray


def random_ladders(rng: np.random.Generator, tape: Tape, orders: int) -> LadderTable:
    """Quotes around the touch: they often stay, move as a whole or one by one, shrink, grow, vanish, repeat a price."""
    d = tape.decisions
    mid = (tape.book_price[:, 0, 0] + tape.book_price[:, 1, 0]) // 2
    sides = []
    for sign in (-1, 1):
        price = mid[:, None] + sign * (np.arange(orders) + rng.integers(-2, 4, (d, 1)))
        price += rng.integers(-1, 2, (d, orders)) * (rng.random((d, orders)) < 0.2)
        lots = rng.integers(0, 7, (d, orders))
        for k in range(1, d):
            stays = rng.random(orders) < rng.choice([0.2, 0.6, 1.0])
            price[k, stays], lots[k, stays] = price[k - 1, stays], lots[k - 1, stays]
            shrinks = stays & (rng.random(orders) < 0.3)
            lots[k, shrinks] = np.maximum(lots[k, shrinks] - 1, 0)
        sides += [price.astype(np.int32), lots.astype(np.int32)]
    return LadderTable(*sides, rng.random(d) < 0.03)


def random_delay(rng: np.random.Generator, scale_ns: int = 40) -> Delay:
    """A delay of any kind, now and then of 0."""
    kind = int(rng.integers(4))
    if kind == 0:
        return Constant(int(rng.choice([0, 3, scale_ns])))
    if kind == 1:
        return LogNormal(int(rng.integers(0, scale_ns)), float(rng.uniform(0, 1.2)), int(rng.integers(99)))
    if kind == 2:
        return Recorded(float(rng.choice([0.0, 0.5, 1.0, 2.0])), int(rng.integers(-20, 20)))
    return Constant(int(rng.integers(0, 3 * scale_ns)))


def random_latency(rng: np.random.Generator) -> Latency:
    """One delay for all requests, or another one for each kind, and one for reports."""
    place, amend, cancel, response = (random_delay(rng) for _ in range(4))
    if rng.random() < 0.4:
        return Latency(place=place, response=response)
    return Latency(place=place, amend=amend, cancel=cancel, response=response)


def random_limits(rng: np.random.Generator) -> Limits:
    """Each limit is often there, and then met now and then by the ladders above."""
    limits = Limits(window_ns=int(rng.choice([50, 200, 1000])))
    for name, values in (
        ("tick_step", (2,)),
        ("lot_step", (2,)),
        ("min_lots", (2, 3)),
        ("min_notional", (2500,)),
        ("max_position_lots", (5, 12)),
        ("max_requests", (0, 2, 5)),
    ):
        if rng.random() < 0.3:
            limits = replace(limits, **{name: int(rng.choice(values))})
    return limits


class Case(NamedTuple):
    """All that a run needs."""

    tape: Tape
    ladders: LadderTable
    latency: Latency
    model: FillModel
    order_type: OrderType
    limits: Limits


def random_case(seed: int, orders: int, events: int = 600, decisions: int = 60) -> Case:
    """One random market with a lag of its feed, and everything else at random but the number of orders a side."""
    rng = np.random.default_rng([seed, orders])
    tape = random_tape(rng, events, int(rng.choice([5, 25, 40])), decisions)
    tape = replace(tape, lag_ns=rng.integers(0, 80, decisions))
    model = MODELS[int(rng.integers(len(MODELS)))]
    order_type = OrderType(int(rng.choice([0, 0, 1, 1, 1, 2, 3, 4])))
    limits = random_limits(rng) if rng.random() < 0.5 else Limits()
    return Case(tape, random_ladders(rng, tape, orders), random_latency(rng), model, order_type, limits)


def reference_run(
    tape: Tape,
    ladders: LadderTable,
    latency: Latency,
    model: FillModel,
    order_type: OrderType = OrderType.POST_ONLY,
    limits: Limits | None = None,
) -> ReferenceReplay:
    """The plain venue under a table of ladders: its `fills`, `positions`, `rejected` and `views` say what happened."""

    def decide(known: Known) -> Wanted:
        k = known.decision
        return Wanted(*(column[k].tolist() for column in ladders[:4]), bool(ladders.flatten[k]))

    orders = ladders.bid.shape[1]
    return reference_of(tape, latency, model, order_type, limits=limits or Limits(), orders=orders).run(decide)
