"""What an operator asks from outside, through the commands that they type, of journals that a quoter left."""

import json

import pytest
from typer.testing import CliRunner

from jaxmm.cli import app
from jaxmm.instrument import Instrument
from jaxmm.live.commands import Verb, carry_out, waiting
from jaxmm.live.config import load_quote_config
from jaxmm.live.journal import Journal
from jaxmm.live.operate import standing
from jaxmm.live.risk import Reason, Risk, State
from jaxmm.live.rollout import Memory, Rollout, Sums

BTC = Instrument("binance-usdm", "BTCUSDT", tick_size=0.1, lot_size=0.001)
CONFIG = """\
name: test
instrument: btc.yaml
journal: journal
gateway: {venue: binanceusdm}
quoter: {kind: strategy, name: fixed_spread}
risk:
  max_position_lots: 10
  max_order_lots: 5
  max_order_notional: 1000
  max_open_orders: 4
  max_messages_per_s: 20
  max_messages_per_day: 1000
  max_daily_loss: 100
  max_drawdown: 50
  stop_loss: 20
rollout:
  stages:
  - {name: canary, gate: {min_hours: 1, min_fills: 10, max_sim_gap: 0.2}}
  - {name: full}
"""
HOUR = 3600 * 10**9


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a configuration, where commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quote.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def quoter(place):
    """Risk and rollout of a quoter that halted after an hour in its first stage, and died."""
    config = load_quote_config("quote.yaml")
    risk = Risk(config.risk, BTC)
    rollout = Rollout(config.rollout, config.risk, Memory("canary", Sums(since_ns=HOUR, until_ns=2 * HOUR, fills=12)))
    journal = Journal.open(config.journal, quoter=config.name, facts={}, now_ns=1)
    journal.append("risk", 2, risk.row())
    journal.checkpoint(3, {"risk": risk.memory.to_dict(), "rollout": rollout.memory().to_dict()})
    journal.append("risk", 4, risk.row(risk.halt(Reason.DAILY_LOSS, "100.5 lost today", 4)))
    journal.close()
    return risk, rollout


def typed(*words):
    """What a command answered; its one line of error where it refused."""
    done = CliRunner().invoke(app, [*words, "--json"])
    return json.loads(done.stdout) if done.exit_code == 0 else str(done.exception)


def given():
    ((_, command),) = waiting("journal")
    return command


def test_the_journal_says_how_the_quoter_stands(quoter):
    risk, rollout = quoter
    assert standing("journal").risk == risk.memory
    assert standing("journal").rollout == rollout.memory()


def test_a_release_is_given_for_the_halt_that_the_journal_shows(quoter):
    risk, rollout = quoter
    answer = typed("release", "quote.yaml", "--by", "ada", "--note", "books checked")
    assert (answer["released"], answer["reason"], answer["text"]) == ("halted", "daily_loss", "100.5 lost today")
    assert carry_out(given(), risk, rollout, 9).refusal == ""
    assert risk.state is State.ACTIVE


def test_an_active_quoter_needs_no_release(place):
    journal = Journal.open("journal", quoter="test", facts={}, now_ns=1)
    journal.append("risk", 2, Risk(load_quote_config("quote.yaml").risk, BTC).row())
    journal.close()
    assert "nothing to release" in typed("release", "quote.yaml", "--by", "ada", "--note", "")
    assert list(waiting("journal")) == []


def test_a_halt_is_given_without_a_look(quoter):
    typed("halt", "quote.yaml", "--by", "ada", "--note", "maintenance")
    assert (given().verb, given().note) == (Verb.HALT, "maintenance")


def test_status_shows_the_stage_its_kpis_and_its_gate(quoter):
    status = typed("rollout", "status", "quote.yaml")
    assert (status["stage"], status["stages"]) == ("canary", ["canary", "full"])
    assert (status["kpis"]["fills"], status["kpis"]["hours"]) == (12, 1.0)
    assert [(one["criterion"], one["met"]) for one in status["gate"]] == [
        ("hours", True),
        ("fills", True),
        ("sim_gap", False),
    ]


def test_status_is_readable_without_json(quoter):
    text = CliRunner().invoke(app, ["rollout", "status", "quote.yaml"]).stdout
    assert "canary" in text
    assert "gate sim_gap" in text


def test_a_promotion_brings_its_comparison_with_the_simulator(quoter, place):
    risk, rollout = quoter
    assert "sim_gap is not known yet" in typed("rollout", "promote", "quote.yaml", "--by", "ada")
    (place / "compare.json").write_text('{"gap": 0.15}')
    answer = typed("rollout", "promote", "quote.yaml", "--by", "ada", "--comparison", "compare.json")
    assert (answer["from"], answer["to"]) == ("canary", "full")
    assert carry_out(given(), risk, rollout, 9).event.after == "full"


def test_a_file_that_is_no_comparison_is_refused(quoter, place):
    (place / "compare.json").write_text("[]")
    assert "compare.json" in typed("rollout", "promote", "quote.yaml", "--by", "ada", "--comparison", "compare.json")


def test_the_first_stage_is_not_demoted(quoter):
    assert "the first one" in typed("rollout", "demote", "quote.yaml", "--by", "ada")


def test_without_a_journal_there_is_nothing_to_ask(place):
    assert "journal" in typed("rollout", "status", "quote.yaml")


def test_without_stages_there_is_no_rollout(quoter, place):
    (place / "quote.yaml").write_text(CONFIG.partition("rollout:")[0])
    assert "no section rollout" in typed("rollout", "status", "quote.yaml")
