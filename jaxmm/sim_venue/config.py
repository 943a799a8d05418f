"""What a simulated venue is started with."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from jaxmm.errors import InputError
from jaxmm.exchange.types import FillModel, QueueModel
from jaxmm.instrument import Instrument
from jaxmm.sim_venue.units import Units

PARTIAL = FillModel(QueueModel.RISK_AVERSE, partial=True)


@dataclass(frozen=True)
class RateLimits:
    """What a venue counts. Windows are of wall time; a limit of None is Binance's own, times the speed."""

    weight_1m: int | None = None
    orders_10s: int | None = None
    orders_1m: int | None = None
    orders_1d: int | None = None


@dataclass(frozen=True)
class SimConfig:
    """A venue of one instrument and one account.

    Attributes:
        instrument: what is traded; `spot` in its venue's name makes a spot venue, any other a USD-M futures venue.
        recording: a store's folder or raw files; empty for a small synthetic market.
        format: of raw files.
        seconds: play only so much of the recording.
        speed: how many recorded seconds pass in one of ours. All stamps that the venue sends are wall times.
        model: what fills a resting order.
        balances: start of the account by currency.
        leverage: of a futures account.
        limits: weights and order rates.
        max_open_orders: more are refused.
        min_notional: in quote currency.
        price_band: an order's price may differ from the mid by this fraction.
        latency_ms: each way, of every request.
        seed: of faults that draw.
        host: a loopback address.
        port: 0 takes a free one.
    """

    instrument: Instrument
    recording: tuple[Path, ...] = ()
    format: str = "binance"
    seconds: float | None = None
    speed: float = 1.0
    model: FillModel = PARTIAL
    balances: dict[str, Decimal] = field(default_factory=dict)
    leverage: int = 20
    limits: RateLimits = RateLimits()
    max_open_orders: int = 200
    min_notional: Decimal = Decimal(5)
    price_band: Decimal = Decimal("0.05")
    latency_ms: float = 0.0
    api_key: str = "sim-key"
    secret: str = "sim-secret"
    seed: int = 0
    host: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        what = f"sim-venue {self.instrument.symbol}"
        if self.instrument.kind != "linear":
            raise InputError(f"{what}: a contract of kind {self.instrument.kind!r}; spot and linear futures are played")
        if not (self.instrument.base and self.instrument.quote):
            raise InputError(f"{what}: base and quote are not named; add both to the instrument file")
        if not 0 < self.speed <= 1000:
            raise InputError(f"{what}: speed is {self.speed:g}; it is above 0 and at most 1000")
        if self.seconds is not None and self.seconds <= 0:
            raise InputError(f"{what}: seconds is {self.seconds:g}; it is above 0")
        if self.latency_ms < 0:
            raise InputError(f"{what}: latency_ms is {self.latency_ms:g}; it cannot be negative")

    @property
    def units(self) -> Units:
        """The instrument's steps."""
        return Units(self.instrument)

    def start_balances(self) -> dict[str, Decimal]:
        """`balances`, or enough to quote with."""
        if self.balances:
            return dict(self.balances)
        quote = {self.instrument.quote: Decimal(1_000_000)}
        return {self.instrument.base: Decimal(20)} | quote if self.units.spot else quote
