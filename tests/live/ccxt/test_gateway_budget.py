import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.live.ccxt.budget import SECOND, Budget, Cost, Counted, Limit, Wait, read_limits
from jaxmm.live.messages import Refusal

WEIGHT = Limit(Counted.WEIGHT, 60 * SECOND, 100)
ORDERS = Limit(Counted.ORDERS, 10 * SECOND, 10)
PLACE, CANCEL = Cost(weight=1, orders=1), Cost(weight=1)


def budget(reserve: float = 0.2) -> Budget:
    return Budget([WEIGHT, ORDERS], reserve)


def test_the_limits_of_exchange_info_are_read():
    info = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        {"rateLimitType": "CONNECTIONS", "interval": "MINUTE", "intervalNum": 5, "limit": 300},
    ]
    assert read_limits(info) == (
        Limit(Counted.WEIGHT, 60 * SECOND, 6000),
        Limit(Counted.ORDERS, 10 * SECOND, 100),
        Limit(Counted.ORDERS, 86400 * SECOND, 200000),
        Limit(Counted.REQUESTS, 300 * SECOND, 61000),
    )


@given(
    st.lists(st.tuples(st.integers(0, 15 * SECOND), st.sampled_from([PLACE, CANCEL, Cost(weight=20)]), st.booleans()))
)
def test_no_window_ever_holds_more_than_the_venue_allows(requests):
    counted, now, sent = budget(), 0, []
    for pause, cost, urgent in requests:
        now += pause
        wait = counted.take(cost, now, urgent=urgent)
        if wait is None:
            sent.append((now, cost))
        else:
            assert wait.until_ns > now
    for limit in (WEIGHT, ORDERS):
        windows = {at // limit.window_ns for at, _ in sent}
        for window in windows:
            used = sum(cost.of(limit.counted) for at, cost in sent if at // limit.window_ns == window)
            assert used <= limit.most


def test_places_leave_a_reserve_that_cancels_may_use():
    counted = budget()
    placed = [counted.take(Cost(weight=10), 0, urgent=False) for _ in range(10)]
    assert [wait is None for wait in placed] == [True] * 8 + [False] * 2
    assert counted.take(Cost(weight=20), 0, urgent=True) is None
    assert counted.take(CANCEL, 0, urgent=True) is not None


def test_a_refusal_says_when_the_window_ends():
    counted = budget(reserve=0)
    for _ in range(10):
        assert counted.take(PLACE, 23 * SECOND, urgent=False) is None
    wait = counted.take(PLACE, 23 * SECOND, urgent=False)
    assert wait is not None
    assert (wait.reason, wait.until_ns) == (Refusal.RATE, 30 * SECOND)
    assert counted.take(PLACE, 30 * SECOND, urgent=False) is None


def test_the_venues_own_count_lifts_ours_and_never_lowers_it():
    counted = budget(reserve=0)
    counted.take(Cost(weight=30), 5 * SECOND, urgent=False)
    counted.heard({"X-MBX-USED-WEIGHT-1M": "95", "x-mbx-order-count-10s": "3", "Date": "today"}, 5 * SECOND)
    assert counted.used(5 * SECOND) == {"weight/60s": 0.95, "orders/10s": 0.3}
    counted.heard({"X-MBX-USED-WEIGHT-1M": "10"}, 6 * SECOND)
    assert counted.used(6 * SECOND)["weight/60s"] == 0.95


def test_a_count_told_right_after_a_window_began_may_be_of_the_one_before_and_is_not_taken():
    counted = budget()
    counted.heard({"X-MBX-USED-WEIGHT-1M": "95"}, 60 * SECOND + 1)
    assert counted.used(60 * SECOND + 1)["weight/60s"] == 0


@pytest.mark.parametrize("reason", [Refusal.RATE, Refusal.BANNED])
def test_a_banned_quoter_stays_silent_until_the_ban_ends(reason):
    counted = budget()
    counted.banned(Wait(reason, 8 * SECOND, "418 too many requests"))
    counted.banned(Wait(reason, 7 * SECOND, "an older answer does not shorten it"))
    wait = counted.take(CANCEL, 8 * SECOND - 1, urgent=True)
    assert wait is not None
    assert (wait.reason, wait.until_ns) == (reason, 8 * SECOND)
    assert counted.take(CANCEL, 8 * SECOND, urgent=True) is None
