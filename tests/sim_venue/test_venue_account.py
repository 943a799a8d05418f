"""Money in exact decimals: whatever is traded, balances are what the executions say."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.exchange.types import OrderType
from jaxmm.sim_venue.config import SimConfig
from jaxmm.sim_venue.errors import VenueError
from jaxmm.sim_venue.matching import Exchange, NewOrder, Update
from jaxmm.sim_venue.recording import Message
from tests.sim_venue.conftest import ASK, BID, INSTRUMENTS, still

KINDS = st.sampled_from([OrderType.GTC, OrderType.POST_ONLY, OrderType.IOC, OrderType.FOK, OrderType.MARKET])
ORDERS = st.tuples(st.just("order"), st.integers(0, 1), KINDS, st.integers(-6, 6), st.integers(1, 12_000))
CANCELS = st.tuples(st.just("cancel"), st.integers(0, 5))
CHANGES = st.tuples(st.just("change"), st.integers(0, 5), st.integers(1, 9000))
TRADES = st.tuples(st.just("trade"), st.integers(0, 1), st.integers(-6, 6), st.integers(1, 30_000))
STEPS = st.lists(st.one_of(ORDERS, ORDERS, CANCELS, CHANGES, TRADES), max_size=30)


def play(market: str, steps: list[tuple]) -> tuple[Exchange, list[Update]]:
    """An exchange after some orders, cancels, changes and prints around the still market."""
    told: list[Update] = []
    exchange = Exchange(SimConfig(INSTRUMENTS[market], leverage=100), lambda: 0, told.append)
    exchange.depth(exchange.changes(still().message(0)))
    for number, (what, *details) in enumerate(steps):
        try:
            if what == "order":
                side, kind, offset, lots = details
                price = 0 if kind is OrderType.MARKET else (BID if side == 0 else ASK) + offset
                exchange.place(NewOrder(f"jm-{number}", side, kind, price, lots))
            elif what == "trade":
                side, offset, lots = details
                exchange.trade(side, (ASK if side == 0 else BID) + offset, lots)
            elif exchange.open_orders():
                order = exchange.open_orders()[details[0] % len(exchange.open_orders())]
                if what == "cancel":
                    exchange.cancel(order)
                elif market == "spot":
                    exchange.reduce(order, details[1])
                else:
                    exchange.modify(order, order.price_ticks, details[1])
        except VenueError:
            pass
    return exchange, told


@settings(deadline=None)
@given(STEPS)
def test_a_futures_wallet_is_its_start_and_realized_profit_less_fees(steps):
    exchange, _ = play("usdm", steps)
    start, quote = SimConfig(INSTRUMENTS["usdm"]).start_balances()["USDT"], exchange.executions
    booked = sum((e.realized - e.fee for e in quote), Decimal(0))
    assert exchange.account.totals() == {"USDT": start + booked}
    signed = sum(e.lots if e.side == 0 else -e.lots for e in quote)
    assert signed == exchange.venue.position == exchange.account.position  # type: ignore[attr-defined]
    spent = sum((_notional(exchange, e) * (1 if e.side == 0 else -1) for e in quote), Decimal(0))
    realized = sum((e.realized for e in quote), Decimal(0))
    assert exchange.account.cost - realized == spent  # type: ignore[attr-defined]


@settings(deadline=None)
@given(STEPS)
def test_spot_balances_are_the_start_and_what_executions_moved(steps):
    exchange, _ = play("spot", steps)
    totals = dict(SimConfig(INSTRUMENTS["spot"]).start_balances())
    for e in exchange.executions:
        sign = 1 if e.side == 0 else -1
        totals["BTC"] += sign * e.lots * exchange.units.lot
        totals["USDT"] -= sign * _notional(exchange, e)
        totals[e.fee_asset] -= e.fee
    assert exchange.account.totals() == totals
    locked = {"BTC": Decimal(0), "USDT": Decimal(0)}
    for order in exchange.open_orders():
        locked["USDT" if order.side == 0 else "BTC"] += (
            exchange.units.notional(order.price_ticks, order.open_lots)
            if order.side == 0
            else order.open_lots * exchange.units.lot
        )
    assert exchange.account.locked == locked  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.sampled_from(["spot", "usdm"]), STEPS)
def test_the_stream_tells_every_order_from_its_beginning_to_its_end(market, steps):
    exchange, told = play(market, steps)
    for order in exchange.orders.values():
        own = [update for update in told if update.order.order_id == order.order_id]
        assert own[0].what == "NEW"
        assert own[-1].order == order
        filled = [update.order.filled for update in own]
        assert filled == sorted(filled)
        fills = [update.execution.lots for update in own if update.execution]
        assert sum(fills) == order.filled <= order.lots
    assert {order.order_id for order in exchange.orders.values() if order.open_lots} == set(exchange.venue.orders)
    assert [u.execution for u in told if u.execution] == exchange.executions


def test_a_profit_that_has_no_end_is_rounded_once_and_nothing_is_lost():
    exchange, _ = play("usdm", [])
    account = exchange.account
    account.fill(0, ASK, 3, True)
    account.fill(0, ASK + 10, 4, True)
    first = account.fill(1, ASK, 5, True).realized  # the mean price is 10 · 4/7 ticks of 0.1 above, lots are 0.001
    assert first == Decimal("-0.00285714")
    assert first + account.fill(1, ASK, 2, True).realized == Decimal("-0.004")


def _notional(exchange: Exchange, execution) -> Decimal:
    return exchange.units.notional(execution.price_ticks, execution.lots)


def test_a_snapshot_in_the_middle_is_told_as_the_difference():
    exchange, _ = play("usdm", [])
    again = Message(0, False, True, [(0, BID, 5), (1, ASK, 10_000), (1, ASK + 9, 3)])
    changed = exchange.changes(again)
    exchange.depth(changed)
    assert exchange.venue.book == ({BID: 5}, {ASK: 10_000, ASK + 9: 3})
    assert (1, ASK, 10_000) not in changed
