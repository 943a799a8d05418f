"""The jitted engine against the plain venue with several orders a side: every model, order type, limit and delay."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.exchange.engine import Reading
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.reference import ASK, BID
from jaxmm.exchange.replay import Replay, Step, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.policy.types import Quotes
from tests.exchange.ladders import Case, LadderTable, random_case, reference_run
from tests.exchange.streams import padded


@partial(jax.jit, static_argnums=3)
def run(prepared: Replay, table: LadderTable, rules: Rules, orders: int) -> Step:
    def body(carry, k):
        venue, position = carry
        quotes = Quotes(*(column[k] for column in table))
        venue, stepped = prepared.step(venue, position, quotes, k, rules)
        return (venue, stepped.position), stepped

    start = (prepared.empty_venue(rules, orders), jnp.int32(0))
    return jax.lax.scan(body, start, jnp.arange(table.bid.shape[0] - 1, dtype=jnp.int32))[1]


def engine_run(case: Case, *, general: bool = False) -> Step:
    """The engine's answer to a case, in float64 where its model needs floats."""
    orders = case.ladders.bid.shape[1]
    with jax.enable_x64(case.model.queue.probabilistic):
        prepared = padded(replay_of(case.tape, case.latency, 40, Reading(block=4), case.limits), case.tape)
        if general:
            prepared = prepared.replace(prompt=False, one_arrival=False)
        rules = Rules.of(case.model, case.order_type, orders)
        return jax.tree.map(np.asarray, run(prepared, case.ladders, rules, orders))


def check(case: Case, step: Step) -> int:
    """Holds a run against the plain venue's, decision by decision; returns its number of fills."""
    truth = reference_run(*case)
    np.testing.assert_array_equal(step.position, truth.positions[1:])
    for side, lots in ((BID, step.bought), (ASK, step.sold)):
        known = np.zeros(case.tape.decisions, int)
        for fill in truth.fills:
            known[fill.decision] += fill.qty * (fill.side == side)
        np.testing.assert_array_equal(lots, known[1:])
    prices = sum((2 * (fill.side == ASK) - 1) * fill.qty * fill.price for fill in truth.fills)
    mid = (case.tape.book_price[:, 0, 0] + case.tape.book_price[:, 1, 0]).astype(np.int64)
    assert int(step.pnl.astype(np.int64).sum() - step.position[-1] * mid[-1]) == 2 * prices
    assert step.outside.sum() == 0
    return len(truth.fills)


@pytest.mark.parametrize(("seed", "orders"), [(s, n) for n in (1, 2, 4) for s in range(n, 12, n)])
def test_a_ladder_fills_as_on_the_plain_venue(seed, orders):
    case = random_case(seed, orders)
    check(case, engine_run(case))


@pytest.mark.parametrize("model", ["risk_averse:partial", "power3(3)", "touch"])
def test_answers_by_the_next_decision_are_a_special_case_of_late_ones(model):
    limits = Limits(max_requests=3, window_ns=30)
    case = random_case(1, 2)._replace(
        latency=Latency(3, 2), model=FillModel.parse(model), order_type=OrderType.GTC, limits=limits
    )
    quick, general = engine_run(case), engine_run(case, general=True)
    assert check(case, quick) > 20
    for name in ("position", "pnl", "bought", "sold", "fee"):
        np.testing.assert_array_equal(getattr(quick, name), getattr(general, name))
