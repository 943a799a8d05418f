"""How a stage does, in sums that grow with every decision, fill and request and fit into a row of the journal."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import sqrt
from typing import Any

from jaxmm.live.messages import BID

SECOND_NS = 10**9
HOUR_S = 3600.0
LEAST_BUCKETS = 30
"""Below this many pieces of time a normal interval means nothing."""
_Z95 = 1.959963984540054


@dataclass
class Sums:
    """Plain sums since a stage began."""

    since_ns: int = 0
    until_ns: int = 0
    decisions: int = 0
    able: int = 0  # decisions at which it could quote
    fills: int = 0
    filled_lots: int = 0
    placed_lots: int = 0
    requests: int = 0
    refused: int = 0
    mark_outs: int = 0
    mark_out_ticks: float = 0.0
    buckets: int = 0
    pnl: float = 0.0  # Σ of the buckets' increments
    pnl_square: float = 0.0
    sim_gap: float | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Sums":
        """The inverse of `dataclasses.asdict`."""
        return cls(**{one.name: values[one.name] for one in fields(cls)})


@dataclass(frozen=True)
class Kpis:
    """What gates and floors look at; None where there is too little to say."""

    hours: float
    fills: int
    pnl_per_hour: float | None  # settlement currency
    pnl_low: float | None  # the 95 % interval of it
    pnl_high: float | None
    fill_ratio: float | None
    mark_out_ticks: float | None
    reject_ratio: float | None
    uptime: float | None
    sim_gap: float | None


@dataclass
class Meter:
    """Counts what happens in a stage. P&L is in settlement currency, prices are ticks."""

    sums: Sums
    mark_out_ns: int
    bucket_ns: int
    _due: deque[tuple[int, int, int, int]] = field(default_factory=deque)  # when, side, price_ticks, lots
    _bucket: tuple[int, float] | None = None  # when the open piece of time began, and the P&L then

    def decided(self, now_ns: int, mid_ticks: float, pnl: float, able: bool) -> None:
        """A decision was made; `able` says whether it could quote."""
        sums = self.sums
        if not sums.decisions:
            sums.since_ns = now_ns
        sums.until_ns = now_ns
        sums.decisions += 1
        sums.able += able
        while self._due and self._due[0][0] <= now_ns:
            _, side, price_ticks, lots = self._due.popleft()
            move = mid_ticks - price_ticks if side == BID else price_ticks - mid_ticks
            sums.mark_outs += lots
            sums.mark_out_ticks += lots * move
        self._add_pnl(now_ns, pnl)

    def filled(self, now_ns: int, side: int, price_ticks: int, lots: int) -> None:
        """An order of ours traded."""
        self.sums.fills += 1
        self.sums.filled_lots += lots
        self._due.append((now_ns + self.mark_out_ns, side, price_ticks, lots))

    def sent(self, placed_lots: int) -> None:
        """A request was sent; `placed_lots` of a new order, else 0."""
        self.sums.requests += 1
        self.sums.placed_lots += placed_lots

    def refused(self) -> None:
        """The venue refused a request."""
        self.sums.refused += 1

    def _add_pnl(self, now_ns: int, pnl: float) -> None:
        """Whole pieces of time count; one that a restart cut through does not."""
        if self._bucket is None:
            self._bucket = now_ns, pnl
            return
        began_ns, began_pnl = self._bucket
        if now_ns - began_ns >= self.bucket_ns:
            change = pnl - began_pnl
            self.sums.buckets += 1
            self.sums.pnl += change
            self.sums.pnl_square += change * change
            self._bucket = now_ns, pnl

    def kpis(self) -> Kpis:
        """As it stands."""
        return kpis_of(self.sums, self.bucket_ns / SECOND_NS)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the journal; a restart forgets fills whose mark-out is not yet due."""
        return asdict(self.sums)


def kpis_of(sums: Sums, bucket_s: float) -> Kpis:
    """The KPIs that sums stand for."""
    mean, half = _interval(sums, HOUR_S / bucket_s)
    return Kpis(
        hours=(sums.until_ns - sums.since_ns) / SECOND_NS / HOUR_S,
        fills=sums.fills,
        pnl_per_hour=mean,
        pnl_low=None if mean is None or half is None else mean - half,
        pnl_high=None if mean is None or half is None else mean + half,
        fill_ratio=_ratio(sums.filled_lots, sums.placed_lots),
        mark_out_ticks=_ratio(sums.mark_out_ticks, sums.mark_outs),
        reject_ratio=_ratio(sums.refused, sums.requests),
        uptime=_ratio(sums.able, sums.decisions),
        sim_gap=sums.sim_gap,
    )


def _interval(sums: Sums, an_hour: float) -> tuple[float | None, float | None]:
    """Mean P&L of an hour and half its interval, the pieces taken as independent."""
    n = sums.buckets
    if n == 0:
        return None, None
    mean = sums.pnl / n
    if n < LEAST_BUCKETS:
        return mean * an_hour, None
    variance = max(sums.pnl_square - n * mean * mean, 0.0) / (n - 1)
    return mean * an_hour, _Z95 * sqrt(variance / n) * an_hour


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
