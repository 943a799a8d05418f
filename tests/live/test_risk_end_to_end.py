"""Every risk check, tripped in the running process: its reason in the journal, and the venue empty within a second.

One process and one venue serve the whole file; between two tests a person releases.
"""

import os
import signal
import time
from decimal import Decimal

import pytest
import pytest_asyncio

from jaxmm.live.commands import Command, Verb, give
from jaxmm.live.risk import Action, Reason, State
from jaxmm.policy.types import Quotes
from tests.live.risk_bench import BEST_ASK, BEST_BID, BID, LOTS, SHOWN, action_of, bench_at, levels, until

DROP = -100  # ticks by which the market falls


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory):
    async with bench_at(tmp_path_factory.mktemp("risk")) as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def bench(process):
    await process.ready()
    return process


def tighter(**limits):
    """The quoter's next quotes are beyond these."""

    def cause(bench):
        bench.limit(**limits)
        bench.requote()

    return cause


def too_near_its_limit(bench):
    bench.limit(max_position_lots=abs(bench.position) + LOTS - 1, actions={"exposure": "halt"})
    bench.requote()


def two_quotes_that_meet(bench):
    middle = (BEST_BID + BEST_ASK) // 2
    bench.quoter.answer = lambda view: Quotes(middle, LOTS, middle, LOTS, False)


def an_answer_that_is_not_finite(view):
    raise FloatingPointError("an output of the network is not finite")


def an_answer_outside_its_bounds(view):
    return Quotes(int(view.bid_ticks), 10**6, int(view.ask_ticks), LOTS, False)


def answers(*quoters, by=an_answer_that_is_not_finite):
    def cause(bench):
        for name in quoters:
            getattr(bench, name).answer = by

    return cause


def fault(**values):
    return lambda bench: bench.venue.fault(values)


def a_gap(bench):
    """A book message is lost, and the snapshot that mends it takes longer than the quoter needs to look."""
    bench.venue.fault({"kind": "delay", "target": "rest", "delay_ms": 200.0, "duration_s": 60.0})
    bench.venue.fault({"kind": "gap", "count": 1})


def a_bid_above_the_ask(bench):
    bench.market((BID, BEST_ASK + 5, 7))


def a_position_beyond(bench):
    bench.limit(max_position_lots=bench.position - 1)


def a_fall(**limits):
    """The market falls, and what is lost on the position is beyond one of the limits."""

    def cause(bench):
        bench.limit(**{name: Decimal("0.000001") for name in limits})
        bench.market(*levels(DROP), snapshot=True)

    return cause


def other_books_at_the_venue(position=0, wallet="0"):
    """The venue has booked what it has not told us."""

    def change(bench, sign):
        bench.venue.exchange.account.position += sign * position
        bench.venue.exchange.account.wallet += sign * Decimal(wallet)

    def cause(bench):
        change(bench, 1)
        bench.undo = lambda: change(bench, -1)

    return cause


def a_persons_halt(bench):
    give(bench.journal.path, Command(Verb.HALT, "ada", "enough", time.time_ns()))


CAUSES = {
    Reason.EXPOSURE: (Action.HALT, too_near_its_limit),
    Reason.ORDER_SIZE: (Action.HALT, tighter(max_order_lots=LOTS - 1)),
    Reason.ORDER_NOTIONAL: (Action.HALT, tighter(max_order_notional=999)),
    Reason.PRICE_BAND: (Action.PULL, tighter(price_band=1e-6)),
    Reason.OPEN_ORDERS: (Action.HALT, tighter(max_open_orders=1, actions={"open_orders": "halt"})),
    Reason.SELF_TRADE: (Action.PULL, two_quotes_that_meet),
    Reason.MESSAGE_RATE: (Action.PULL, tighter(max_messages_per_s=1)),
    Reason.MESSAGE_BUDGET: (Action.HALT, tighter(max_messages_per_day=1)),
    Reason.POSITION: (Action.REDUCE, a_position_beyond),
    Reason.STALE_BOOK: (Action.PULL, fault(kind="outage", target="market", duration_s=60.0)),
    Reason.CROSSED_BOOK: (Action.PULL, a_bid_above_the_ask),
    Reason.SEQUENCE_GAP: (Action.PULL, a_gap),
    Reason.USER_STREAM: (Action.PULL, fault(kind="disconnect", target="user")),
    Reason.CLOCK_SKEW: (Action.PULL, fault(kind="clock_jump", offset_ms=2000, duration_s=60.0)),
    Reason.DAILY_LOSS: (Action.HALT, a_fall(max_daily_loss=...)),
    Reason.DRAWDOWN: (Action.REDUCE, a_fall(max_drawdown=...)),
    Reason.STOP_LOSS: (Action.HALT, a_fall(stop_loss=...)),
    Reason.POSITION_MISMATCH: (Action.HALT, other_books_at_the_venue(position=1)),
    Reason.BALANCE_MISMATCH: (Action.HALT, other_books_at_the_venue(wallet="-0.00000001")),
    Reason.POLICY_OUTPUT: (Action.FALL_BACK, answers("quoter")),
    Reason.NO_QUOTER: (Action.HALT, answers("quoter", "baseline", by=an_answer_outside_its_bounds)),
    Reason.DISSIMILARITY: (Action.FALL_BACK, tighter(max_dissimilarity=1e-9)),
    Reason.KILL_FILE: (Action.HALT, lambda bench: bench.kill_file.touch()),
    Reason.KILL_SIGNAL: (Action.HALT, lambda bench: os.kill(os.getpid(), signal.SIGUSR1)),
    Reason.COMMAND: (Action.HALT, a_persons_halt),
}
"""What each leads to, and what trips it: the quoter, the market, the venue, the network or a person."""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("reason", CAUSES)
async def test_a_check_that_trips_leaves_the_venue_empty_of_orders_within_a_second(bench, reason):
    action, cause = CAUSES[reason]
    cause(bench)
    breach = await bench.trip(reason)
    assert action_of(breach) is action
    if action is Action.HALT:
        assert bench.core.out.risk.state is State.HALTED


@pytest.mark.asyncio(loop_scope="module")
async def test_an_order_that_is_too_young_for_a_better_price_is_not_too_young_for_a_halt(bench):
    bench.limit(min_quote_life_ms=1e9)
    before = bench.open_orders
    bench.requote()
    await until(lambda: Reason.QUOTE_LIFE in bench.told.held_back)
    assert bench.open_orders == before
    bench.kill_file.touch()
    await bench.trip(Reason.KILL_FILE)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stop_loss_closes_the_position_at_the_market(bench):
    a_fall(stop_loss=...)(bench)
    await bench.trip(Reason.STOP_LOSS)
    await until(lambda: bench.position == 0)
    assert bench.open_orders == []


@pytest.mark.asyncio(loop_scope="module")
async def test_reducing_quotes_the_side_that_closes_and_halts_once_it_is_flat(bench):
    a_fall(max_drawdown=...)(bench)
    await bench.trip(Reason.DRAWDOWN)
    (closing,) = await until(lambda: bench.open_orders)
    assert (closing["side"], closing["lots"] <= bench.position) == ("SELL", True)
    while bench.position:
        await until(lambda: bench.open_orders)
        bench.market((BID, bench.open_orders[0]["price_ticks"], 3 * SHOWN), trade=True)
    await until(lambda: bench.core.out.risk.state is State.HALTED)
    await until(lambda: not bench.open_orders)
    assert bench.told.breaches[-1]["text"].startswith("flat after")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_check_that_only_blocks_keeps_the_rest_quoted(bench):
    bench.limit(max_position_lots=bench.position)
    bench.requote()
    await until(lambda: Reason.EXPOSURE in bench.told.held_back)
    await until(lambda: [order["side"] for order in bench.open_orders] == ["SELL"])
    assert bench.told.breaches == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_requote_never_has_old_and_new_orders_open_beyond_the_limit(bench):
    bench.limit(max_open_orders=2)
    bench.venue.exchange.truth.max_open_orders = 0
    for _ in range(5):
        bench.requote()
        prices = {BEST_BID - bench.quoter.behind, BEST_ASK + bench.quoter.behind}
        await until(lambda prices=prices: {order["price_ticks"] for order in bench.open_orders} == prices)
    assert bench.venue.exchange.truth.max_open_orders == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_a_halt_outlives_a_lost_answer_to_its_cancels(bench):
    bench.venue.fault({"kind": "cancel_timeout", "count": 1, "executed": False})
    bench.kill_file.touch()
    await until(lambda: bench.venue.faults.struck.get("cancel_timeout"))
    await until(lambda: not bench.open_orders)
    assert bench.core.out.risk.state is State.HALTED


@pytest.mark.asyncio(loop_scope="module")
async def test_a_halt_outlives_the_process_until_a_person_releases(tmp_path):
    async with bench_at(tmp_path) as bench:
        await until(lambda: bench.open_orders)
        a_persons_halt(bench)
        await bench.trip(Reason.COMMAND)
    async with bench_at(tmp_path) as bench:
        played = bench.venue.player.played
        await until(lambda: bench.venue.player.played > played + 20)  # and as many decisions have fallen due
        assert (bench.core.out.risk.state, bench.open_orders) == (State.HALTED, [])
        assert bench.core.out.risk.memory.text == "ada: enough"
        await bench.ready()
        assert bench.core.out.risk.state is State.ACTIVE


def test_every_reason_is_tripped_in_this_file_or_is_not_a_check():
    not_checks = {Reason.NOT_QUOTING, Reason.RECOVERY, Reason.INTERNAL, Reason.STAGE}
    assert set(CAUSES) | {Reason.QUOTE_LIFE} | not_checks == set(Reason)
