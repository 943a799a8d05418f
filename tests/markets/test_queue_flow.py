"""Order flow from the book: what it sends, how often, and that it knows whose orders are in the queues."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.book_reference import ASK, BID, Kind, PlainBook
from jaxmm.markets.matching import Message, by_side, resting
from jaxmm.markets.queue_flow import UNIFORMS, Flow, Market, open_market, queue_reactive, random_event
from jaxmm.solve.queue_race import queue_sizes

BOOKS = 64
MANY = 4096
LIMIT = [[2.0, 1.5, 1.0, 0.8, 0.5, 0.2], [1.0, 1.0, 1.0, 1.0, 0.5, 0.1]]
CANCEL = [[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 0.3, 0.5, 0.7, 0.9, 1.5]]
TAKEN = [[0.0, 0.9, 0.8, 0.6, 0.5, 0.4], [0.0, 0.3, 0.3, 0.3, 0.3, 0.3]]


def side_by_side(market: Market, books: int = BOOKS) -> Market:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[..., None], (*leaf.shape, books)), market)


@partial(jax.jit, static_argnames="events")
def play(market: Market, flow: Flow, own: jax.Array, key: jax.Array, *, events: int) -> tuple[Market, tuple]:
    """The market after `events` events, and after each its event, lots a side, touch and reference."""
    books = market.next_id.shape

    def one(market: Market, key_event: jax.Array) -> tuple[Market, tuple]:
        uniforms = jax.random.uniform(key_event, (UNIFORMS, *books), jnp.float32)
        market, event = random_event(market, flow, own, uniforms)
        lots = by_side(market.book.lots).sum(axis=1, dtype=jnp.int32)
        return market, (event, lots, market.touch, market.reference)

    return jax.lax.scan(one, market, jax.random.split(key, events))


def nobody(books: int = BOOKS) -> jax.Array:
    return jnp.full((1, books), -1, jnp.int32)


def reactive(**changes: object) -> Flow:
    return queue_reactive(LIMIT, CANCEL, TAKEN, **changes)


@pytest.mark.parametrize("from_opposite", [False, True])
def test_every_message_of_the_flow_does_in_the_plain_book_what_the_engine_says(from_opposite: bool):
    start = open_market(60, np.array([3, 2]), np.array([2, 4]), 100)
    flow = reactive(follow=0.7, from_opposite=from_opposite)
    market, (event, _, touch, _) = play(side_by_side(start, 8), flow, nobody(8), jax.random.key(0), events=800)
    touch = np.asarray(touch)
    assert (touch[:, 0] < touch[:, 1]).all()
    assert np.asarray(market.touch).std() > 0, "no price ever moved"
    for lane in range(8):
        plain = PlainBook(60)
        for order in resting(start.book):
            plain.send(Kind.LIMIT, order.side, order.id, order.price, order.lots)
        messages = np.stack([np.asarray(field)[:, lane] for field in event.message], axis=1).tolist()
        told = np.stack([np.asarray(field)[:, lane] for field in event.report], axis=1).tolist()
        assert [[list(outcome)] for outcome in told] == [[list(o) for o in plain.send(*row)] for row in messages]
        book = jax.tree.map(lambda column, lane=lane: column[:, lane], market.book)
        assert resting(book) == list(plain.resting())


def test_a_queue_is_as_long_as_its_birth_and_death_rates_say():
    limit, cancel, taken = ([table[0]] for table in (LIMIT, CANCEL, TAKEN))
    limit[0] = [*limit[0][:-1], 0.0]  # a queue of five lots grows no further
    flow = queue_reactive(limit, cancel, taken)
    start = side_by_side(open_market(16, np.array([1]), np.array([1]), 0))
    _, (event, lots, *_) = play(start, flow, nobody(), jax.random.key(1), events=4000)
    burnt, waits = np.asarray(lots)[500:-1], np.asarray(event.wait)[501:]  # a size lasts until the next event
    exact = queue_sizes(np.array(limit[0]), np.array(cancel[0]) + np.array(taken[0]))
    shares = np.stack([(waits[:, None] * (burnt == size)).sum(axis=(0, 1)) for size in range(6)])  # [6, B]
    shares = shares / shares.sum(axis=0)
    error = shares.std(axis=1) / np.sqrt(BOOKS)
    assert (np.abs(shares.mean(axis=1) - exact) < 4 * error).all()
    rates = (np.array(limit[0]) + cancel[0] + taken[0])[burnt].sum(axis=1)
    assert abs((waits * rates).mean() - 1) < 4 / np.sqrt(waits.size), "waiting times are exponential of the total rate"


def test_a_cancel_takes_any_lot_of_the_level_alike():
    start = open_market(16, np.array([4]), np.array([1]), 0)
    lots = start.book.lots.at[2].set(3)  # the third of four bids holds three of six lots
    start = side_by_side(start._replace(book=start.book._replace(lots=lots)), MANY)
    flow = queue_reactive([[0.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]])
    _, (event, *_) = play(start, flow, nobody(MANY), jax.random.key(3), events=1)
    kind, side, id, _, left = (np.asarray(field)[0] for field in event.message)
    bids = side == BID
    counts = np.bincount(id[bids] // 2, minlength=4)
    expected = bids.sum() * np.array([1, 1, 3, 1]) / 6
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()
    assert set(kind[bids & (id == 4)]) == {Kind.AMEND}
    assert set(left[bids & (id == 4)]) == {2}
    assert set(kind[id != 4]) == {Kind.CANCEL}


def test_our_order_is_seen_by_the_rates_but_never_cancelled_by_the_flow():
    start = open_market(16, np.array([1]), np.array([1]), 0)
    own = jnp.zeros((1, MANY), jnp.int32)  # the only bid is ours
    flow = queue_reactive([[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]])
    _, (event, lots, *_) = play(side_by_side(start, MANY), flow, own, jax.random.key(4), events=1)
    kind, side, *_ = (np.asarray(field)[0] for field in event.message)
    assert set(kind) == {Kind.NONE, Kind.CANCEL}, "an empty queue would have drawn limit orders"
    assert (side[kind == Kind.CANCEL] == ASK).all()
    assert (np.asarray(lots)[0, 0] == 1).all()


def test_the_reference_follows_a_depleted_side_and_only_as_often_as_told():
    start = open_market(16, np.array([2]), np.array([1, 1]), 100)
    moves = {}
    for follow in (0.0, 0.5, 1.0):
        flow = queue_reactive([[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]], follow=follow)
        _, (event, _, _, reference) = play(side_by_side(start, MANY), flow, nobody(MANY), jax.random.key(6), events=1)
        bought = np.asarray(event.message.side)[0] == BID
        moved = np.asarray(reference)[0] - 100
        assert (moved[~bought] == 0).all(), "the bid had another lot"
        moves[follow] = moved[bought].mean()
    assert moves[0.0] == 0
    assert moves[1.0] == 1
    assert abs(moves[0.5] - 0.5) < 4 * 0.5 / np.sqrt(MANY / 2)


def test_the_reference_stays_where_a_spread_narrows_beside_a_standing_queue():
    start = open_market(16, np.array([0, 2]), np.array([1]), 100)  # bids at 99, asks at 101
    flow = queue_reactive([[1.0, 1.0]], [[0.0, 0.0]], [[0.0, 0.0]], follow=1.0)
    after, (event, *_) = play(side_by_side(start, MANY), flow, nobody(MANY), jax.random.key(9), events=1)
    joined = np.asarray(event.message.side)[0] == BID
    assert set(np.asarray(event.message.price)[0][joined]) == {100}
    assert (np.asarray(after.reference)[joined] == 100).all()


def test_a_full_book_refuses_and_counts():
    start = side_by_side(open_market(16, np.array([16]), np.array([16]), 0), MANY)
    flow = queue_reactive([[1.0, 1.0]], [[0.0, 0.0]], [[0.0, 0.0]])
    market, (_, lots, *_) = play(start, flow, nobody(MANY), jax.random.key(7), events=1)
    assert (np.asarray(market.refused) == 1).all()
    assert (np.asarray(lots) == 16).all()


def test_one_market_and_many_side_by_side_play_alike():
    start = open_market(20, np.array([3, 2]), np.array([2, 4]), 100)
    uniforms = jax.random.uniform(jax.random.key(8), (UNIFORMS, 3), jnp.float32)
    together = jax.jit(random_event)(side_by_side(start, 3), reactive(), nobody(3), uniforms)
    one_by_one = jax.jit(jax.vmap(random_event, (None, None, None, -1), -1))
    again = one_by_one(start, reactive(), nobody()[:, 0], uniforms)
    for one, many in zip(jax.tree.leaves(again), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(one, many, rtol=1e-6)


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        (([[1.0]], [[0.0]], [[0.0]]), "must share one shape"),
        (([[1.0, 1.0]], [[0.0, 1.0, 1.0]], [[0.0, 1.0]]), "must share one shape"),
        (([[1.0, -1.0]], [[0.0, 1.0]], [[0.0, 1.0]]), "zero or more"),
        (([[1.0, 1.0]], [[0.5, 1.0]], [[0.0, 1.0]]), "cancel has a rate above 0 at a queue of no lots"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tables: tuple, says: str):
    with pytest.raises(InputError, match=says):
        queue_reactive(*tables)
    with pytest.raises(InputError, match="probability"):
        reactive(follow=1.5)


def test_messages_are_32_bits_wide():
    start = open_market(8, np.array([1]), np.array([1]), 0)
    with jax.enable_x64(True):
        uniforms = jax.ShapeDtypeStruct((UNIFORMS,), jnp.float32)
        market, event = jax.eval_shape(random_event, start, reactive(), nobody()[:, 0], uniforms)
    assert {leaf.dtype.name for leaf in jax.tree.leaves((market, event))} == {"int32", "float32"}
    assert isinstance(event.message, Message)
