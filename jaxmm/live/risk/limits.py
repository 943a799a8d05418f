"""The `risk` section of a quoter's configuration: what may never happen, in numbers a person wrote down."""

from decimal import Decimal

from pydantic import Field, field_validator

from jaxmm.config import Section
from jaxmm.live.risk.reasons import DEFAULT_ACTIONS, FIXED, Action, Reason

MS = 1_000_000


class RiskLimits(Section):
    """Limits of one instrument. What money or exposure depends on has no default: it is written out or refused."""

    max_position_lots: int = Field(ge=1)
    """Largest position, long or short, that may come about if every open order of a side fills."""
    max_order_lots: int = Field(ge=1)
    """Largest order."""
    max_order_notional: Decimal = Field(gt=0)
    """Largest price · quantity of an order, in quote currency."""
    max_open_orders: int = Field(ge=1)
    """Most orders at once, those on their way, being cancelled or of unknown outcome included."""
    max_messages_per_s: int = Field(ge=1)
    """Most requests in any second; cancels count but are never held back."""
    max_messages_per_day: int = Field(ge=1)
    """Most requests in a day (UTC), likewise."""
    max_daily_loss: Decimal = Field(gt=0)
    """Largest loss since the day (UTC) began, in settlement currency."""
    max_drawdown: Decimal = Field(gt=0)
    """Largest fall of the P&L below its highest value so far."""
    stop_loss: Decimal = Field(gt=0)
    """Largest unrealized loss of the open position."""
    price_band: float = Field(default=0.02, gt=0, lt=1)
    """Furthest an order's price may be from mid, and from mark, as a fraction of it."""
    max_book_age_ms: float = Field(default=2000.0, gt=0)
    """Oldest that the last book message may be."""
    max_skew_ms: float = Field(default=500.0, gt=0)
    """Largest difference between the venue's clock and ours."""
    position_tolerance_lots: int = Field(default=0, ge=0)
    """How far the venue's position may be from ours for longer than the grace."""
    balance_tolerance: Decimal = Field(default=Decimal(0), ge=0)
    """How far a balance at the venue may be from ours for longer than the grace, in its currency."""
    mismatch_grace_ms: float = Field(default=5000.0, ge=0)
    """How long position or balance may differ: reports of one fill do not arrive together."""
    max_dissimilarity: float = Field(default=4.0, gt=0)
    """Largest distance of an observation from training, whose own are about 1 (`jaxmm.live.risk.dissimilarity`)."""
    dissimilar_decisions: int = Field(default=5, ge=1)
    """Decisions in a row beyond it that count as a breach."""
    min_quote_life_ms: float = Field(default=0.0, ge=0)
    """An order younger than this is not cancelled for a better price; risk cancels it at any age."""
    pull_hold_ms: float = Field(default=500.0, ge=0)
    """How long quotes stay away after the last breach that pulled them is over."""
    actions: dict[Reason, Action] = Field(default_factory=dict)
    """What a reason leads to where it is not the default: `block`, `pull`, `fall_back`, `reduce` or `halt`."""
    flatten_on: tuple[Reason, ...] = (Reason.STOP_LOSS,)
    """Reasons whose halt closes the position by a market order."""

    @field_validator("actions", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        names = {action.name.lower(): action for action in Action}
        return {reason: names.get(str(action), action) for reason, action in value.items()}

    @field_validator("actions")
    @classmethod
    def _changeable(cls, value: dict[Reason, Action]) -> dict[Reason, Action]:
        fixed = sorted(FIXED & set(value))
        if fixed:
            raise ValueError(f"{', '.join(fixed)} cannot be changed; leave it out")
        return value

    def action(self, reason: Reason) -> Action:
        """What a breach of this reason leads to."""
        return self.actions.get(reason, DEFAULT_ACTIONS[reason])
