"""Moments of a calm market and limits that nothing in it breaks, for tests to spoil in one place."""

from dataclasses import replace
from decimal import Decimal

from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.messages import BID, Cancel, Place
from jaxmm.live.risk import Facts, OwnOrder, Risk, RiskLimits

SECOND, MS = 10**9, 10**6
NOON = 20_000 * 86_400 * SECOND + 43_200 * SECOND
BTC = Instrument("binance-usdm", "BTCUSDT", tick_size=0.1, lot_size=0.001, base="BTC", quote="USDT")
CALM = Facts(
    now_ns=NOON,
    bid_ticks=1000,
    ask_ticks=1002,
    mark_ticks=1001.0,
    book_age_ns=0,
    missing=None,
    user_down=None,
    skew_ns=0,
    position_lots=0,
    orders=(),
    pnl=Decimal(0),
    unrealized=Decimal(0),
)
LIMITS = RiskLimits(
    max_position_lots=10,
    max_order_lots=5,
    max_order_notional=Decimal("1"),
    max_open_orders=4,
    max_messages_per_s=6,
    max_messages_per_day=1000,
    max_daily_loss=Decimal(100),
    max_drawdown=Decimal(50),
    stop_loss=Decimal(20),
    price_band=0.1,
    dissimilar_decisions=2,
)


def limits(**changes) -> RiskLimits:
    return RiskLimits(**{**LIMITS.model_dump(), **changes})


def risk(**changes) -> Risk:
    return Risk(limits(**changes), BTC)


def facts(**changes) -> Facts:
    return replace(CALM, **changes)


def after(ms: float, **changes) -> Facts:
    return replace(CALM, now_ns=NOON + int(ms * MS), **changes)


def order(client_id="mine", side=BID, price_ticks=1000, lots=1, **changes) -> OwnOrder:
    return replace(OwnOrder(client_id, side, price_ticks, lots, sent_ns=0), **changes)


def place(side=BID, price_ticks=1000, lots=1, order_type=OrderType.POST_ONLY, **changes) -> Place:
    return Place(0, "", side, price_ticks, lots, order_type, **changes)


def cancel(client_id="mine") -> Cancel:
    return Cancel(0, client_id)


def closing(side, lots) -> Place:
    return place(side, 0, lots, OrderType.MARKET, reduce_only=True)


def reasons(found) -> list:
    """Of breaches or blocked requests."""
    return [one.reason for one in found]
