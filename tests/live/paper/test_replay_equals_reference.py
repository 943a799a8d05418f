"""The paper venue in virtual time trades like the reference replay, fill for fill."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.reference_orders import Wanted
from jaxmm.exchange.types import FillModel
from jaxmm.live.paper.account import PaperAccount
from jaxmm.live.paper.feed import StoreFeed
from jaxmm.live.paper.gateway import PaperGateway
from jaxmm.live.paper.replay import replay
from jaxmm.live.paper.venue import PaperVenue
from jaxmm.tape.build import build_tape
from tests.live.paper.plain_quoter import PlainQuoter, by_reference
from tests.tape.memory_store import INSTRUMENT, MemoryStore, RandomMarket

NAMED = replace(INSTRUMENT, base="ABC", quote="USD", maker_fee=0.0001, taker_fee=0.0005)
LATENCIES = Latency(), Latency(1_500, 700), Latency.parse("place=3us,cancel=1us,response=5us")
MODELS = ("risk_averse", "risk_averse:partial", "penetration:partial", "touch", "touch:partial", "power3(2):partial")


def random_decide(seed: int, orders: int):
    """Ladders that stay for a while, inside and behind the touch, with sizes that grow and shrink, and flattening."""

    def decide(seen, position, lots, prices):
        rng = np.random.default_rng([seed, seen.ts_ns // 3_000])
        touch = seen.book_price[:, 0].tolist()
        bids = (touch[0] - rng.integers(-2, 5, orders)).tolist()
        asks = (touch[1] + rng.integers(-2, 5, orders)).tolist()
        sizes = rng.integers(0, 7, (2, orders)).tolist()
        return Wanted(bids, sizes[0], asks, sizes[1], flatten=bool(rng.random() < 0.02))

    return decide


def paper_run(store, clock, levels, orders, decide, latency, model, limits) -> PlainQuoter:
    feed = StoreFeed(store)
    account = PaperAccount.starting(store.instrument, False, {store.instrument.quote: Decimal(1_000_000)})
    gateway = PaperGateway(PaperVenue(account, latency, model, limits), feed.first_ns)
    quoter = PlainQuoter(clock, levels, orders, decide, gateway.submit)
    asyncio.run(gateway.start(quoter.handle))
    replay(quoter, gateway, feed, feed.disorder_ns)
    return quoter


def assert_same_fills(quoter: PlainQuoter, reference) -> None:
    expected = [(fill.decision, fill.side, fill.price, fill.qty, fill.maker) for fill in reference.fills]
    assert quoter.fills[: len(expected)] == expected
    late = [fill for fill in quoter.fills[len(expected) :] if fill[0] < len(reference.views)]
    assert not late
    assert quoter.refused >= reference.rejects


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("orders", [1, 3])
@pytest.mark.parametrize(
    "latency", [Latency(), Latency(1_500, 700), Latency.parse("place=3us,cancel=1us,response=5us")]
)
def test_on_a_random_market_every_fill_is_the_references(tmp_path, model, orders, latency):
    store = MemoryStore(RandomMarket(7).stream(3_000), NAMED)
    tape = build_tape(store, tmp_path / "tape", "1us", 5)
    terms = latency, FillModel.parse(model), Limits(max_requests=40, window_ns=20_000, max_position_lots=30)
    decide = random_decide(3, orders)
    reference = by_reference(tape, decide, *terms, orders)
    assert_same_fills(paper_run(store, "1us", 5, orders, decide, *terms), reference)
    assert len(reference.fills) > 50
