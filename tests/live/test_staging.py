"""A core with a rollout, on the paper venue: sizes of its stage, moves up and down, a person's commands."""

import asyncio

import pytest

from jaxmm.errors import InputError
from jaxmm.live.commands import Command, Verb, seen
from jaxmm.live.decider import Decision, Level
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.risk import Memory as RiskMemory
from jaxmm.live.risk import Reason, State
from jaxmm.live.rollout import Memory
from jaxmm.strategies.registry import strategy_from
from tests.live.paper_core import NAMED, WIDE, Rig, config
from tests.tape.memory_store import MemoryStore, RandomMarket

STAGES = {
    "stages": [
        {"name": "canary", "limits": {"max_order_lots": 2}, "gate": {"min_hours": 1e-12}},
        {"name": "full", "floor": {"after_hours": 1e-9, "uptime": 0.5, "halts": ["drawdown", "command"]}},
    ],
    "bucket_s": 1e-6,
}


def rig(tmp_path, **changes):
    store = MemoryStore(RandomMarket(7).stream(1_500), NAMED)
    strategy = strategy_from("fixed_spread", {"half_spread_ticks": 4, "lots": 3, "max_position_lots": 20})
    return Rig(tmp_path / "journal", store, strategy, config(**{"rollout": STAGES, **changes}))


def rows(tmp_path, kind):
    return [row for row in read_rows(tmp_path / "journal") if row.kind == kind]


def command(verb, expects):
    return Command(verb, "ada", "because", 1, expects)


def test_quotes_are_cut_to_the_size_of_the_stage(tmp_path):
    rig(tmp_path).run()
    placed = rows(tmp_path, "place")
    assert placed
    assert {row.body["qty_lots"] for row in placed} == {2}


def test_the_kpis_are_those_of_the_journal(tmp_path):
    core = rig(tmp_path).run()
    sums = core.out.staging.rollout.meter.sums
    assert sums.fills == len(rows(tmp_path, "fill")) > 0
    assert sums.filled_lots == sum(row.body["qty_lots"] for row in rows(tmp_path, "fill"))
    assert sums.placed_lots == 2 * len(rows(tmp_path, "place"))
    assert sums.decisions == len(rows(tmp_path, "decision"))
    assert sums.refused == len(rows(tmp_path, "refused"))


def promoted(tmp_path):
    """One that was refused a demotion and promoted after a second in which it filled once."""
    one = rig(tmp_path)
    assert one.core.obey(command(Verb.DEMOTE, "canary")).event is None
    meter = one.core.out.staging.rollout.meter
    for now_ns in (0, 10**9):
        meter.decided(now_ns, 1.0, 0.0, True)
    meter.filled(0, 0, 1, 1)
    assert one.core.obey(command(Verb.PROMOTE, "canary")).refusal == ""
    return one


def test_a_promotion_lets_larger_quotes_out(tmp_path):
    one = promoted(tmp_path)
    assert one.core.out.risk.limits.max_order_lots == WIDE["max_order_lots"]
    one.run()
    assert {row.body["qty_lots"] for row in rows(tmp_path, "place")} == {3}
    assert [row.body["move"]["after"] for row in rows(tmp_path, "rollout")] == ["full"]
    assert [row.body["done"] for row in rows(tmp_path, "command")] == [False, True]


def test_a_halt_that_the_floor_names_leads_down(tmp_path):
    one = promoted(tmp_path)
    one.core.obey(command(Verb.HALT, ""))
    assert one.core.out.risk.state is State.HALTED
    assert one.core.out.staging.rollout.stage.name == "canary"
    assert one.core.out.risk.limits.max_order_lots == 2


def test_a_floor_that_is_broken_leads_down_while_it_quotes(tmp_path):
    one = promoted(tmp_path)
    sums = one.core.out.staging.rollout.meter.sums
    sums.decisions, sums.since_ns = 10**9, -3600 * 10**9  # an hour in which it could not quote
    one.run()
    (_, down) = rows(tmp_path, "rollout")
    assert (down.body["move"]["by"], down.body["move"]["after"]) == ("floor", "canary")
    assert rows(tmp_path, "place")[-1].body["qty_lots"] == 2


def test_a_person_releases_what_a_person_halted(tmp_path):
    one = rig(tmp_path, risk={**WIDE, "pull_hold_ms": 0})
    one.core.obey(command(Verb.HALT, ""))
    risk = one.core.out.risk
    assert (risk.state, risk.memory.reason) == (State.HALTED, Reason.COMMAND)
    one.core.situation.kill_signal = "SIGUSR1"
    one.core.obey(command(Verb.RELEASE, seen(State.HALTED, risk.memory.since_ns)))
    assert (risk.state, one.core.situation.kill_signal) == (State.ACTIVE, None)
    one.core.compared([], asyncio.run(one.gateway.account()), 0)  # the halt's sweep is over
    one.run()
    assert rows(tmp_path, "place")
    assert RiskMemory.recovered(read_rows(tmp_path / "journal")).state is State.ACTIVE


def test_state_and_stage_outlive_the_process(tmp_path):
    one = rig(tmp_path)
    one.core.obey(command(Verb.HALT, ""))
    one.run()
    assert rows(tmp_path, "place") == []
    kept = list(read_rows(tmp_path / "journal"))
    assert RiskMemory.recovered(kept).reason is Reason.COMMAND
    assert Memory.recovered(kept).stage == "canary"
    last = [row for row in kept if row.kind == "state"][-1]
    assert RiskMemory.recovered([last]).state is State.HALTED


def test_a_live_quoter_does_not_begin_in_a_paper_stage(tmp_path):
    from jaxmm.live.build import Quoters, core_of, order_manager
    from jaxmm.live.journal import Journal
    from jaxmm.live.observer import Observer
    from jaxmm.live.orders import Desk

    settings = config(rollout={"stages": [{"name": "paper", "live": False}, {"name": "canary"}]})
    quoters = Quoters(strategy_from("fixed_spread", {}), None, (), (), settings.observing)
    journal = Journal.open(tmp_path / "journal", quoter="test", facts={}, now_ns=0)
    desk = Desk(journal, order_manager(settings, quoters, NAMED, can_amend=True))
    with pytest.raises(InputError, match=r"rollout\.after"):
        core_of(settings, quoters, desk, print, Observer(), live=True)
    journal.close()


def test_a_release_does_not_halt_again_for_the_decision_before_the_halt(tmp_path):
    one = rig(tmp_path, risk={**WIDE, "pull_hold_ms": 0})
    core = one.core
    core.situation.decided(Decision(None, Level.NOBODY, "late", "late; there is no baseline"))
    core.out.watch(core.situation.facts(1))
    assert core.out.risk.memory.reason is Reason.NO_QUOTER
    core.obey(command(Verb.RELEASE, seen(State.HALTED, 1)))
    core.out.watch(core.situation.facts(2))
    assert core.out.risk.state is State.ACTIVE
