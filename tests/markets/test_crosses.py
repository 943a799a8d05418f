import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.errors import InputError
from jaxmm.markets.crosses import Leg, Levels, Pair, TwoSided, after_fee, arbitrage, back, routes, synthetic_book

PAIRS = [Pair("BTC", "USDT"), Pair("ETH", "USDT"), Pair("ETH", "BTC")]


def one_level(bid: float, ask: float, qty: float = 1.0) -> TwoSided:
    return TwoSided(*(Levels(np.array([price]), np.array([qty])) for price in (bid, ask)))


BTC, ETH_BTC = one_level(60000.0, 60001.0, 0.3), one_level(0.05240, 0.05241, 10.0)
BOOKS = [BTC, one_level(3143.0, 3146.0), ETH_BTC]


def test_the_cross_of_the_reference_page_to_the_digit():
    (route,) = routes(PAIRS, "ETH", "USDT")
    assert route == (Leg(2, True), Leg(0, True))
    bids, asks = synthetic_book(route, BOOKS, [0.0] * 3)
    assert round(bids.price[0], 6) == 3144.000000
    assert round(asks.price[0], 6) == 3144.652410
    assert round(bids.qty[0], 6) == 5.725191
    bids, asks = synthetic_book(route, BOOKS, [0.001] * 3)
    assert round(bids.price[0], 6) == 3137.715144
    assert round(asks.price[0], 6) == 3150.951161


def test_fees_let_more_of_the_first_leg_through_the_second():
    (route,) = routes(PAIRS, "ETH", "USDT")
    bids, _ = synthetic_book(route, BOOKS, [0.001] * 3)
    assert bids.qty[0] == pytest.approx(0.3 / (0.0524 * 0.999))


def test_every_route_is_found_and_none_visits_a_currency_twice():
    pairs = [*PAIRS, Pair("ETH", "EUR"), Pair("EUR", "USDT"), Pair("BTC", "EUR")]
    found = routes(pairs, "ETH", "USDT")
    assert [[leg.pair for leg in route] for route in found] == [[2, 0], [3, 4], [2, 5, 4], [3, 5, 0]]
    assert found[3] == (Leg(3, True), Leg(5, False), Leg(0, True))
    assert back(found[3]) == (Leg(0, False), Leg(5, True), Leg(3, False))
    assert [len(route) for route in routes(pairs, "ETH", "USDT", longest=2)] == [2, 2]


def test_no_route_is_said_in_a_sentence():
    with pytest.raises(InputError, match="from ETH to JPY over BTC/USDT"):
        routes(PAIRS, "ETH", "JPY")


def test_an_empty_leg_leaves_an_empty_side():
    nothing = Levels(np.empty(0), np.empty(0))
    (route,) = routes(PAIRS, "ETH", "USDT")
    bids, asks = synthetic_book(route, [TwoSided(nothing, BTC.asks), BOOKS[1], ETH_BTC], [0.0] * 3)
    assert len(bids.price) == 0
    assert len(asks.price) == 1


prices = st.floats(0.5, 2.0)
sizes = st.floats(0.1, 10.0)


@st.composite
def sides(draw, falling: bool):
    n = draw(st.integers(1, 4))
    steps = np.cumsum(draw(st.lists(st.floats(0.001, 0.1), min_size=n, max_size=n)))
    price = draw(prices) * np.exp(-steps if falling else steps)
    return Levels(price, np.array(draw(st.lists(sizes, min_size=n, max_size=n))))


@st.composite
def books(draw):
    """Three pairs of any prices, bids and asks apart."""
    return [TwoSided(draw(sides(True)), draw(sides(False))) for _ in range(3)]


fees = st.lists(st.sampled_from([0.0, 0.0005, 0.001, 0.01]), min_size=3, max_size=3)


def swapped(amount: float, side: Levels, sells: bool, fee: float) -> float:
    """What `amount` becomes when it takes a side, level by level; nan if the side does not suffice."""
    got = 0.0
    for price, qty in zip(*side, strict=True):
        taken = min(amount, qty if sells else qty * price)
        got += (taken * price if sells else taken / price) * (1 - fee)
        amount -= taken
    return got if amount <= 1e-9 else np.nan


@settings(max_examples=200, deadline=None)
@given(books(), fees, st.floats(0.01, 0.99))
def test_the_synthetic_book_is_what_swapping_through_the_legs_gives(made, paid, share):
    """Any amount within it, sold or bought; and beyond it there is nothing."""
    (route,) = routes(PAIRS, "ETH", "USDT")
    bids, asks = synthetic_book(route, made, paid)
    for levels, way, given_in in ((bids, route, bids.qty), (asks, back(route), asks.price * asks.qty)):
        out = bids.price * bids.qty if way == route else asks.qty
        amount = share * given_in.sum()
        through = amount
        for leg in way:
            side = made[leg.pair].bids if leg.sells else made[leg.pair].asks
            through = swapped(through, side, leg.sells, paid[leg.pair])
        before = np.searchsorted(np.cumsum(given_in), amount)
        part = (amount - given_in[:before].sum()) / given_in[before]
        assert through == pytest.approx(out[:before].sum() + part * out[before], rel=1e-9)
        assert (np.diff(levels.price) * (-1 if way == route else 1) >= -1e-12).all()
        beyond = 1.001 * given_in.sum()
        for leg in way:
            side = made[leg.pair].bids if leg.sells else made[leg.pair].asks
            beyond = swapped(beyond, side, leg.sells, paid[leg.pair])
        assert np.isnan(beyond)


@settings(max_examples=300, deadline=None)
@given(books(), fees)
def test_no_triangular_profit_after_fees_is_the_direct_ask_at_or_above_the_synthetic_bid(made, paid):
    """A little money once around the triangle, at the best levels, either grows or the quotes do not cross."""
    (route,) = routes(PAIRS, "ETH", "USDT")
    synthetic = synthetic_book(route, made, paid)
    direct = after_fee(made[1], paid[1])
    coin = 1e-3
    ether = swapped(coin, made[1].asks, False, paid[1])
    bitcoin = swapped(ether, made[2].bids, True, paid[2])
    back_home = swapped(bitcoin, made[0].bids, True, paid[0])
    crossed = direct.asks.price[0] < synthetic.bids.price[0]
    if abs(back_home / coin - 1) > 1e-9:
        assert (back_home > coin) == crossed
        assert (arbitrage(synthetic.bids, direct.asks)[1] > 0) == crossed
    bitcoin = swapped(coin, made[0].asks, False, paid[0])
    ether = swapped(bitcoin, made[2].asks, False, paid[2])
    back_home = swapped(ether, made[1].bids, True, paid[1])
    if abs(back_home / coin - 1) > 1e-9:
        assert (back_home > coin) == (direct.bids.price[0] > synthetic.asks.price[0])


@settings(max_examples=100, deadline=None)
@given(books(), fees)
def test_the_profit_that_is_promised_can_be_made(made, paid):
    (route,) = routes(PAIRS, "ETH", "USDT")
    synthetic = synthetic_book(route, made, paid)
    direct = after_fee(made[1], paid[1])
    amount, profit = arbitrage(synthetic.bids, direct.asks)
    if amount > 0:
        sold = amount
        for leg in route:
            sold = swapped(sold, made[leg.pair].bids, True, paid[leg.pair])
        levels, left, spent = made[1].asks, amount / (1 - paid[1]), 0.0
        for price, qty in zip(*levels, strict=True):
            taken = min(left, qty)
            spent, left = spent + taken * price, left - taken
        assert sold - spent == pytest.approx(profit, rel=1e-6, abs=1e-9)
