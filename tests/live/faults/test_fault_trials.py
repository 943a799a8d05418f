"""The short cousin of `scripts/faults`: a few trials, and that a trial sees what is broken."""

from decimal import Decimal

import pytest

from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.journal import Journal
from jaxmm.live.messages import Account
from jaxmm.live.orders import Desk, Ledger, OrderManager
from jaxmm.sim_venue import SimConfig, SimVenue
from jaxmm.sim_venue.faults import KINDS
from jaxmm.sim_venue.matching import NewOrder
from tests.live.faults.audit import audit, strangers
from tests.live.faults.main import report
from tests.live.faults.plan import GROUPS, KILL, plan_of
from tests.live.faults.process import ROOT, QuoterProcess, quote_config
from tests.live.faults.trial import Outcome, run_trial


@pytest.mark.parametrize(
    ("seed", "market", "kinds"),
    [
        (1, "usdm", (*KINDS, KILL)),
        (2, "spot", ("accepted_timeout", "cancel_timeout", "disconnect", KILL)),
    ],
)
async def test_after_faults_and_kills_venue_and_journal_agree_and_it_quotes_again(seed, market, kinds):
    outcome = await run_trial(plan_of(seed, market, kinds, seconds=2.0))
    assert not outcome.broken, report(outcome, market, kinds)
    assert outcome.orders > 0
    assert outcome.starts > 1


def test_a_seed_is_one_plan_and_two_hundred_hold_every_kind_alone_and_mixed_and_the_kill():
    plans = [plan_of(seed) for seed in range(200)]
    assert plans == [plan_of(seed) for seed in range(200)]
    assert {plan.kinds for plan in plans} == set(GROUPS)
    assert {plan.market for plan in plans} == {"spot", "usdm"}
    assert all(bool(plan.kills) == (KILL in plan.kinds) for plan in plans)
    struck = {scheduled.fault.kind for plan in plans for scheduled in plan.faults}
    assert struck == set(KINDS)


def test_a_broken_trial_says_in_one_line_how_to_see_it_again():
    outcome = Outcome(plan_of(7), ["fill 3 is not in the journal"])
    first, what, again = report(outcome, "spot", ["gap", "kill"]).splitlines()
    assert first.startswith("seed 7 ")
    assert "BROKEN" in first
    assert what == "  fill 3 is not in the journal"
    assert again == "  again: ./scripts/faults --seed 7 --market spot --kind gap --kind kill"


async def test_a_fill_and_orders_that_the_journal_does_not_know_are_seen(tmp_path):
    instrument = Instrument.from_yaml(ROOT / "configs" / "instruments" / "binance_usdm_btcusdt.yaml")
    async with SimVenue(SimConfig(instrument)) as venue:
        quoter = QuoterProcess(venue, tmp_path, "usdm")
        limits = quote_config(venue, quoter.journal, "usdm")["risk"]
        journal = Journal.open(quoter.journal, quoter="faults", facts={}, now_ns=0)
        desk = Desk(journal, OrderManager("faults", Ledger(instrument)))
        desk.begin(Account({"USDT": Decimal(1_000_000)}, 0, 0), 0)
        journal.close()
        assert audit(quoter, limits, ()) == []
        venue.exchange.place(NewOrder("unknown-1", 0, OrderType.MARKET, 0, 160))
        venue.exchange.place(NewOrder("unknown-2", 0, OrderType.POST_ONLY, venue.exchange.best(0), 10))
        broken = " · ".join(audit(quoter, limits, ()))
        assert strangers(quoter) == ["order unknown-2 is open and the journal does not know it"]
    assert "order unknown-2 is still open" in broken
    assert "is not in the journal" in broken
    assert "position is 160 lots at the venue and 0" in broken
    assert "USDT at the venue and 1000000 USDT here" in broken
    assert "fees are" in broken
    assert "the largest position was 160, more than 150" in broken
