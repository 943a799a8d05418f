"""The fall-back chain."""

from dataclasses import dataclass, field

import pytest
from views import view

from jaxmm.live.decider import Bounds, Decider, Level
from jaxmm.live.quoters import Unfit
from jaxmm.policy.types import Quotes
from jaxmm.strategies.registry import strategy_from


@dataclass
class Script:
    """Does what it is told, then goes on with the last."""

    does: list
    asked: int = 0

    def quote(self, view, xp):
        what = self.does[min(self.asked, len(self.does) - 1)]
        self.asked += 1
        if isinstance(what, Exception):
            raise what
        return Quotes(*(xp.int32(value) for value in what), xp.bool_(False))


@dataclass
class Watch:
    """A clock that shows the given times, each once."""

    times: list = field(default_factory=list)

    def __call__(self):
        return self.times.pop(0) if self.times else 0


GOOD, BASE = (999, 1, 1005, 1), (990, 1, 1014, 1)


def decider(primary, baseline=None, recover_after=2, perf_ns=lambda: 0):
    bounds = Bounds(max_lots=10, max_distance_ticks=100)
    base = None if baseline is None else Script(baseline)
    return Decider(Script(primary), base, bounds, timeout_ns=1_000_000, recover_after=recover_after, perf_ns=perf_ns)


def test_a_fit_quoter_decides():
    decision = decider([GOOD], [BASE]).decide(view())
    assert (decision.level, decision.trouble, int(decision.quotes.bid_ticks)) == (Level.PRIMARY, None, 999)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (ValueError("no such thing"), "ValueError: no such thing"),
        (Unfit("an output is not finite"), "an output is not finite"),
        ((999, 11, 1005, 1), "bid of 11 lots; at most 10"),
        ((999, 1, 1005, -1), "ask of -1 lots"),
        ((800, 1, 1005, 1), "bid at 800 is more than 100 ticks from the mid 1002"),
    ],
)
def test_the_baseline_decides_where_the_quoter_is_unfit_and_the_reason_is_said(does, says):
    decision = decider([does], [BASE]).decide(view())
    assert decision.level is Level.BASELINE
    assert int(decision.quotes.bid_ticks) == 990
    assert says in decision.trouble


def test_a_quoter_that_takes_too_long_is_not_listened_to():
    watch = Watch([0, 2_000_000])
    decision = decider([GOOD], [BASE], perf_ns=watch).decide(view())
    assert decision.level is Level.BASELINE
    assert "took 2.0 ms; 1.0 ms are allowed" in decision.trouble


def test_a_baseline_may_take_its_time():
    decision = decider([ValueError("x")], [BASE], perf_ns=Watch([0, 2_000_000, 9_000_000])).decide(view())
    assert decision.level is Level.BASELINE


def test_what_speaks_against_the_quoter_from_outside_counts_as_its_own_fault():
    decision = decider([GOOD], [BASE]).decide(view(), unfit="the observation lies outside the training range")
    assert (decision.level, decision.trouble) == (Level.BASELINE, "the observation lies outside the training range")


def test_the_quoter_comes_back_once_it_has_been_fit_for_a_while():
    chain = decider([ValueError("x"), GOOD, GOOD, GOOD], [BASE], recover_after=2)
    assert [chain.decide(view()).level for _ in range(4)] == [
        Level.BASELINE, Level.BASELINE, Level.PRIMARY, Level.PRIMARY,
    ]  # fmt: skip


def test_a_relapse_begins_the_waiting_again():
    chain = decider([ValueError("x"), GOOD, ValueError("x"), GOOD, GOOD], [BASE], recover_after=2)
    levels = [chain.decide(view()).level for _ in range(5)]
    assert levels == [Level.BASELINE] * 4 + [Level.PRIMARY]


def test_nobody_decides_without_a_baseline_and_where_the_baseline_fails_too():
    alone, both = decider([ValueError("x")]), decider([ValueError("x")], [ValueError("y")])
    assert alone.decide(view()).level is Level.NOBODY
    last = both.decide(view())
    assert (last.level, last.quotes) == (Level.NOBODY, None)
    assert last.nobody == "ValueError: x; the baseline: ValueError: y"
    assert alone.decide(view()).nobody == "ValueError: x; there is no baseline"


def test_arithmetic_that_overflows_or_is_undefined_is_a_fault_and_not_a_quote():
    strategy = strategy_from("glft", {"gamma": 1e-30, "k": 1e-3})
    chain = Decider(strategy, None, Bounds(10, 100), timeout_ns=10**9, recover_after=1, perf_ns=lambda: 0)
    assert chain.decide(view()).level is Level.NOBODY
