import pytest

from jaxmm.errors import InputError
from jaxmm.features.clock import Clock, DecisionClock, parse_clock


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("100ms", Clock(100_000_000, 0)),
        ("1s", Clock(1_000_000_000, 0)),
        ("250us", Clock(250_000, 0)),
        ("50ev", Clock(0, 50)),
    ],
)
def test_a_clock_is_an_interval_or_a_count(text, clock):
    assert parse_clock(text) == clock


@pytest.mark.parametrize("text", ["", "100", "ms", "0ms", "-1s", "1.5s", "100 ms", "50events"])
def test_any_other_clock_is_refused_with_an_example(text):
    with pytest.raises(InputError, match="100ms or 1s, or a count of events such as 50ev"):
        parse_clock(text)


def decisions(clock, rows):
    due = DecisionClock(clock)
    times = []
    for ts in rows:
        times += due.due(ts)
        due.on_row()
    return times + list(due.due(max(rows) + 1))


def test_an_interval_clock_decides_on_the_grid_between_the_first_row_and_the_last():
    assert decisions(Clock(10, 0), [3, 4, 20, 41]) == [10, 20, 30, 40]
    assert decisions(Clock(10, 0), [10, 20]) == [10, 20]


def test_a_count_clock_decides_at_every_nth_row():
    assert decisions(Clock(0, 2), [1, 2, 3, 4, 5]) == [2, 4]


def test_rows_of_one_instant_make_one_decision():
    assert decisions(Clock(0, 2), [1, 5, 5, 5, 5, 5, 6, 7]) == [5, 7]


def test_time_that_runs_backwards_stands_still():
    assert decisions(Clock(0, 2), [5, 9, 4, 4, 10, 10]) == [9, 10]
    assert decisions(Clock(5, 0), [5, 12, 4, 16]) == [5, 10, 15]
