"""Metrics and probes, as Prometheus and Kubernetes read them."""

from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jaxmm.live.http import Endpoints
from jaxmm.live.messages import ASK, BID
from jaxmm.live.metrics import Metrics
from jaxmm.live.observer import Status

STATUS = Status(
    now_ns=10**18,
    state="active",
    reason="",
    level="primary",
    quoting=True,
    hindrance="",
    position_lots=-7,
    bid=(999, 2),
    ask=(1005, 3),
    touch=(1000, 1004),
    open_orders=2,
    unknown_orders=0,
    realized=Decimal("1.25"),
    fees=Decimal("0.5"),
    unrealized=Decimal("-0.1"),
    feed_age_ns=30_000_000,
    streams=(("market", True), ("user", False)),
    dissimilarity=0.4,
    skew_ns=-2_000_000,
)


def samples(text):
    return {
        (sample.name, *sorted((k, v) for k, v in sample.labels.items() if k != "quoter")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_gauges_say_how_the_quoter_stands_at_the_scrape():
    metrics, status = Metrics("demo"), [STATUS]
    metrics.watch(lambda: status[0])
    seen = samples(metrics.text().decode())
    assert seen["jaxmm_position_lots",] == -7
    assert seen["jaxmm_pnl",] == pytest.approx(0.65)
    assert seen["jaxmm_quoted_spread_ticks",] == 6
    assert seen["jaxmm_market_spread_ticks",] == 4
    assert seen["jaxmm_feed_age_seconds",] == pytest.approx(0.03)
    assert seen["jaxmm_stream_up", ("stream", "user")] == 0
    assert [seen["jaxmm_state", ("state", s)] for s in ("active", "reducing", "halted")] == [1, 0, 0]
    status[0] = replace(STATUS, state="halted", bid=(0, 0))
    seen = samples(metrics.text().decode())
    assert seen["jaxmm_state", ("state", "halted")] == 1
    assert seen["jaxmm_quote_lots", ("side", "bid")] == 0
    assert ("jaxmm_quoted_spread_ticks",) not in seen


def test_counters_and_histograms_count_what_the_core_tells():
    metrics = Metrics("demo", clock_ns=lambda: 3_000_000)
    metrics.decided("primary", 40_000)
    metrics.late()
    metrics.fell_back("baseline")
    metrics.market("book", 5_000_000)
    metrics.submitted("place", 1_000_000)
    metrics.answered("place", "answered", 30_000_000)
    metrics.filled(BID, 3, True)
    metrics.filled(ASK, 4, False)
    metrics.blocked("price_band")
    metrics.breached("stale_book")
    seen = samples(metrics.text().decode())
    assert seen["jaxmm_decisions_total", ("level", "primary")] == 1
    assert seen["jaxmm_filled_lots_total", ("liquidity", "taker"), ("side", "ask")] == 4
    assert seen["jaxmm_requests_total", ("kind", "place"), ("outcome", "answered")] == 1
    assert seen["jaxmm_event_to_order_seconds_sum",] == pytest.approx(0.002)
    assert seen["jaxmm_blocked_orders_total", ("reason", "price_band")] == 1


@pytest.fixture
async def endpoints():
    metrics, at = Metrics("demo"), {"status": STATUS, "turning": True}
    metrics.watch(lambda: at["status"])
    served = Endpoints(metrics, lambda: at["status"], lambda: at["turning"])
    await served.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{served.port}") as client:
        yield client, at
    await served.close()


async def test_health_asks_whether_the_process_turns_and_readiness_whether_it_quotes(endpoints):
    client, at = endpoints
    assert [(await client.get(path)).status for path in ("/health", "/ready")] == [200, 200]
    at["status"] = replace(STATUS, quoting=False, state="halted", reason="kill file")
    answer = await client.get("/ready")
    assert (answer.status, (await answer.json())["why"]) == (503, "kill file")
    assert (await client.get("/health")).status == 200
    at["turning"] = False
    assert (await client.get("/health")).status == 503


async def test_metrics_and_status_are_served(endpoints):
    client, _ = endpoints
    answer = await client.get("/metrics")
    assert "jaxmm_position_lots" in await answer.text()
    assert answer.headers["Content-Type"].startswith("text/plain")
    status = await (await client.get("/status")).json()
    assert (status["position_lots"], status["realized"]) == (-7, "1.25")
