"""Each check of where we stand: what trips it, and that it says nothing at its bound."""

from decimal import Decimal

import pytest
from moments import MS, NOON, SECOND, after, facts, reasons, risk

from jaxmm.live.risk import Action, Quoting, Reason, State
from jaxmm.live.risk.standing import STANDING

BROKEN = {
    Reason.POSITION: ({"position_lots": -11}, {"position_lots": -10}),
    Reason.STALE_BOOK: ({"book_age_ns": 2000 * MS + 1}, {"book_age_ns": 2000 * MS}),
    Reason.CROSSED_BOOK: ({"bid_ticks": 1002}, {"bid_ticks": 1001}),
    Reason.SEQUENCE_GAP: ({"missing": "updates 5 to 7 are missing"}, {"missing": None}),
    Reason.USER_STREAM: ({"user_down": "connection lost"}, {"user_down": None}),
    Reason.CLOCK_SKEW: ({"skew_ns": -500 * MS - 1}, {"skew_ns": -500 * MS}),
    Reason.STOP_LOSS: ({"unrealized": Decimal("-20.01"), "position_lots": 3}, {"unrealized": Decimal(-20)}),
    Reason.POLICY_OUTPUT: ({"policy_trouble": "an output is not finite"}, {"policy_trouble": None}),
    Reason.NO_QUOTER: ({"nobody": "there is no baseline"}, {"nobody": None}),
    Reason.KILL_FILE: ({"kill_file": "run/kill"}, {"kill_file": None}),
    Reason.KILL_SIGNAL: ({"kill_signal": "SIGUSR1"}, {"kill_signal": None}),
}
"""By reason: what trips it, and what is just inside."""


@pytest.mark.parametrize("reason", BROKEN)
def test_a_check_trips_beyond_its_bound(reason):
    watched = risk()
    (breach,) = watched.watch(facts(**BROKEN[reason][0]))[:1]
    assert breach.reason is reason
    assert breach.text
    assert watched.lasting == {reason}
    assert watched.quoting(NOON) is Quoting.NONE


@pytest.mark.parametrize("reason", BROKEN)
def test_a_check_is_silent_at_its_bound(reason):
    watched = risk()
    assert watched.watch(facts(**BROKEN[reason][1])) == []
    assert watched.quoting(NOON) is Quoting.BOTH


def test_every_standing_check_is_tripped_here():
    elsewhere = {Reason.DAILY_LOSS, Reason.DRAWDOWN, Reason.POSITION_MISMATCH, Reason.BALANCE_MISMATCH}
    assert set(BROKEN) | elsewhere == set(STANDING)


def test_what_was_lost_since_the_day_began_halts():
    watched = risk(max_drawdown=1000)
    watched.watch(facts(pnl=Decimal(7)))
    assert watched.watch(facts(pnl=Decimal(-93))) == []
    (breach,) = watched.watch(facts(pnl=Decimal("-93.01")))
    assert (breach.reason, watched.state) == (Reason.DAILY_LOSS, State.HALTED)
    assert "100.01" in breach.text


def test_a_new_day_counts_its_loss_from_its_own_beginning():
    watched = risk(max_drawdown=1000)
    watched.watch(facts(pnl=Decimal(0)))
    watched.watch(facts(pnl=Decimal(-100)))
    tomorrow = NOON + 43_200 * SECOND
    assert watched.watch(facts(now_ns=tomorrow, pnl=Decimal(-150))) == []
    assert watched.watch(facts(now_ns=tomorrow + SECOND, pnl=Decimal(-250))) == []
    assert reasons(watched.watch(facts(now_ns=tomorrow + SECOND, pnl=Decimal(-251)))) == [Reason.DAILY_LOSS]


def test_the_drawdown_trails_the_highest_pnl():
    watched = risk()
    for pnl in (0, 40, 30, -10):
        assert watched.watch(facts(pnl=Decimal(pnl), position_lots=2)) == []
    (breach,) = watched.watch(facts(pnl=Decimal("-10.01"), position_lots=2))
    assert (breach.reason, watched.state) == (Reason.DRAWDOWN, State.REDUCING)


@pytest.mark.parametrize(
    ("reason", "gap"),
    [
        (Reason.POSITION_MISMATCH, {"position_gap_lots": -1}),
        (Reason.BALANCE_MISMATCH, {"balance_gap": Decimal("0.00000001"), "balance_gap_currency": "USDT"}),
    ],
)
def test_books_that_differ_from_the_venues_halt_once_the_grace_is_over(reason, gap):
    watched = risk(mismatch_grace_ms=1000)
    assert watched.watch(after(0, **gap)) == []
    assert watched.watch(after(500)) == []  # the late report came
    assert watched.watch(after(600, **gap)) == []
    assert watched.watch(after(1599.999, **gap)) == []
    assert reasons(watched.watch(after(1600, **gap))) == [reason]
    assert watched.state is State.HALTED


@pytest.mark.parametrize(
    ("tolerance", "gap"),
    [
        ({"position_tolerance_lots": 2}, {"position_gap_lots": 2}),
        ({"balance_tolerance": Decimal("0.5")}, {"balance_gap": Decimal("-0.5")}),
    ],
)
def test_books_may_differ_by_the_tolerance(tolerance, gap):
    watched = risk(mismatch_grace_ms=0, **tolerance)
    assert watched.watch(after(0, **gap)) == []
    assert watched.watch(after(9999, **gap)) == []


def test_observations_unlike_training_count_only_in_a_row_and_once_a_decision():
    watched = risk(max_dissimilarity=4.0, dissimilar_decisions=2)
    for decision, value in enumerate((4.1, 4.0, 4.1), start=1):
        assert watched.watch(facts(dissimilarity=value, decision=decision)) == []
        assert watched.watch(facts(dissimilarity=value, decision=decision)) == []
    (breach,) = watched.watch(facts(dissimilarity=5.0, decision=4))
    assert (breach.reason, breach.action) == (Reason.DISSIMILARITY, Action.FALL_BACK)


def test_a_dissimilarity_that_is_no_number_is_beyond_any_bound():
    watched = risk(dissimilar_decisions=1)
    assert reasons(watched.watch(facts(dissimilarity=float("nan"), decision=1))) == [Reason.DISSIMILARITY]


def test_the_policy_is_unfit_as_long_as_it_sees_what_it_does_not_know():
    watched = risk(dissimilar_decisions=1, pull_hold_ms=100)
    assert watched.unfit is None
    watched.watch(after(0, dissimilarity=9.0, decision=1))
    assert "unlike" in watched.unfit
    assert watched.quoting(NOON + 99 * MS) is Quoting.NONE  # the policy's orders go first
    assert watched.quoting(NOON + 100 * MS) is Quoting.BOTH  # then the baseline quotes
    watched.watch(after(200, dissimilarity=1.0, decision=2))
    assert watched.unfit is None


def test_a_lasting_breach_is_told_once_and_again_after_it_was_gone():
    watched = risk()
    stale = {"book_age_ns": 3 * SECOND}
    assert reasons(watched.watch(after(0, **stale))) == [Reason.STALE_BOOK]
    assert watched.watch(after(10, **stale)) == []
    assert watched.watch(after(20)) == []
    assert reasons(watched.watch(after(30, **stale))) == [Reason.STALE_BOOK]


def test_pulled_quotes_come_back_when_the_breach_is_over_and_the_hold_has_passed():
    watched = risk(pull_hold_ms=500)
    watched.watch(after(0, book_age_ns=3 * SECOND))
    watched.watch(after(5000, book_age_ns=8 * SECOND))
    watched.watch(after(5100))
    assert watched.state is State.ACTIVE
    assert watched.quoting(NOON + 5599 * MS) is Quoting.NONE
    assert watched.quoting(NOON + 5600 * MS) is Quoting.BOTH
