"""Requests before they have a number: what the order manager would send if risk lets it."""

import hashlib
from dataclasses import replace

from jaxmm.live.messages import Amend, Cancel, CancelAll, Place, Query, Request

Draft = Request
"""A request whose `request_id` is 0; a new order has no client id yet either."""

IN_ORDER = (CancelAll, Cancel, Amend, Place, Query)
"""The order in which the requests of one group are sent."""


def numbered(draft: Draft, request_id: int, prefix: str) -> Request:
    """The request under its number; a new order is called `prefix` and the number."""
    if isinstance(draft, Place):
        return replace(draft, request_id=request_id, client_id=f"{prefix}{request_id}")
    return replace(draft, request_id=request_id)


def client_prefix(quoter: str) -> str:
    """How the client ids of a quoter's orders begin: `jm`, six hex digits of its name's hash, a hyphen."""
    return f"jm{hashlib.sha256(quoter.encode()).hexdigest()[:6]}-"
