"""The latched state: it goes down by breaches in any order, up only by a person's command, and outlives the process."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moments import BTC, LIMITS, MS, NOON, SECOND, after, facts, limits, order, place, risk

from jaxmm.errors import InputError
from jaxmm.live.journal.rows import Row
from jaxmm.live.messages import ASK
from jaxmm.live.risk import Memory, Quoting, Reason, Risk, RiskLimits, State
from jaxmm.live.risk.reasons import DEFAULT_ACTIONS

DEPTH = {State.ACTIVE: 0, State.REDUCING: 1, State.HALTED: 2}
TROUBLES = (
    {},
    {"book_age_ns": 3 * SECOND},
    {"missing": "gap"},
    {"bid_ticks": 1005},
    {"position_lots": 12},
    {"position_lots": -12},
    {"pnl": Decimal(-60), "position_lots": 2},
    {"pnl": Decimal(-200)},
    {"pnl": Decimal(500)},
    {"unrealized": Decimal(-30), "position_lots": 1},
    {"position_gap_lots": 3},
    {"policy_trouble": "late"},
    {"nobody": "none"},
    {"kill_file": "kill"},
)
GROUPS = ((), (place(lots=6),), (place(), place(ASK, 1000)), (place(price_ticks=2000),), (place(), place(ASK, 1003)))
EVENTS = st.lists(st.tuples(st.sampled_from(TROUBLES), st.sampled_from(GROUPS), st.integers(0, 3000)), max_size=12)


@given(EVENTS)
def test_in_any_order_of_events_the_state_only_goes_down(events):
    one = risk(mismatch_grace_ms=100)
    now_ms, reached = 0, State.ACTIVE
    for trouble, drafts, wait_ms in events:
        now_ms += wait_ms
        moment = after(now_ms, **trouble)
        for act in (lambda moment=moment: one.watch(moment), lambda d=drafts, moment=moment: one.before(d, moment)):
            act()
            assert DEPTH[one.state] >= DEPTH[reached]
            reached = one.state
        if one.state is State.HALTED:
            assert one.quoting(moment.now_ns) is Quoting.NONE
            assert one.memory.reason is not None
        assert one.quoting(NOON + 10**15) is not Quoting.BOTH or one.state is State.ACTIVE


@given(st.permutations(TROUBLES))
def test_the_grave_breaches_halt_in_whatever_order_they_come(troubles):
    one = risk(mismatch_grace_ms=0)
    for i, trouble in enumerate(troubles):
        one.watch(after(i, **trouble))
    assert one.state is State.HALTED


@given(EVENTS)
def test_a_halt_is_kept_through_everything_and_names_its_first_reason(events):
    one = risk()
    one.halt(Reason.COMMAND, "enough", NOON)
    for i, (trouble, drafts, _) in enumerate(events):
        one.watch(after(i, **trouble))
        assert one.before(drafts, after(i, **trouble)).allowed == ()
    assert (one.state, one.memory.reason, one.memory.text) == (State.HALTED, Reason.COMMAND, "enough")


@given(EVENTS)
def test_what_the_journal_keeps_is_the_same_risk_after_a_restart(events):
    one = risk()
    for i, (trouble, drafts, _) in enumerate(events):
        one.watch(after(i, **trouble))
        one.before(drafts, after(i, **trouble))
    rows = [Row(1, NOON, "risk", one.row())]
    assert Memory.recovered(rows) == one.memory


def test_a_release_counts_losses_anew_but_not_messages():
    one = risk()
    one.watch(after(0))
    one.before([place()], after(0))
    one.watch(after(1, pnl=Decimal(-200)))
    assert one.state is State.HALTED
    release = one.release("Ada", "checked the fills by hand", NOON + MS)
    assert (release.by, one.state, one.memory.messages) == ("Ada", State.ACTIVE, 1)
    assert one.watch(after(2, pnl=Decimal(-200))) == []
    assert one.watch(after(3, pnl=Decimal(-250))) == []
    assert one.quoting(NOON + 3 * MS) is Quoting.NONE  # the hold
    assert one.quoting(NOON + 600 * MS) is Quoting.BOTH


def test_what_lasts_trips_again_after_a_release():
    one = risk()
    one.watch(facts(kill_file="kill"))
    one.release("Ada", "", NOON)
    (breach,) = one.watch(facts(kill_file="kill"))
    assert (breach.reason, one.state) == (Reason.KILL_FILE, State.HALTED)


def test_nobody_releases_nothing():
    one = risk()
    one.halt(Reason.COMMAND, "", NOON)
    with pytest.raises(InputError, match="name of the person"):
        one.release(" ", "", NOON)
    assert one.state is State.HALTED


def test_reducing_ends_in_a_halt_once_the_position_is_flat():
    one = risk()
    one.watch(facts(position_lots=4))
    one.watch(facts(position_lots=4, pnl=Decimal(-51)))
    assert one.watch(facts(position_lots=1, pnl=Decimal(-51))) == []
    (halt,) = one.watch(facts(position_lots=0, pnl=Decimal(-51)))
    assert (halt.reason, one.state) == (Reason.DRAWDOWN, State.HALTED)
    assert "flat" in halt.text


def test_reducing_keeps_quotes_away_for_the_hold_and_then_reduces():
    one = risk(pull_hold_ms=200)
    one.watch(after(0, position_lots=11, orders=(order(),)))
    assert one.quoting(NOON + 199 * MS) is Quoting.NONE
    assert one.quoting(NOON + 200 * MS) is Quoting.REDUCE_ONLY


def test_a_stop_loss_closes_the_position_and_says_so_once():
    one = risk()
    lost = {"position_lots": 4, "unrealized": Decimal(-21)}
    assert [breach.flatten for breach in one.watch(after(0, **lost))] == [True]
    assert one.watch(after(1, **lost)) == []


def test_which_halts_close_the_position_is_configured():
    one = risk(flatten_on=("kill_signal",))
    assert [breach.flatten for breach in one.watch(facts(unrealized=Decimal(-21), position_lots=1))] == [False]
    other = risk(flatten_on=("kill_signal",))
    assert [breach.flatten for breach in other.watch(facts(kill_signal="SIGUSR1"))] == [True]


def test_requests_behind_the_last_memory_count_towards_the_day():
    one = risk(max_messages_per_day=3)
    one.before([place()], after(0))
    rows = [
        Row(1, NOON, "risk", one.row()),
        *(Row(i, NOON + i, kind, {}) for i, kind in enumerate(("place", "fill", "cancel"))),
    ]
    recovered = Risk(limits(max_messages_per_day=3), BTC, Memory.recovered(rows))
    assert recovered.memory.messages == 3
    assert [one.reason for one in recovered.before([place()], after(1)).breaches] == [Reason.MESSAGE_BUDGET]


def test_a_recovery_begins_at_a_states_memory():
    kept = Memory(state=State.REDUCING, reason=Reason.DRAWDOWN, peak_pnl=Decimal("1.5"))
    rows = [
        Row(1, NOON, "risk", risk().row()),
        Row(2, NOON, "state", {"risk": kept.to_dict()}),
        Row(3, NOON, "fill", {}),
    ]
    assert Memory.recovered(rows) == kept


def test_every_reason_leads_somewhere():
    assert set(DEFAULT_ACTIONS) == set(Reason)


@pytest.mark.parametrize("reason", ["kill_file", "kill_signal", "command", "recovery", "internal", "not_quoting"])
def test_what_a_kill_switch_leads_to_cannot_be_configured(reason):
    with pytest.raises(ValueError, match="cannot be changed"):
        limits(actions={reason: "block"})


@pytest.mark.parametrize("missing", ["max_position_lots", "max_order_notional", "max_daily_loss", "stop_loss"])
def test_limits_of_money_and_exposure_have_no_default(missing):
    values = LIMITS.model_dump()
    del values[missing]
    with pytest.raises(ValueError, match=missing):
        RiskLimits(**values)
