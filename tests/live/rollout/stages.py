"""A rollout of three stages, and meters that have seen a quiet hour."""

from dataclasses import replace
from decimal import Decimal

from jaxmm.live.risk import RiskLimits
from jaxmm.live.rollout import Memory, Rollout, RolloutConfig, Sums

SECOND = 10**9
NOON = 20_000 * 86_400 * SECOND + 43_200 * SECOND
LIMITS = RiskLimits(
    max_position_lots=10,
    max_order_lots=5,
    max_order_notional=Decimal(1000),
    max_open_orders=4,
    max_messages_per_s=20,
    max_messages_per_day=100_000,
    max_daily_loss=Decimal(100),
    max_drawdown=Decimal(50),
    stop_loss=Decimal(20),
)
GATE = {
    "min_hours": 1,
    "min_fills": 10,
    "min_pnl_per_hour": 0.0,
    "min_fill_ratio": 0.1,
    "min_mark_out_ticks": -1.0,
    "max_reject_ratio": 0.02,
    "min_uptime": 0.9,
}
FLOOR = {
    "after_hours": 0.5,
    "pnl_per_hour": 0.0,
    "fill_ratio": 0.05,
    "mark_out_ticks": -3.0,
    "reject_ratio": 0.1,
    "uptime": 0.5,
}
STAGES = {
    "stages": [
        {"name": "paper", "live": False, "gate": GATE},
        {"name": "canary", "limits": {"max_position_lots": 2, "max_order_lots": 1}, "gate": GATE, "floor": FLOOR},
        {"name": "full"},
    ],
}
GOOD = Sums(
    since_ns=NOON - 3600 * SECOND,
    until_ns=NOON,
    decisions=100,
    able=90,
    fills=10,
    filled_lots=10,
    placed_lots=100,
    requests=200,
    refused=4,
    mark_outs=10,
    mark_out_ticks=-10.0,
    buckets=60,
    pnl=60.0,
    pnl_square=60.0,
)
"""Every criterion of the gate exactly at its bound, or inside."""


def config(**changes) -> RolloutConfig:
    return RolloutConfig(**{**STAGES, **changes})


def sums(**changes) -> Sums:
    return replace(GOOD, **changes)


def rollout(stage="canary", **changes) -> Rollout:
    return Rollout(config(), LIMITS, Memory(stage, sums(**changes)))
