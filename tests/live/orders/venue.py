"""An order manager at a desk with a journal, and what a venue might say to it: what these tests share."""

from decimal import Decimal
from itertools import count
from pathlib import Path

from jaxmm.exchange.reference_orders import Wanted
from jaxmm.instrument import Instrument
from jaxmm.live.journal import Journal
from jaxmm.live.messages import Account, Fill, OrderState, OrderStatus, Place, Request
from jaxmm.live.orders import Desk, Ledger, OrderManager, numbered

USDM = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001, base="BTC", quote="USDT")
SPOT = Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001, base="BTC", quote="USDT")
MS = 1_000_000
FUTURES_ACCOUNT = Account({"USDT": Decimal("1000")}, 0, 0)
SPOT_ACCOUNT = Account({"USDT": Decimal("1000"), "BTC": Decimal("2")}, None, 0)


def manager_of(instrument: Instrument = USDM, account: Account = FUTURES_ACCOUNT, **settings) -> OrderManager:
    manager = OrderManager("test", Ledger(instrument), **settings)
    manager.ledger.begin(account)
    return manager


def desk_at(path: Path, **settings) -> Desk:
    """A desk whose journal is at `path`, loaded; begun where the journal is new."""
    desk = Desk(Journal.open(path, quoter="test", facts={}, now_ns=0), OrderManager("test", Ledger(USDM), **settings))
    desk.load()
    if not desk.begun:
        desk.begin(FUTURES_ACCOUNT, 0)
    return desk


class Talk:
    """Speaks to a manager as the core does, with numbers of its own."""

    def __init__(self, manager: OrderManager) -> None:
        self.manager = manager
        self.now = 0
        self._ids = count(1)

    def want(self, bid: int = 0, bid_lots: int = 0, ask: int = 0, ask_lots: int = 0, flatten: bool = False):
        return self.send(self.manager.want(Wanted(bid, bid_lots, ask, ask_lots, flatten), self.now))

    def due(self):
        return self.send(self.manager.due(self.now))

    def send(self, drafts) -> list[Request]:
        requests = [numbered(draft, next(self._ids), self.manager.prefix) for draft in drafts]
        for request in requests:
            self.manager.sent(request, self.now)
        return requests


def state_of(place: Place, status: OrderStatus = OrderStatus.OPEN, *, filled: int = 0, qty: int = 0, ts: int = 0):
    numbers = (place.side, place.price_ticks, qty or place.qty_lots, filled)
    return OrderState(place.client_id, f"v{place.request_id}", *numbers, status, ts, ts)


def fill_of(place: Place, trade_id: str, lots: int, *, maker: bool = True, ts: int = 0, **other) -> Fill:
    values = {
        "trade_id": trade_id,
        "client_id": place.client_id,
        "venue_id": f"v{place.request_id}",
        "side": place.side,
        "price_ticks": place.price_ticks,
        "qty_lots": lots,
        "fee": Decimal("0.01"),
        "fee_currency": "USDT",
        "realized": Decimal(0),
        "maker": maker,
        "exch_ts": ts,
        "recv_ts": ts,
    }
    return Fill(**values | other)
