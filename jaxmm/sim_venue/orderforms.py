"""What orders are called in the protocol, both ways."""

from collections.abc import Mapping

from jaxmm.exchange.reference import ASK, BID
from jaxmm.exchange.types import OrderType
from jaxmm.sim_venue import errors
from jaxmm.sim_venue.matching import NewOrder
from jaxmm.sim_venue.units import Units

SIDES = {"BUY": BID, "SELL": ASK}
SIDE_NAMES = ("BUY", "SELL")
TIME_IN_FORCE = {OrderType.GTC: "GTC", OrderType.IOC: "IOC", OrderType.FOK: "FOK"}
Params = Mapping[str, str]


def kind_name(kind: OrderType, spot: bool) -> tuple[str, str]:
    """(type, time in force) of an order."""
    if kind is OrderType.MARKET:
        return "MARKET", "GTC"
    if kind is OrderType.POST_ONLY:
        return ("LIMIT_MAKER", "GTC") if spot else ("LIMIT", "GTX")
    return "LIMIT", TIME_IN_FORCE[kind]


def parse_order(params: Params, units: Units, generated_id: str) -> NewOrder:
    """An order as its parameters say. Raises `VenueError` on what the venue does not take."""
    side = SIDES.get(required(params, "side"))
    if side is None:
        raise errors.VenueError(-1117, "Invalid side.")
    kind = _kind(required(params, "type"), params)
    lots = units.lots(required(params, "quantity"))
    if lots is None:
        raise errors.off_lot(units.spot)
    price = 0 if kind is OrderType.MARKET else parse_price(params, units)
    client_id = params.get("newClientOrderId") or generated_id
    if len(client_id) > 36:
        raise errors.VenueError(-1100, "Illegal characters found in parameter 'newClientOrderId'.")
    return NewOrder(client_id, side, kind, price, lots, params.get("reduceOnly", "").lower() == "true")


def parse_price(params: Params, units: Units) -> int:
    """The price in ticks. Raises `VenueError` where it is none."""
    ticks = units.ticks(required(params, "price"))
    if ticks is None or ticks < 1:
        raise errors.off_tick(units.spot)
    return ticks


def required(params: Params, name: str) -> str:
    """A parameter that must be there."""
    if not params.get(name):
        raise errors.missing(name)
    return params[name]


def integer(params: Params, name: str) -> int | None:
    """A whole number; None where it was not sent."""
    text = params.get(name)
    if not text:
        return None
    if not text.lstrip("-").isdigit():
        raise errors.VenueError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        )
    return int(text)


def _kind(name: str, params: Params) -> OrderType:
    if name in ("LIMIT_MAKER", "MARKET"):
        return OrderType.POST_ONLY if name == "LIMIT_MAKER" else OrderType.MARKET
    if name != "LIMIT":
        raise errors.VenueError(-1116, "Invalid orderType.")
    kinds = {"GTC": OrderType.GTC, "IOC": OrderType.IOC, "FOK": OrderType.FOK, "GTX": OrderType.POST_ONLY}
    kind = kinds.get(required(params, "timeInForce"))
    if kind is None:
        raise errors.VenueError(-1115, "Invalid timeInForce.")
    return kind
