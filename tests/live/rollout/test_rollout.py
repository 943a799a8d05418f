"""Moves between stages: up by a person through the gate, down by the floor or a person; and what is remembered."""

import pytest
from stages import FLOOR, LIMITS, NOON, SECOND, STAGES, config, rollout, sums

from jaxmm.errors import InputError
from jaxmm.live.journal.rows import Row
from jaxmm.live.risk import Action, Breach, Reason
from jaxmm.live.rollout import Memory, Rollout, RolloutConfig, Sums, first_memory

SHORT = {
    "hours": {"since_ns": NOON - 3599 * SECOND},
    "fills": {"fills": 9},
    "pnl_low": {"pnl": 0.0},
    "fill_ratio": {"filled_lots": 9},
    "mark_out_ticks": {"mark_out_ticks": -10.1},
    "reject_ratio": {"refused": 5},
    "uptime": {"able": 89},
}
"""By criterion of the gate: what just misses it."""
LOW = {
    "pnl_high": ({"pnl": -60.0}, {"pnl": 0.0}),
    "fill_ratio": ({"filled_lots": 4}, {"filled_lots": 5}),
    "mark_out_ticks": ({"mark_out_ticks": -30.1}, {"mark_out_ticks": -30.0}),
    "reject_ratio": ({"refused": 21}, {"refused": 20}),
    "uptime": ({"able": 49}, {"able": 50}),
}
"""By criterion of the floor: what breaks it, and what is just inside."""


def test_a_person_promotes_through_a_gate_that_is_met():
    one = rollout("paper")
    move = one.promote("ada", "good week", "paper", NOON)
    assert (move.before, move.after, move.by, one.stage.name) == ("paper", "canary", "ada", "canary")
    assert one.meter.kpis().fills == 0


@pytest.mark.parametrize("criterion", SHORT)
def test_a_gate_that_is_missed_by_little_stays_shut_and_says_which(criterion):
    one = rollout(**SHORT[criterion])
    with pytest.raises(InputError, match=f"not promoted: {criterion}"):
        one.promote("ada", "", "canary", NOON)
    assert one.stage.name == "canary"


def test_a_gate_asks_for_the_gap_to_the_simulator_where_it_is_configured():
    stages = [{**STAGES["stages"][0], "gate": {"max_sim_gap": 0.2}}, *STAGES["stages"][1:]]
    one = Rollout(config(stages=stages), LIMITS, Memory("paper", sums()))
    with pytest.raises(InputError, match="sim_gap is not known yet"):
        one.promote("ada", "", "paper", NOON)
    with pytest.raises(InputError, match=r"sim_gap is 0\.21"):
        one.promote("ada", "", "paper", NOON, sim_gap=0.21)
    assert one.promote("ada", "", "paper", NOON, sim_gap=0.2).after == "canary"


@pytest.mark.parametrize("act", ["promote", "demote"])
def test_a_command_about_another_stage_does_nothing(act):
    one = rollout()
    with pytest.raises(InputError, match="about stage paper, the quoter is in canary"):
        getattr(one, act)("ada", "", "paper", NOON)
    assert one.stage.name == "canary"


def test_the_last_stage_has_none_above_and_the_first_none_below():
    with pytest.raises(InputError, match="the last one"):
        rollout("full").promote("ada", "", "full", NOON)
    with pytest.raises(InputError, match="the first one"):
        rollout("paper").demote("ada", "", "paper", NOON)


@pytest.mark.parametrize("criterion", LOW)
def test_a_broken_floor_leads_down_on_its_own(criterion):
    one = rollout(**LOW[criterion][0])
    move = one.watch(NOON)
    assert (move.after, move.by) == ("paper", "floor")
    assert criterion in move.why
    assert one.watch(NOON) is None


@pytest.mark.parametrize("criterion", LOW)
def test_a_floor_holds_at_its_bound(criterion):
    assert rollout(**LOW[criterion][1]).watch(NOON) is None


def test_a_floor_waits_until_there_is_enough_to_judge():
    too_soon = NOON - int(FLOOR["after_hours"] * 3600 - 1) * SECOND
    assert rollout(able=0, since_ns=too_soon).watch(NOON) is None
    assert rollout(able=0, since_ns=too_soon - 2 * SECOND).watch(NOON).after == "paper"


def test_a_loss_of_chance_does_not_lead_down():
    """The interval still holds 0."""
    assert rollout(pnl=-10.0, pnl_square=600.0).watch(NOON) is None


@pytest.mark.parametrize(
    ("reason", "action", "after"),
    [
        (Reason.DAILY_LOSS, Action.HALT, "paper"),
        (Reason.DRAWDOWN, Action.REDUCE, "canary"),
        (Reason.KILL_FILE, Action.HALT, "canary"),
    ],
)
def test_a_halt_for_a_loss_leads_down_at_once(reason, action, after):
    one = rollout()
    one.on_breach(Breach(reason, action, "text", NOON))
    assert one.stage.name == after


def test_each_stage_has_its_limits_and_the_rest_of_risks():
    one = rollout("canary")
    assert (one.limits.max_position_lots, one.limits.max_order_lots, one.limits.stop_loss) == (2, 1, LIMITS.stop_loss)
    assert rollout("full").limits == LIMITS


def test_a_stage_cannot_allow_more_than_risk():
    wide = config(stages=[{"name": "one", "limits": {"max_position_lots": 11}}])
    with pytest.raises(InputError, match="max_position_lots 11, risk allows 10"):
        Rollout(wide, LIMITS, Memory("one", Sums()))


def test_stages_have_different_names_and_paper_comes_first():
    with pytest.raises(ValueError, match="called alike"):
        RolloutConfig(stages=[{"name": "a"}, {"name": "a"}])
    with pytest.raises(ValueError, match="paper stages first"):
        RolloutConfig(stages=[{"name": "a"}, {"name": "b", "live": False}])


def test_a_live_quoter_begins_where_its_paper_quoter_was_promoted_to():
    with pytest.raises(InputError, match=r"rollout\.after"):
        first_memory(config(), True, None)
    with pytest.raises(InputError, match="promote it out of paper first"):
        first_memory(config(), True, Memory("paper", Sums()))
    assert first_memory(config(), True, Memory("canary", Sums())).stage == "canary"
    assert first_memory(config(), True, Memory("full", Sums())).stage == "canary"


def test_a_quoter_on_paper_begins_in_the_first_stage():
    assert first_memory(config(), False, None).stage == "paper"


def test_only_a_live_process_in_a_paper_stage_may_not_quote():
    assert rollout("paper").hindrance(live=False) is None
    assert rollout("canary").hindrance(live=False) is None
    assert rollout("canary").hindrance(live=True) is None
    assert "on paper" in rollout("paper").hindrance(live=True)


def test_a_rollout_outlives_its_process():
    one = rollout()
    move = one.demote("ada", "", "canary", NOON)
    rows = [
        Row(1, NOON, "state", {"rollout": rollout("full").memory().to_dict()}),
        Row(2, NOON, "rollout", one.row(move)),
        Row(3, NOON, "fill", {}),
    ]
    assert Memory.recovered(rows) == one.memory()
    assert Memory.recovered(rows[:1]).stage == "full"
    assert Memory.recovered(rows[2:]) is None


def test_a_memory_of_a_stage_that_is_no_longer_configured_is_refused():
    with pytest.raises(InputError, match="no stage 'pilot'"):
        Rollout(config(), LIMITS, Memory("pilot", Sums()))
