"""The truth for tests: what the account holds, what is open, what filled, and the largest that was ever seen."""

from typing import Any

from jaxmm.sim_venue.account import FuturesAccount
from jaxmm.sim_venue.faults import Faults
from jaxmm.sim_venue.matching import Exchange, Execution, Order
from jaxmm.sim_venue.orderforms import SIDE_NAMES
from jaxmm.sim_venue.player import Player
from jaxmm.sim_venue.streams import MARKET, USER, Streams


def state_of(exchange: Exchange, player: Player, faults: Faults, streams: Streams) -> dict[str, Any]:
    """All of it as JSON; money is text with every digit."""
    account, truth = exchange.account, exchange.truth
    realized = account.realized if isinstance(account, FuturesAccount) else None
    return {
        "symbol": exchange.units.instrument.symbol,
        "market": "spot" if exchange.units.spot else "usdm",
        "time_ms": exchange.now_ms(),
        "recorded_s": player.recorded_s,
        "messages": player.played,
        "best": [exchange.best(0), exchange.best(1)],
        "position_lots": exchange.venue.position,
        "balances": {asset: f"{amount:f}" for asset, amount in account.totals().items()},
        "fees": {asset: f"{amount:f}" for asset, amount in account.fees.items()},
        "realized": None if realized is None else f"{realized:f}",
        "open_orders": [_order(order) for order in exchange.open_orders()],
        "fills": [_fill(execution) for execution in exchange.executions],
        "orders": len(exchange.orders),
        "max_position_lots": truth.max_position,
        "max_open_orders": truth.max_open_orders,
        "max_orders_10s": truth.max_orders_10s,
        "requests": truth.requests,
        "refused": {str(code): times for code, times in truth.refused.items()},
        "faults": faults.kinds(),
        "struck": dict(faults.struck),
        "connections": {
            target: sum(client.target == target for client in streams.clients) for target in (MARKET, USER)
        },
        "user_streams": sum(client.subscribed for client in streams.clients),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "client_id": order.client_id,
        "side": SIDE_NAMES[order.side],
        "price_ticks": order.price_ticks,
        "lots": order.lots,
        "filled_lots": order.filled,
        "status": order.status,
    }


def _fill(execution: Execution) -> dict[str, Any]:
    return {
        "trade_id": execution.trade_id,
        "order_id": execution.order_id,
        "client_id": execution.client_id,
        "side": SIDE_NAMES[execution.side],
        "price_ticks": execution.price_ticks,
        "lots": execution.lots,
        "fee": f"{execution.fee:f}",
        "fee_asset": execution.fee_asset,
        "realized": f"{execution.realized:f}",
        "maker": execution.maker,
        "time_ms": execution.time_ms,
    }
