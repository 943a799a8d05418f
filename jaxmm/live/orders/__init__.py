"""Our orders: what is wanted becomes the least set of requests; what the venue says becomes what we know."""

from jaxmm.live.orders.desk import LOOKBACK_NS, Desk
from jaxmm.live.orders.drafts import Draft, client_prefix, numbered
from jaxmm.live.orders.ledger import Difference, Ledger
from jaxmm.live.orders.manager import OrderManager, Patience
from jaxmm.live.orders.order import Order

__all__ = [
    "LOOKBACK_NS",
    "Desk",
    "Difference",
    "Draft",
    "Ledger",
    "Order",
    "OrderManager",
    "Patience",
    "client_prefix",
    "numbered",
]
