import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.tape.split import split
from jaxmm.tape.tape import Tape

SECOND = 10**9


@pytest.fixture
def hundred_seconds():
    """A decision a second, an event every quarter."""
    ts_ns, exch_ts = np.arange(101) * SECOND, np.arange(400) * SECOND // 4
    return Tape.from_arrays(
        Instrument("test", "ABC", 0.1, 0.001),
        ts_ns=ts_ns,
        book_price=np.ones((101, 2, 1)),
        book_qty=np.ones((101, 2, 1)),
        exch_ts=exch_ts,
        event=np.ones((400, 4)),
        best=np.ones((400, 2)),
    )


def test_parts_follow_each_other_in_time_with_the_gap_between(hundred_seconds):
    parts = split(hundred_seconds, (0.6, 0.2, 0.2), gap_s=5)
    spans = [(int(p.ts_ns[0] // SECOND), int(p.ts_ns[-1] // SECOND)) for p in parts]
    assert spans == [(0, 59), (65, 79), (85, 100)]


def test_no_part_holds_an_event_that_a_later_part_decides_on(hundred_seconds):
    for gap_s in (0, 0.5, 5):
        parts = split(hundred_seconds, (0.5, 0.5), gap_s=gap_s)
        assert parts[0].exch_ts[-1] < parts[1].ts_ns[0]
        assert parts[0].cursor[-1] <= parts[0].events


def test_without_a_gap_every_decision_is_in_one_part(hundred_seconds):
    parts = split(hundred_seconds, (0.3, 0.3, 0.4), gap_s=0)
    np.testing.assert_array_equal(np.concatenate([p.ts_ns for p in parts]), hundred_seconds.ts_ns)


@pytest.mark.parametrize("fractions", [(), (0.6, 0.2), (1.2, -0.2), (0.5, 0.5, 0.5)])
def test_fractions_that_are_none_are_refused(hundred_seconds, fractions):
    with pytest.raises(InputError, match=r"must be positive and add up to 1, as 0.6, 0.2, 0.2 do"):
        split(hundred_seconds, fractions)


def test_a_gap_that_swallows_a_part_is_refused(hundred_seconds):
    with pytest.raises(InputError, match=r"part 2 of the split has 0 decisions.*shorten the gap of 30 s"):
        split(hundred_seconds, gap_s=30)
    with pytest.raises(InputError, match="gap_s is -1"):
        split(hundred_seconds, gap_s=-1)
