"""The core in virtual time, on the paper venue."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.reference_orders import Wanted
from jaxmm.exchange.types import FillModel
from jaxmm.live.core import HURRY_NS, wanted_of
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.messages import Account, Stream
from jaxmm.live.quoters import CheckedPolicy
from jaxmm.live.risk import Quoting
from jaxmm.policy.bundle import Observing
from jaxmm.policy.types import Quotes, View, within_position
from jaxmm.strategies.registry import strategy_from
from jaxmm.tape.build import build_tape
from tests.live.bundles import bundle
from tests.live.paper.plain_quoter import by_reference, decide_by
from tests.live.paper_core import NAMED, WIDE, Rig, config
from tests.tape.memory_store import MemoryStore, RandomMarket

CALM = {
    "fixed_spread": {"half_spread_ticks": 4},
    "skewed_spread": {"half_spread_ticks": 4, "skew_ticks": 0.02},
    "glft_grid": {"gamma": 0.001, "k": 0.2},
}
"""Wide enough that an order never meets one of ours that is on its way out."""


def fills(path):
    return [
        (row.body["side"], row.body["price_ticks"], row.body["qty_lots"], row.body["maker"])
        for row in read_rows(path)
        if row.kind == "fill"
    ]


@pytest.mark.parametrize("name", CALM)
@pytest.mark.parametrize("latency", [Latency(), Latency(1_500, 700)])
def test_its_fills_are_the_reference_replays(tmp_path, name, latency):
    store = MemoryStore(RandomMarket(7).stream(3_000), NAMED)
    strategy = strategy_from(name, {"lots": 3, "max_position_lots": 20} | CALM[name])
    tape = build_tape(store, tmp_path / "tape", "1us", 5)
    model = FillModel.parse("risk_averse:partial")
    orders = getattr(strategy, "orders", 1)
    expected = by_reference(tape, decide_by(strategy), latency, model, Limits(), orders)
    rig = Rig(tmp_path / "journal", store, strategy, config(), latency=latency, model=model.name)
    rig.run()
    assert not rig.told.breaches
    known = [(f.side, f.price, f.qty, f.maker) for f in expected.fills]
    assert len(known) > 20
    assert fills(tmp_path / "journal")[: len(known)] == known


@dataclass
class Fails:
    """Quotes well, but for the decisions between two times."""

    first_ns: int
    last_ns: int
    now: list

    def quote(self, view, xp):
        if self.first_ns <= self.now[0]() <= self.last_ns:
            raise ValueError("no idea")
        return strategy_from("fixed_spread", {"half_spread_ticks": 4, "lots": 2}).quote(view, xp)


def test_a_quoter_that_fails_is_stood_in_for_and_comes_back(tmp_path):
    store = MemoryStore(RandomMarket(7).stream(1_000), NAMED)
    now = [lambda: 0]
    settings = config(deciding={"max_distance_ticks": 10**6, "recover_after": 5}, risk=WIDE | {"pull_hold_ms": 0})
    baseline = strategy_from("fixed_spread", {"half_spread_ticks": 9})
    rig = Rig(tmp_path / "journal", store, Fails(50_000, 60_000, now), settings, baseline=baseline)
    now[0] = lambda: rig.core.now_ns
    rig.run()
    assert rig.told.levels == ["baseline", "primary"]
    assert rig.told.breaches == ["policy_output"]
    levels = [row.body["level"] for row in read_rows(tmp_path / "journal") if row.kind == "decision"]
    assert levels.count("baseline") == 11 + 4  # as long as it failed, and until it had been fit for 5 decisions


def test_a_quoter_without_a_baseline_halts_and_everything_is_cancelled(tmp_path):
    store = MemoryStore(RandomMarket(7).stream(1_000), NAMED)
    now = [lambda: 0]
    rig = Rig(tmp_path / "journal", store, Fails(50_000, 60_000, now), config())
    now[0] = lambda: rig.core.now_ns
    core = rig.run()
    assert core.status(core.now_ns).state == "halted"
    assert "no idea; there is no baseline" in core.status(core.now_ns).hindrance
    assert rig.gateway.venue.open_orders() == []


def test_every_decision_is_journaled_with_the_observation_that_it_was_made_on(tmp_path):
    store = MemoryStore(RandomMarket(7).stream(1_000), NAMED)
    policy = bundle(tmp_path / "policy", NAMED, observing=Observing("1us", 5, 10, 10.0)).policy
    Rig(tmp_path / "journal", store, CheckedPolicy(policy), config()).run()
    rows = [row for row in read_rows(tmp_path / "journal") if row.kind == "decision"]
    for row in rows:
        seen = np.frombuffer(row.blob, np.float32)
        touch, none = [np.int32(ticks) for ticks in row.body["touch"]], np.int32(0)
        view = View(*touch, np.int32(row.body["position_lots"]), seen[:14], none, none, none, none, np.float32(1))
        quotes = policy.actions.decode(policy.network.act(seen, np), view, np)
        quotes = within_position(quotes, view.position_lots, policy.max_position_lots, np)
        wanted = [[int(number)] for number in quotes[:4]]
        assert row.body["wanted"] == [*wanted, bool(quotes.flatten)]
    assert len(rows) > 100


def test_a_decision_that_fell_due_long_ago_is_not_acted_on(tmp_path):
    store = MemoryStore(RandomMarket(7).stream(200), NAMED)
    settings = config(deciding={"max_distance_ticks": 10**6, "max_lateness_ms": 0.01})
    rig = Rig(tmp_path / "journal", store, strategy_from("fixed_spread"), settings)
    messages = list(rig.feed)
    for message in messages:
        rig.core.handle(message)
    made, now = rig.core.situation.decision, messages[-1].recv_ts
    rig.core.tick(now + 100_000)
    assert rig.core.situation.decision - made in (10, 11)  # of a hundred, those of the last ten microseconds


@pytest.mark.parametrize(
    ("quoting", "position", "wanted"),
    [
        (Quoting.BOTH, 3, Wanted([99], [4], [101], [4], False)),
        (Quoting.REDUCE_ONLY, 3, Wanted([99], [0], [101], [3], False)),
        (Quoting.REDUCE_ONLY, -9, Wanted([99], [4], [101], [0], False)),
        (Quoting.NONE, 3, Wanted()),
    ],
)
def test_what_may_rest_depends_on_what_risk_lets_be_quoted(quoting, position, wanted):
    quotes = Quotes(*(np.int32(value) for value in (99, 4, 101, 4)), np.bool_(False))
    assert wanted_of(quotes, quoting, position) == wanted


def test_a_ladder_that_reduces_keeps_its_nearest_orders():
    quotes = Quotes(np.int32([9, 8]), np.int32([4, 4]), np.int32([11, 12]), np.int32([4, 4]), np.bool_(False))
    assert wanted_of(quotes, Quoting.REDUCE_ONLY, 6) == Wanted([9, 8], [0, 0], [11, 12], [4, 2], False)


def test_the_venue_is_asked_after_the_user_stream_was_away_and_quotes_stay_away_until_it_has_answered(tmp_path):
    store = MemoryStore(RandomMarket(7).stream(200), NAMED)
    rig = Rig(tmp_path / "journal", store, strategy_from("fixed_spread"), config())
    core, at = rig.core, 10**9
    core.handle(Stream("user", False, at, "gone"))
    assert core.status(at).hindrance == "gone"
    core.handle(Stream("user", True, at + 10))
    assert not core.status(at).quoting
    assert core.asks(at + HURRY_NS)
    core.asked(at + HURRY_NS)
    assert not core.asks(at + HURRY_NS + 1)
    core.handle(Stream("user", False, at + HURRY_NS + 2, "gone again"))
    core.handle(Stream("user", True, at + HURRY_NS + 3))
    account = Account({"USD": Decimal(1_000_000)}, 0, at + HURRY_NS + 4)
    core.compared([], account, at + HURRY_NS)  # asked before it broke again: that proves nothing
    assert not core.status(at).quoting
    core.compared([], account, at + 2 * HURRY_NS)
    assert core.status(at).quoting


def test_a_sweep_is_over_when_the_venue_has_shown_that_nothing_is_open(tmp_path):
    store = MemoryStore(RandomMarket(7).stream(200), NAMED)
    rig = Rig(tmp_path / "journal", store, strategy_from("fixed_spread"), config())
    core, at = rig.core, 10**9
    account = Account({"USD": Decimal(1_000_000)}, 0, at)
    core.stop("enough", flatten=False)
    core.tick(at)
    rig.gateway.flush(at)
    assert not core.out.done
    core.compared([], account, at)  # the answer to the cancelling of all is still to come
    assert not core.out.done
    rig.gateway.venue.live_until(at + 1)
    core.handle(rig.gateway.venue.take_mail())
    core.compared([], account, at + 1)
    assert core.out.done
    kinds = [row.kind for row in rig.journal.rows("cancel_all", "swept")]
    assert kinds == ["cancel_all"]  # what a sweep ends with is committed with the next chores
    core.tick(at + 10**8)
    assert [row.kind for row in rig.journal.rows("cancel_all", "swept")] == ["cancel_all", "swept"]
