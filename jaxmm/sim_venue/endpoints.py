"""Which paths and ws-api methods there are, by market, and what each weighs."""

from collections.abc import Iterator

from jaxmm.sim_venue.desk import Desk, Endpoint

SPOT_DEPTH = {100: 5, 500: 25, 1000: 50, 5000: 250}
FUTURES_DEPTH = {50: 2, 100: 5, 500: 10, 1000: 20}

Endpoints = dict[str, Endpoint]
"""By `METHOD /path`, or by the ws-api's method name."""


def spot(desk: Desk) -> Endpoints:
    """Binance spot, `/api/v3`."""
    paths = {
        "GET ping": Endpoint(desk.nothing, 1, "open"),
        "GET time": Endpoint(desk.time, 1, "open"),
        "GET exchangeInfo": Endpoint(desk.exchange_info, 20, "open"),
        "GET depth": Endpoint(desk.depth, SPOT_DEPTH, "open"),
        "GET trades": Endpoint(desk.trades, 25, "open"),
        "GET ticker/bookTicker": Endpoint(desk.book_ticker, 2, "open"),
        "POST order": Endpoint(desk.place, 1, order=True, kind="place"),
        "DELETE order": Endpoint(desk.cancel, 1, kind="cancel"),
        "GET order": Endpoint(desk.query, 4),
        "POST order/cancelReplace": Endpoint(desk.replace, 1, order=True, kind="place"),
        "PUT order/amend/keepPriority": Endpoint(desk.amend, 4, kind="cancel"),
        "GET openOrders": Endpoint(desk.open_orders, 6),
        "DELETE openOrders": Endpoint(desk.cancel_all, 1, kind="cancel"),
        "GET allOrders": Endpoint(desk.all_orders, 20),
        "GET myTrades": Endpoint(desk.my_trades, 20),
        "GET account": Endpoint(desk.account, 20),
    }
    found = {f"{name.replace(' ', ' /api/v3/')}": endpoint for name, endpoint in paths.items()}
    methods = {
        "ping": "GET ping",
        "time": "GET time",
        "depth": "GET depth",
        "exchangeInfo": "GET exchangeInfo",
        "order.place": "POST order",
        "order.cancel": "DELETE order",
        "order.status": "GET order",
        "order.cancelReplace": "POST order/cancelReplace",
        "order.amend.keepPriority": "PUT order/amend/keepPriority",
        "openOrders.status": "GET openOrders",
        "openOrders.cancelAll": "DELETE openOrders",
        "allOrders": "GET allOrders",
        "myTrades": "GET myTrades",
        "account.status": "GET account",
    }
    return found | {method: paths[name] for method, name in methods.items()}


def futures(desk: Desk) -> Endpoints:
    """USD-M futures, `/fapi`."""
    paths = {
        "GET ping": Endpoint(desk.nothing, 1, "open"),
        "GET time": Endpoint(desk.time, 1, "open"),
        "GET exchangeInfo": Endpoint(desk.exchange_info, 1, "open"),
        "GET depth": Endpoint(desk.depth, FUTURES_DEPTH, "open"),
        "GET trades": Endpoint(desk.trades, 5, "open"),
        "GET ticker/bookTicker": Endpoint(desk.book_ticker, 2, "open"),
        "GET premiumIndex": Endpoint(desk.premium_index, 1, "open"),
        "POST order": Endpoint(desk.place, 0, order=True, kind="place"),
        "PUT order": Endpoint(desk.modify, 1, order=True, kind="place"),
        "DELETE order": Endpoint(desk.cancel, 1, kind="cancel"),
        "GET order": Endpoint(desk.query, 1),
        "GET openOrders": Endpoint(desk.open_orders, 1),
        "DELETE allOpenOrders": Endpoint(desk.cancel_all, 1, kind="cancel"),
        "DELETE batchOrders": Endpoint(desk.cancel_batch, 1, kind="cancel"),
        "GET allOrders": Endpoint(desk.all_orders, 5),
        "GET userTrades": Endpoint(desk.my_trades, 5),
        "GET account": Endpoint(desk.account, 5),
        "GET balance": Endpoint(desk.balance, 5),
        "GET positionRisk": Endpoint(desk.positions, 5),
        "GET income": Endpoint(desk.income, 30),
        "GET leverageBracket": Endpoint(desk.brackets, 1),
        "GET positionSide/dual": Endpoint(desk.dual_side, 30),
        "GET commissionRate": Endpoint(desk.commission, 20),
        "POST leverage": Endpoint(desk.leverage, 1),
        "POST countdownCancelAll": Endpoint(desk.countdown, 10),
        "POST listenKey": Endpoint(desk.listen_key, 1, "keyed"),
        "PUT listenKey": Endpoint(desk.keep_listening, 1, "keyed"),
        "DELETE listenKey": Endpoint(desk.stop_listening, 1, "keyed"),
    }
    methods = {
        "ping": "GET ping",
        "time": "GET time",
        "depth": "GET depth",
        "order.place": "POST order",
        "order.modify": "PUT order",
        "order.cancel": "DELETE order",
        "order.status": "GET order",
        "account.status": "GET account",
        "account.balance": "GET balance",
        "account.position": "GET positionRisk",
    }
    found = dict(_versions(paths))
    return found | {method: paths[name] for method, name in methods.items()}


def _versions(paths: Endpoints) -> Iterator[tuple[str, Endpoint]]:
    for name, endpoint in paths.items():
        for version in ("v1", "v2", "v3"):
            yield name.replace(" ", f" /fapi/{version}/"), endpoint
