"""A recorded market through the live path: the tape's observations, and the reference replay's fills."""

import numpy as np
import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel
from jaxmm.strategies.registry import strategy_from
from jaxmm.tape.build import build_tape
from tests.live.paper.plain_quoter import by_reference, decide_by
from tests.live.paper.test_replay_equals_reference import assert_same_fills, paper_run

TERMS = Latency(5_000_000, 5_000_000), FillModel.parse("risk_averse:partial"), Limits()
STRATEGIES = {
    "one order a side": ("fixed_spread", {"half_spread_ticks": 2, "lots": 10, "max_position_lots": 100}, 1),
    "three orders a side": ("glft_grid", {"lots": 5, "max_position_lots": 100, "levels": 3}, 3),
}


def assert_equal_value_for_value(tape, seen):
    assert [one.ts_ns for one in seen] == tape.ts_ns.tolist()
    for name in ("book_price", "book_qty", "features"):
        live, recorded = np.stack([getattr(one, name) for one in seen]), np.asarray(getattr(tape, name))
        assert live.dtype == recorded.dtype
        assert live.tobytes() == recorded.tobytes(), name


@pytest.fixture(scope="module")
def cut(beginning, tmp_path_factory):
    """The recording as a tape of some thousand decisions."""
    return build_tape(beginning, tmp_path_factory.mktemp("cut") / "tape", "20ms", 20)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_recorded_day_on_paper_is_the_tape_value_for_value_and_the_reference_fill_for_fill(beginning, cut, name):
    strategy, numbers, orders = STRATEGIES[name]
    decide = decide_by(strategy_from(strategy, numbers))
    quoter = paper_run(beginning, "20ms", 20, orders, decide, *TERMS)
    assert cut.decisions > 2_000
    assert_equal_value_for_value(cut, quoter.seen)
    reference = by_reference(cut, decide, *TERMS, orders)
    assert len(reference.fills) > 50
    assert_same_fills(quoter, reference)
