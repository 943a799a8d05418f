"""Fundings on their way from rows of a store to the tape, and from the tape to what a lot pays."""

import dataclasses

import numpy as np
import pytest

from jaxmm.data.schema import Kind, Side
from jaxmm.exchange.funding import funding_due, known_at
from jaxmm.exchange.latency import Latency
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape
from tests.tape.memory_store import INSTRUMENT, MemoryStore

MS = 10**6


def quotes(ms, bid, ask):
    """A TOP message; ticks of .1."""
    return [(ms * MS, ms * MS, Kind.TOP, side, price, 1, -1) for side, price in ((Side.BID, bid), (Side.ASK, ask))]


def extra(kind, settled_ms, received_ms, value):
    """A MARK or FUNDING row; `memory_store` divides prices by ten."""
    return (settled_ms * MS, received_ms * MS, kind, Side.NONE, value * 10, 0, -1)


def built(tmp_path, *rows):
    market = [row for ms in range(0, 1000, 10) for row in quotes(ms, 1000 + ms // 100, 1002 + ms // 100)]
    ordered = sorted([*market, *rows], key=lambda row: row[1])
    return build_tape(MemoryStore(ordered), tmp_path / "tape", "100ms", 1)


def test_a_funding_is_paid_on_the_last_mark_before_it_whenever_that_came(tmp_path):
    tape = built(
        tmp_path,
        extra(Kind.MARK, 200, 210, 100.25),
        extra(Kind.MARK, 400, 410, 100.75),
        extra(Kind.MARK, 401, 405, 999.0),
        extra(Kind.FUNDING, 400, 450, 0.0001),
        extra(Kind.FUNDING, 800, 810, -0.0003),
    )
    assert (tape.funding_ts // MS).tolist() == [400, 800]
    assert tape.funding.tolist() == [[pytest.approx(0.0001), 100.75], [pytest.approx(-0.0003), 999.0]]
    assert tape.summary()["fundings"] == 2


def test_without_a_mark_price_the_exchange_s_mid_stands_in(tmp_path):
    tape = built(tmp_path, extra(Kind.FUNDING, 405, 450, 0.0001), extra(Kind.FUNDING, -5, 5, 0.0002))
    assert tape.funding[:, 1].tolist() == [pytest.approx(100.1), pytest.approx(100.5)]  # ascending in time


def test_rows_of_fundings_and_marks_leave_the_rest_of_the_tape_as_it_is(tmp_path):
    plain = built(tmp_path / "plain")
    told = built(tmp_path / "told", extra(Kind.MARK, 200, 210, 100.2), extra(Kind.FUNDING, 400, 450, 0.0001))
    assert sorted(p.name for p in plain_files(tmp_path / "told")) == sorted(
        [p.name for p in plain_files(tmp_path / "plain")] + ["funding.npy", "funding_ts.npy"]
    )
    for name in ("ts_ns", "book_price", "book_qty", "features", "cursor", "exch_ts", "event", "best"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(told, name))
    assert len(plain.funding_ts) == 0
    assert plain.funding.shape == (0, 2)


def plain_files(folder):
    return (folder / "tape").iterdir()


def test_a_tape_with_fundings_survives_the_disk_and_a_slice_keeps_its_own(tmp_path):
    tape = built(tmp_path, *(extra(Kind.FUNDING, ms, ms + 1, ms / 10**6) for ms in (150, 450, 850)))
    tape.save(tmp_path / "saved")
    again = Tape.open(tmp_path / "saved")
    np.testing.assert_array_equal(again.funding_ts, tape.funding_ts)
    np.testing.assert_array_equal(again.funding, tape.funding)
    part = tape.slice(3, 7, after_ns=0)
    assert (part.funding_ts // MS).tolist() == [450]


def test_a_funding_is_charged_by_the_first_decision_that_can_know_of_it(tmp_path):
    tape = built(tmp_path, *(extra(Kind.FUNDING, ms, ms + 1, 0.001) for ms in (150, 198, 460, 461, 995)))
    latency = Latency(response_ns=5 * MS)
    first = tape.ts_ns[0] // MS
    expected = [-(-(ms + 5 - first) // 100) for ms in (150, 198, 460, 461, 995)]
    np.testing.assert_array_equal(known_at(tape, latency), np.minimum(expected, tape.decisions))
    due = funding_due(tape, latency)
    assert due.dtype == np.float32
    assert due.shape == (tape.decisions,)
    half_ticks = tape.funding[:, 1] / (INSTRUMENT.tick_size / 2)
    want = np.zeros(tape.decisions)
    for k, rate, mark in zip(expected, tape.funding[:, 0], half_ticks, strict=True):
        if 1 <= k < tape.decisions:
            want[k - 1] += rate * mark
    np.testing.assert_allclose(due, want, rtol=1e-6)
    coin = tape.priced(dataclasses.replace(INSTRUMENT, kind="inverse"))
    scale = np.mean(half_ticks) ** 2
    np.testing.assert_allclose(funding_due(coin, latency) * scale, want, rtol=0.02)
    assert funding_due(built(tmp_path / "none"), latency) is None
