from hypothesis import given
from hypothesis import strategies as st

from jaxmm.live.ccxt.clock_skew import ClockSkew, Sample

MS = 1_000_000


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.tuples(st.integers(0, 500 * MS), st.integers(0, 500 * MS), st.integers(0, 10**9)), min_size=1),
)
def test_the_estimate_is_never_wrong_by_more_than_it_says(skew, trips):
    clock, now = ClockSkew(), 10**15
    for there, back, pause in trips:
        now += pause
        venue_ms = (now + there + skew) // MS
        assert not clock.add(Sample(now, venue_ms * MS, now + there + back))
        now += there + back
        assert clock.best is not None
        assert abs(clock.skew_ns - skew) <= clock.best.error_ns


def test_the_shortest_round_trip_decides():
    clock = ClockSkew()
    clock.add(Sample(0, 1000 * MS, 400 * MS))
    clock.add(Sample(500 * MS, 1302 * MS, 504 * MS))
    assert clock.best == Sample(500 * MS, 1302 * MS, 504 * MS)
    assert clock.skew_ns == 800 * MS + MS // 2


def test_a_clock_that_was_set_is_noticed_and_the_old_samples_forgotten():
    clock = ClockSkew()
    assert not clock.add(Sample(0, 5 * MS, 10 * MS))
    assert clock.add(Sample(1000 * MS, 3005 * MS, 1020 * MS))
    assert abs(clock.skew_ns - 1995 * MS) <= MS


def test_before_the_first_sample_the_clocks_count_as_equal():
    assert ClockSkew().skew_ns == 0
