"""A person's commands: how they reach the quoter, and what it makes of them."""

from decimal import Decimal

import pytest

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.commands import Command, Verb, carry_out, folder_of, give, seen, waiting
from jaxmm.live.risk import Reason, Risk, RiskLimits, State
from jaxmm.live.rollout import Memory, Rollout, RolloutConfig, Sums

LIMITS = RiskLimits(
    max_position_lots=10,
    max_order_lots=5,
    max_order_notional=Decimal(1000),
    max_open_orders=4,
    max_messages_per_s=20,
    max_messages_per_day=100_000,
    max_daily_loss=Decimal(100),
    max_drawdown=Decimal(50),
    stop_loss=Decimal(20),
)
STAGES = RolloutConfig(stages=[{"name": "canary", "limits": {"max_order_lots": 1}}, {"name": "full"}])


@pytest.fixture
def risk():
    return Risk(LIMITS, Instrument("binance-usdm", "BTCUSDT", tick_size=0.1, lot_size=0.001))


@pytest.fixture
def rollout():
    return Rollout(STAGES, LIMITS, Memory("full", Sums()))


def command(verb, expects="", ts_ns=1, **changes):
    return Command(verb, "ada", "because", ts_ns, expects, **changes)


def test_commands_wait_in_the_order_in_which_they_were_given(tmp_path):
    journal = tmp_path / "journal"
    assert list(waiting(journal)) == []
    for ts_ns, verb in ((9, Verb.RELEASE), (10, Verb.HALT), (2, Verb.PROMOTE)):
        give(journal, command(verb, ts_ns=ts_ns, sim_gap=0.5))
    assert [one.verb for _, one in waiting(journal)] == [Verb.PROMOTE, Verb.RELEASE, Verb.HALT]
    assert next(waiting(journal))[1] == command(Verb.PROMOTE, ts_ns=2, sim_gap=0.5)


def test_a_file_that_is_no_command_is_named_and_no_reason_to_stop(tmp_path):
    give(tmp_path / "journal", command(Verb.HALT))
    (folder_of(tmp_path / "journal") / "0.json").write_text('{"verb": "explode"}')
    broken, good = (one for _, one in waiting(tmp_path / "journal"))
    assert "no command" in broken
    assert good.verb is Verb.HALT


def test_a_command_needs_a_person():
    with pytest.raises(InputError, match="--by NAME"):
        Command(Verb.RELEASE, "", "", 1)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "journal.commands").touch()
    with pytest.raises(InputError, match="the command was not given"):
        give(tmp_path / "journal", command(Verb.HALT))


def test_a_release_releases_the_halt_that_was_looked_at(risk):
    risk.halt(Reason.RECOVERY, "position differs", 5)
    done = carry_out(command(Verb.RELEASE, seen(State.HALTED, 5)), risk, None, 9)
    assert (done.refusal, done.event.by, risk.state) == ("", "ada", State.ACTIVE)
    assert done.to_dict()["done"] is True


def test_a_release_does_not_release_another_halt(risk):
    risk.halt(Reason.RECOVERY, "position differs", 7)
    done = carry_out(command(Verb.RELEASE, seen(State.HALTED, 5)), risk, None, 9)
    assert "look again" in done.refusal
    assert risk.state is State.HALTED


def test_a_release_carried_out_twice_does_nothing_the_second_time(risk):
    risk.halt(Reason.COMMAND, "", 5)
    release = command(Verb.RELEASE, seen(State.HALTED, 5))
    carry_out(release, risk, None, 9)
    risk.halt(Reason.DAILY_LOSS, "", 10)
    assert carry_out(release, risk, None, 11).event is None
    assert risk.state is State.HALTED


def test_a_halt_names_who_wanted_it(risk):
    done = carry_out(command(Verb.HALT), risk, None, 5)
    assert (done.event.reason, risk.memory.text) == (Reason.COMMAND, "ada: because")


def test_a_person_demotes(risk, rollout):
    assert carry_out(command(Verb.DEMOTE, "full"), risk, rollout, 5).event.after == "canary"
    assert rollout.limits.max_order_lots == 1


def test_a_promotion_that_the_gate_refuses_says_why(risk, rollout):
    carry_out(command(Verb.DEMOTE, "full"), risk, rollout, 5)
    done = carry_out(command(Verb.PROMOTE, "canary"), risk, rollout, 6)
    assert "hours is 0, at least 1" in done.refusal
    assert (done.event, rollout.stage.name) == (None, "canary")


def test_moves_need_a_rollout(risk):
    assert "no section rollout" in carry_out(command(Verb.PROMOTE, "canary"), risk, None, 5).refusal
