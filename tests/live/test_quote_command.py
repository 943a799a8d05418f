"""`jaxmm quote` refuses in a sentence what it may not do."""

import logging
from pathlib import Path

import pytest
import structlog
import yaml

from tests.commands import jaxmm, refusal

ROOT = Path(__file__).resolve().parents[2]
SIM = ROOT / "configs" / "quote" / "sim_usdm_btcusdt.yaml"


@pytest.fixture(autouse=True)
def logging_as_before():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def no_keys(monkeypatch):
    for name in ("JAXMM_API_KEY", "JAXMM_API_SECRET", "JAXMM_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("flags", [(), ("--paper", "--live")])
def test_one_of_paper_and_live_is_to_be_said(flags):
    assert refusal(jaxmm("quote", SIM, *flags)) == "quote: give --paper or --live, one of them"


def test_real_orders_are_to_be_meant():
    assert "add --yes-live if that is meant" in refusal(jaxmm("quote", SIM, "--live"))


def test_real_orders_need_keys_that_stand_in_no_configuration(no_keys):
    assert "JAXMM_API_KEY, JAXMM_API_SECRET not set" in refusal(jaxmm("quote", SIM, "--live", "--yes-live"))


def test_real_orders_need_limits_that_a_person_wrote_down(tmp_path):
    values = yaml.safe_load(SIM.read_text())
    del values["risk"]
    path = tmp_path / "quote.yaml"
    path.write_text(yaml.safe_dump(values))
    assert "risk: Field required" in refusal(jaxmm("quote", path, "--live", "--yes-live"))


def test_paper_needs_the_money_that_it_begins_with(tmp_path):
    values = yaml.safe_load(SIM.read_text()) | {"journal": str(tmp_path / "journal")}
    del values["paper"]
    path = tmp_path / "quote.yaml"
    path.write_text(yaml.safe_dump(values))
    said = refusal(jaxmm("quote", path, "--paper", cwd=ROOT))
    assert said == "paper: the configuration has no section paper; give at least its balances"
