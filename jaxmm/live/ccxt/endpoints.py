"""Where Binance answers what, and what it costs: spot and USD-margined futures side by side."""

from dataclasses import dataclass, field
from typing import Any

from jaxmm.exchange.types import OrderType
from jaxmm.live.ccxt.budget import Cost
from jaxmm.live.messages import BID, Amend, Place


@dataclass(frozen=True)
class Endpoint:
    """A path under one of ccxt's addresses, and its cost."""

    method: str
    path: str
    address: str
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class Endpoints:
    """One market's."""

    time: Endpoint
    info: Endpoint
    depth: Endpoint
    depth_weights: tuple[tuple[int, int], ...]  # (most levels, weight), rising
    place: Endpoint
    cancel: Endpoint
    cancel_all: Endpoint
    amend: Endpoint
    query: Endpoint
    open_orders: Endpoint
    fills: Endpoint
    fills_window_ms: int  # longest span of one question by time
    account: Endpoint
    addresses: dict[str, str]  # ccxt's names of what is in use, under a server of one's own


_ORDER = Cost(weight=1, orders=1)

SPOT = Endpoints(
    time=Endpoint("GET", "time", "public"),
    info=Endpoint("GET", "exchangeInfo", "public", Cost(20)),
    depth=Endpoint("GET", "depth", "public"),
    depth_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
    place=Endpoint("POST", "order", "private", _ORDER),
    cancel=Endpoint("DELETE", "order", "private"),
    cancel_all=Endpoint("DELETE", "openOrders", "private"),
    amend=Endpoint("PUT", "order/amend/keepPriority", "private", Cost(4)),
    query=Endpoint("GET", "order", "private", Cost(4)),
    open_orders=Endpoint("GET", "openOrders", "private", Cost(6)),
    fills=Endpoint("GET", "myTrades", "private", Cost(20)),
    fills_window_ms=24 * 3600 * 1000,
    account=Endpoint("GET", "account", "private", Cost(20)),
    addresses={
        "public": "{rest}/api/v3",
        "private": "{rest}/api/v3",
        "ws.spot": "{ws}/stream/ws",
        "ws.ws-api.spot": "{ws}/ws-api/v3",
    },
)

USDM = Endpoints(
    time=Endpoint("GET", "time", "fapiPublic"),
    info=Endpoint("GET", "exchangeInfo", "fapiPublic"),
    depth=Endpoint("GET", "depth", "fapiPublic"),
    depth_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    place=Endpoint("POST", "order", "fapiPrivate", _ORDER),
    cancel=Endpoint("DELETE", "order", "fapiPrivate"),
    cancel_all=Endpoint("DELETE", "allOpenOrders", "fapiPrivate"),
    amend=Endpoint("PUT", "order", "fapiPrivate", _ORDER),
    query=Endpoint("GET", "order", "fapiPrivate"),
    open_orders=Endpoint("GET", "openOrders", "fapiPrivate"),
    fills=Endpoint("GET", "userTrades", "fapiPrivate", Cost(5)),
    fills_window_ms=7 * 24 * 3600 * 1000,
    account=Endpoint("GET", "account", "fapiPrivateV2", Cost(5)),
    addresses={
        "fapiPublic": "{rest}/fapi/v1",
        "fapiPrivate": "{rest}/fapi/v1",
        "fapiPrivateV2": "{rest}/fapi/v2",
        "ws.linear": "{ws}/fstream/ws",
    },
)
LISTEN = Endpoint("POST", "listenKey", "fapiPrivate")
KEEP_LISTENING = Endpoint("PUT", "listenKey", "fapiPrivate")
INCOME = Endpoint("GET", "income", "fapiPrivate", Cost(30))
COUNTDOWN = Endpoint("POST", "countdownCancelAll", "fapiPrivate", Cost(10))

_TIME_IN_FORCE = {OrderType.GTC: "GTC", OrderType.IOC: "IOC", OrderType.FOK: "FOK"}


def place_parameters(request: Place, symbol: str, price: str, qty: str, *, spot: bool) -> dict[str, Any]:
    """A new order as Binance names it. Spot knows no reduce-only: there one cannot sell what one does not have."""
    parameters = {
        "symbol": symbol,
        "side": "BUY" if request.side == BID else "SELL",
        "quantity": qty,
        "newClientOrderId": request.client_id,
        "newOrderRespType": "RESULT",
    }
    if request.order_type == OrderType.MARKET:
        parameters |= {"type": "MARKET"}
    elif request.order_type == OrderType.POST_ONLY:
        parameters |= {"type": "LIMIT_MAKER"} if spot else {"type": "LIMIT", "timeInForce": "GTX"}
        parameters |= {"price": price}
    else:
        parameters |= {"type": "LIMIT", "timeInForce": _TIME_IN_FORCE[request.order_type], "price": price}
    if request.reduce_only and not spot:
        parameters |= {"reduceOnly": "true"}
    return parameters


def amend_parameters(request: Amend, symbol: str, price: str, qty: str, *, spot: bool) -> dict[str, Any]:
    """A new total for an order, under the client id that it has."""
    parameters = {"symbol": symbol, "origClientOrderId": request.client_id}
    if spot:
        return parameters | {"newClientOrderId": request.client_id, "newQty": qty}
    return parameters | {"side": "BUY" if request.side == BID else "SELL", "quantity": qty, "price": price}


def depth_cost(endpoints: Endpoints, levels: int) -> Cost:
    """What a snapshot of so many levels costs."""
    return Cost(next((weight for most, weight in endpoints.depth_weights if levels <= most), 250))
