"""KPIs from what happens in a stage, against sums done by hand."""

import numpy as np
import pytest
from stages import NOON, SECOND, sums

from jaxmm.live.messages import ASK, BID
from jaxmm.live.rollout import Meter, Sums, kpis_of


def meter(**kept) -> Meter:
    return Meter(Sums(**kept), mark_out_ns=5 * SECOND, bucket_ns=60 * SECOND)


def test_nothing_is_known_before_anything_happened():
    kpis = meter().kpis()
    assert (kpis.hours, kpis.fills) == (0, 0)
    assert {kpis.pnl_per_hour, kpis.pnl_low, kpis.fill_ratio, kpis.mark_out_ticks, kpis.uptime} == {None}


def test_a_mark_out_is_the_mids_move_in_favour_of_the_fill_after_the_horizon():
    one = meter()
    one.decided(NOON, 100.0, 0.0, True)
    one.filled(NOON, BID, 99, 2)
    one.filled(NOON + SECOND, ASK, 102, 1)
    one.decided(NOON + 5 * SECOND - 1, 500.0, 0.0, True)
    assert one.kpis().mark_out_ticks is None
    one.decided(NOON + 5 * SECOND, 98.0, 0.0, True)
    assert one.kpis().mark_out_ticks == -1.0
    one.decided(NOON + 6 * SECOND, 98.0, 0.0, True)
    assert one.kpis().mark_out_ticks == pytest.approx((2 * -1 + 4) / 3)


def test_ratios_are_of_what_was_sent_and_decided():
    one = meter()
    for able in (True, True, False, True):
        one.decided(NOON, 100.0, 0.0, able)
    for lots in (3, 0, 2, 0):
        one.sent(lots)
    one.refused()
    one.filled(NOON, BID, 99, 1)
    kpis = one.kpis()
    assert (kpis.uptime, kpis.fill_ratio, kpis.reject_ratio, kpis.fills) == (0.75, 0.2, 0.25, 1)


def test_the_interval_of_the_pnl_is_that_of_its_minutes():
    changes = np.random.default_rng(5).normal(0.2, 1.0, 100)
    one, pnl = meter(), np.concatenate([[7.0], 7.0 + np.cumsum(changes)])
    for minute, value in enumerate(pnl):
        one.decided(NOON + minute * 60 * SECOND, 100.0, float(value), True)
    kpis, half = one.kpis(), 1.959964 * changes.std(ddof=1) / 10 * 60
    assert kpis.pnl_per_hour == pytest.approx(changes.mean() * 60)
    assert (kpis.pnl_low, kpis.pnl_high) == pytest.approx((changes.mean() * 60 - half, changes.mean() * 60 + half))
    assert kpis.hours == pytest.approx(100 / 60)


def test_few_minutes_have_no_interval():
    assert kpis_of(sums(buckets=29), 60.0).pnl_low is None
    assert kpis_of(sums(buckets=30), 60.0).pnl_low is not None


def test_a_restart_goes_on_counting_and_leaves_the_time_between_out():
    before = meter()
    for minute in range(3):
        before.decided(NOON + minute * 60 * SECOND, 100.0, float(minute), True)
    after = meter(**before.to_dict())
    after.decided(NOON + 1000 * SECOND, 100.0, 50.0, True)
    after.decided(NOON + 1060 * SECOND, 100.0, 51.0, True)
    kpis = after.kpis()
    assert (after.sums.buckets, kpis.pnl_per_hour) == (3, 60.0)
    assert after.sums.decisions == 5
