"""The compiled book against two plain dictionaries."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.data.book import best, clear, new_book, set_level

change = st.tuples(st.integers(0, 1), st.integers(1, 40), st.integers(0, 3))


@settings(deadline=None, max_examples=200)
@given(st.lists(change, max_size=120))
def test_the_book_holds_what_two_dictionaries_hold(changes):
    book = new_book(64)
    levels: list[dict[int, int]] = [{}, {}]
    for side, price, qty in changes:
        assert set_level(book, side, price, qty) == levels[side].get(price, 0)
        if qty:
            levels[side][price] = qty
        else:
            levels[side].pop(price, None)
        for s, pick in ((0, max), (1, min)):
            expected = (pick(levels[s]), levels[s][pick(levels[s])]) if levels[s] else (0, 0)
            assert best(book, s) == expected
            assert list(np.abs(book.keys[s, : book.n[s]])) == sorted(levels[s], reverse=s == 1)


def test_a_full_book_says_so_and_keeps_its_levels():
    book = new_book(2)
    assert [set_level(book, 0, p, 5) for p in (10, 12, 11)] == [0, 0, -1]
    assert best(book, 0) == (12, 5)
    assert set_level(book, 0, 12, 7) == 5


def test_clear_empties_the_side_it_names():
    for side, left in ((0, (0, 1)), (1, (1, 0)), (2, (0, 0))):
        book = new_book(4)
        set_level(book, 0, 10, 1)
        set_level(book, 1, 12, 1)
        clear(book, side)
        assert tuple(book.n) == left
