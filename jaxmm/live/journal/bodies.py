"""Messages and requests as rows and back, field by field; the fields' names are those of `jaxmm.live.messages`."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jaxmm.exchange.types import OrderType
from jaxmm.live.journal.rows import Row
from jaxmm.live.messages import (
    Account,
    Amend,
    Answered,
    Cancel,
    CancelAll,
    Fill,
    Lost,
    Message,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Request,
    Skew,
    Stream,
    Transfer,
)

KINDS: dict[type, str] = {
    OrderState: "order",
    Fill: "fill",
    Account: "account",
    Transfer: "transfer",
    Answered: "answered",
    Refused: "refused",
    Lost: "lost",
    Stream: "stream",
    Skew: "skew",
    Place: "place",
    Amend: "amend",
    Cancel: "cancel",
    CancelAll: "cancel_all",
    Query: "query",
}
"""The kind of the row that holds each; market messages are kept in blocks instead."""
_TYPES = {kind: type_ for type_, kind in KINDS.items()}


def kind_of(said: Message | Request) -> str:
    """The kind of its row."""
    return KINDS[type(said)]


def said_in(row: Row) -> Message | Request | None:
    """The message or request that a row holds; None for a row of another kind."""
    type_ = _TYPES.get(row.kind)
    return None if type_ is None else read_body(type_, row.body)


def read_body(type_: type, body: Mapping[str, Any]) -> Any:
    """The message or request of that type that a row's body describes."""
    read = _FIELDS.get(type_, {})
    return type_(**{name: _read(read.get(name), value) for name, value in body.items()})


def _read(reader: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if reader is None or value is None else reader(value)


def _order(body: dict[str, Any]) -> OrderState:
    return OrderState(**body | {"status": OrderStatus(body["status"])})


def _amounts(balances: dict[str, str]) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in balances.items()}


_FIELDS: dict[type, dict[str, Callable[[Any], Any]]] = {
    OrderState: {"status": OrderStatus},
    Fill: {"fee": Decimal, "realized": Decimal},
    Account: {"balances": _amounts},
    Transfer: {"amount": Decimal},
    Answered: {"order": _order},
    Refused: {"reason": Refusal},
    Place: {"order_type": OrderType},
}
"""How fields that JSON has no type for are read."""
