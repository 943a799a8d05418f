"""The core in virtual time, on the paper venue."""

import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel
from jaxmm.live.journal.reading import read_rows
from jaxmm.strategies.registry import strategy_from
from jaxmm.tape.build import build_tape
from tests.live.paper.plain_quoter import by_reference, decide_by
from tests.live.paper_core import NAMED, Rig, config
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
