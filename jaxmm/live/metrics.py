"""Prometheus metrics: counters and histograms as the core works, gauges read from its status when somebody scrapes."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jaxmm.live.messages import BID
from jaxmm.live.observer import Observer, Status

STATES = ("active", "reducing", "halted")
LEVELS = ("primary", "baseline", "nobody")
_FAST = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)
_SLOW = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics(Observer):
    """All metrics of one quoter, in a registry of its own; every name begins with `jaxmm_`."""

    def __init__(self, quoter: str, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.registry = CollectorRegistry()
        self._quoter, self._clock_ns = quoter, clock_ns
        self._decisions = self._counter("decisions", "Decisions, by who decided.", "level")
        self._late = self._counter("late_decisions", "Decisions that fell due too long ago to be acted on.")
        self._fallbacks = self._counter("fallbacks", "Changes of who decides, by who does from then on.", "level")
        messages = self._counter("market_messages", "Market messages, by kind.", "kind")
        self._messages = {kind: messages.labels(quoter, kind) for kind in ("book", "trade")}  # the busiest of all
        self._requests = self._counter("requests", "Requests, by kind and outcome.", "kind", "outcome")
        self._fills = self._counter("fills", "Fills.", "side", "liquidity")
        self._filled = self._counter("filled_lots", "Lots filled.", "side", "liquidity")
        self._blocked = self._counter("blocked_orders", "Orders that risk held back.", "reason")
        self._breaches = self._counter("breaches", "Watched limits that were passed.", "reason")
        self._deciding, self._to_order, self._delay = (
            self._histogram(name, what, buckets).labels(quoter)
            for name, what, buckets in (
                ("decision_seconds", "Time that a quoter takes.", _FAST),
                ("event_to_order_seconds", "From the cause's reception to the request.", _FAST),
                ("feed_delay_seconds", "From the venue's time stamp to reception.", _SLOW),
            )
        )
        self._trip = self._histogram("round_trip_seconds", "From a request to its answer.", _SLOW, "kind")

    def text(self) -> bytes:
        """What a scrape reads."""
        return generate_latest(self.registry)

    def watch(self, status: Callable[[], Status]) -> None:
        """Gauges are read from `status` at every scrape."""
        self.registry.register(_Gauges(self._quoter, status))

    # --- the observer -------------------------------------------------------------------------------------------

    def decided(self, level: str, took_ns: int) -> None:
        """Counts it and times it."""
        self._decisions.labels(self._quoter, level).inc()
        self._deciding.observe(took_ns / 1e9)

    def late(self) -> None:
        """Counts it."""
        self._late.labels(self._quoter).inc()

    def fell_back(self, level: str) -> None:
        """Counts it."""
        self._fallbacks.labels(self._quoter, level).inc()

    def market(self, kind: str, delay_ns: int) -> None:
        """Counts it; its delay is the feed's."""
        self._messages[kind].inc()
        self._delay.observe(delay_ns / 1e9)

    def submitted(self, kind: str, since_ns: int) -> None:
        """Times the way from the cause to the request."""
        self._to_order.observe((self._clock_ns() - since_ns) / 1e9)

    def answered(self, kind: str, outcome: str, round_trip_ns: int) -> None:
        """Counts it and times the round trip."""
        self._requests.labels(self._quoter, kind, outcome).inc()
        self._trip.labels(self._quoter, kind).observe(round_trip_ns / 1e9)

    def filled(self, side: int, lots: int, maker: bool) -> None:
        """Counts it and its lots."""
        labels = self._quoter, "bid" if side == BID else "ask", "maker" if maker else "taker"
        self._fills.labels(*labels).inc()
        self._filled.labels(*labels).inc(lots)

    def blocked(self, reason: str) -> None:
        """Counts it."""
        self._blocked.labels(self._quoter, reason).inc()

    def breached(self, reason: str) -> None:
        """Counts it."""
        self._breaches.labels(self._quoter, reason).inc()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"jaxmm_{name}", what, ["quoter", *labels], registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"jaxmm_{name}", what, ["quoter", *labels], registry=self.registry, buckets=buckets)


class _Gauges(Collector):
    """The status as gauges."""

    def __init__(self, quoter: str, status: Callable[[], Status]) -> None:
        self._quoter, self._status = quoter, status

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = self._status()
        for name, what, value in (
            ("position_lots", "Signed position.", now.position_lots),
            ("realized", "Realized profit before fees, settlement currency.", now.realized),
            ("unrealized", "Open position marked at the mid, settlement currency.", now.unrealized),
            ("fees", "Fees paid, settlement currency.", now.fees),
            ("pnl", "Realized and unrealized profit after fees, settlement currency.", now.pnl),
            ("open_orders", "Orders known to be open.", now.open_orders),
            ("unknown_orders", "Orders whose outcome is being asked for.", now.unknown_orders),
            ("quoting", "1 where it would quote now.", now.quoting),
            ("market_spread_ticks", "Best ask − best bid.", now.touch[1] - now.touch[0]),
            ("feed_age_seconds", "Time since the last book message.", now.feed_age_ns / 1e9),
            ("dissimilarity", "Distance of the observation from the training range.", now.dissimilarity),
            ("clock_skew_seconds", "The venue's clock ahead of ours.", now.skew_ns / 1e9),
        ):
            yield self._gauge(name, what, (), [((), float(value))])
        sides = [((side,), quote) for side, quote in (("bid", now.bid), ("ask", now.ask))]
        yield self._gauge("quote_lots", "Open lots of our best quote.", ("side",), [(s, q[1]) for s, q in sides])
        yield self._gauge(
            "quote_ticks", "Price of our best quote.", ("side",), [(side, q[0]) for side, q in sides if q[1]]
        )
        if now.bid[1] and now.ask[1]:
            spread = float(now.ask[0] - now.bid[0])
            yield self._gauge("quoted_spread_ticks", "Our ask − our bid.", (), [((), spread)])
        yield self._gauge("stream_up", "1 where a stream is up.", ("stream",), [((n,), up) for n, up in now.streams])
        yield self._gauge("state", "1 at the state that holds.", ("state",), [((s,), s == now.state) for s in STATES])
        yield self._gauge(
            "deciding", "1 at who decides.", ("level",), [((level,), level == now.level) for level in LEVELS]
        )

    def _gauge(
        self, name: str, what: str, labels: tuple[str, ...], values: list[tuple[tuple[str, ...], float]]
    ) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"jaxmm_{name}", what, labels=["quoter", *labels])
        for own, value in values:
            family.add_metric([self._quoter, *own], float(value))
        return family
