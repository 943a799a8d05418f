"""The JAX matching engine against the plain book, and what either promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.book_reference import ASK, BID, Kind, Outcome, PlainBook, Resting, What
from jaxmm.markets.matching import Message, check_stream, empty_book, match, new_stream, resting, run_stream
from tests.markets.message_streams import differences, random_messages


def outcomes(rows: list[tuple[int, int, int, int, int]], slots: int = 100) -> tuple[list[Outcome], list[Resting]]:
    """What one book says to messages, round by round, and what rests at the end; the plain book says the same."""
    messages = check_stream(Message(*np.array(rows, np.int32).T))
    stream, told = run_stream(new_stream(slots), messages, rounds=4 * len(rows) + 8)
    rounds = [Outcome(*row) for row in zip(*(np.asarray(column).tolist() for column in told), strict=True)]
    said = [row for row in rounds if row.what != What.NOTHING]
    plain = PlainBook(slots)
    assert said == [outcome for row in rows for outcome in plain.send(*row)]
    assert resting(stream.book) == list(plain.resting())
    return said, resting(stream.book)


def test_a_sweep_takes_the_best_price_first_and_at_one_price_the_oldest():
    said, left = outcomes(
        [
            (Kind.LIMIT, ASK, 1, 12, 5),
            (Kind.LIMIT, ASK, 2, 11, 2),
            (Kind.LIMIT, ASK, 3, 11, 3),
            (Kind.LIMIT, BID, 4, 11, 9),
        ]
    )
    assert said[3:] == [(What.PART, 2, 11, 2), (What.PART, 3, 11, 3), (What.RESTS, 4, 11, 4)]
    assert left == [(BID, 4, 11, 4), (ASK, 1, 12, 5)]


def test_what_a_market_order_cannot_find_is_reported():
    said, left = outcomes([(Kind.LIMIT, BID, 7, 5, 2), (Kind.MARKET, ASK, 8, 0, 5)])
    assert said[1:] == [(What.PART, 7, 5, 2), (What.UNFILLED, 8, 0, 3)]
    assert not left


def test_an_amendment_down_keeps_its_place_and_any_other_is_refused():
    said, _ = outcomes(
        [
            (Kind.LIMIT, BID, 1, 5, 4),
            (Kind.LIMIT, BID, 2, 5, 4),
            (Kind.AMEND, BID, 1, 0, 3),
            (Kind.AMEND, BID, 2, 0, 4),
            (Kind.AMEND, BID, 2, 0, 0),
            (Kind.MARKET, ASK, 9, 0, 3),
        ]
    )
    assert [row.what for row in said[2:5]] == [What.AMENDED, What.NOT_FEWER, What.NOT_FEWER]
    assert said[5:] == [(What.FILLED, 1, 5, 3)]


def test_cancels_of_orders_that_are_gone_or_never_were_are_refused():
    said, _ = outcomes(
        [
            (Kind.LIMIT, ASK, 3, 5, 1),
            (Kind.CANCEL, BID, 3, 0, 0),  # the id alone decides
            (Kind.CANCEL, ASK, 3, 0, 0),
            (Kind.CANCEL, ASK, 99, 0, 0),
            (Kind.AMEND, ASK, 3, 0, 1),
        ]
    )
    assert [row.what for row in said] == [What.RESTS, What.CANCELLED, What.UNKNOWN, What.UNKNOWN, What.UNKNOWN]


def test_an_order_that_finds_no_room_is_refused_and_its_fills_stand():
    rows = [(Kind.LIMIT, BID, i, 10 - i, 1) for i in range(3)]
    said, left = outcomes([*rows, (Kind.LIMIT, ASK, 5, 12, 2), (Kind.LIMIT, BID, 6, 12, 3)], slots=3)
    assert said[4:] == [(What.PART, 5, 12, 2), (What.FULL, 6, 0, 1)]
    assert [order.id for order in left] == [0, 1, 2]


@pytest.mark.parametrize("slots", [100, 7])
def test_random_streams_end_as_in_the_plain_book(slots: int):
    messages = random_messages(np.random.default_rng(slots), 1500, 64)
    wrong, compared, happened = differences(messages, slots)
    assert not wrong
    assert compared == 96_000
    assert set(happened) == {what.name for what in What} - {"NOTHING"}, "a kind of outcome was never tried"


def test_one_book_a_batch_and_vmap_give_the_same():
    messages = random_messages(np.random.default_rng(3), 200, 4)
    stream, told = run_stream(new_stream(10, (4,)), messages, rounds=400)
    over = jax.vmap(lambda stream, m: run_stream(stream, m, rounds=400), in_axes=-1, out_axes=-1)
    again = over(new_stream(10, (4,)), messages)
    for one, two in zip(jax.tree.leaves((stream, told)), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_book_of_a_hundred_orders_a_side_takes_2400_bytes():
    assert sum(column.nbytes for column in empty_book(100)) <= 2400


def test_a_round_keeps_32_bits_where_64_are_enabled():
    with jax.enable_x64(True):
        book, left, report = jax.eval_shape(match, empty_book(5), Message(*(jnp.int32(0) for _ in Message._fields)))
    assert {leaf.dtype for leaf in jax.tree.leaves((book, left, report))} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((1, 0, 4, 10, 1), "id of message .1,. is 4; it must be above"),
        ((1, 2, 5, 10, 1), "side of message"),
        ((7, 0, 5, 10, 1), "kind of message"),
        ((3, 0, -1, 10, 1), "id of message .* zero or more"),
        ((1, 0, 5, 2**30 + 1, 1), "price of message"),
        ((2, 0, 5, 10, 2**30 + 1), "lots of message"),
    ],
)
def test_a_stream_that_the_books_cannot_take_is_refused(row: tuple[int, ...], says: str):
    with pytest.raises(InputError, match=says):
        check_stream(Message(*np.array([(1, 0, 4, 10, 1), row]).T))
