"""The `paper` section of a quoter's configuration: the venue that is played, and the money that it begins with."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import Field, field_validator

from jaxmm.config import Section
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel
from jaxmm.instrument import Instrument
from jaxmm.live.messages import Fill
from jaxmm.live.paper.account import PaperAccount
from jaxmm.live.paper.venue import PaperVenue

MS = 1_000_000


class PaperSection(Section):
    """A venue played by the fill rules of the simulator."""

    spot: bool = False
    """Whether coins change hands; else a contract, linear or inverse as the instrument says."""
    balances: dict[str, Decimal]
    """What the account holds at the start of its first day, by currency."""
    latency: str = "10ms"
    """How late requests and reports are, as `jaxmm backtest --latency` takes it."""
    fills: str = "risk_averse:partial"
    """What counts as a fill: queue model and size mode, as `jaxmm backtest --fills` takes it."""
    hold_ms: float = Field(default=20.0, ge=0)
    """How long market messages of live data wait for others that happened before them at the exchange."""
    limits: dict[str, int] = Field(default_factory=dict)
    """What the venue accepts, by the names of `jaxmm.exchange.limits.Limits`."""

    @field_validator("latency")
    @classmethod
    def _reads_latency(cls, text: str) -> str:
        Latency.parse(text)
        return text

    @field_validator("fills")
    @classmethod
    def _reads_fills(cls, text: str) -> str:
        FillModel.parse(text)
        return text

    @property
    def hold_ns(self) -> int:
        """`hold_ms` in ns."""
        return int(self.hold_ms * MS)

    def venue(self, instrument: Instrument, history: Sequence[Fill] = ()) -> PaperVenue:
        """The venue; `history` are the account's executions of earlier runs, as the journal has them.

        Raises `InputError` where the account does not fit the instrument.
        """
        account = PaperAccount.starting(instrument, self.spot, self.balances)
        model, limits = FillModel.parse(self.fills), Limits.parse(self.limits)
        return PaperVenue(account, Latency.parse(self.latency), model, limits, history=history)
