"""The offset between two clocks, told by the fastest messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.data.clock import ClockEnvelope

MS = 10**6


def envelope_of(exch_ts, recv_ts, pieces=1):
    envelope = ClockEnvelope()
    for exch, recv in zip(np.array_split(exch_ts, pieces), np.array_split(recv_ts, pieces), strict=True):
        envelope.add(exch, recv)
    return envelope


def stream(offset_ns, n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    exch_ts = np.sort(rng.integers(0, 120 * 1000, n)) * MS
    return exch_ts, exch_ts + offset_ns + rng.exponential(3 * MS, n).astype(np.int64)


@given(st.integers(-5000, -1), st.integers(0, 100), st.integers(1, 7))
def test_an_offset_is_found_to_within_a_millisecond_however_it_is_cut(offset_ms, seed, pieces):
    found = envelope_of(*stream(offset_ms * MS, seed=seed), pieces).offset_ns()
    assert found is not None
    assert abs(found - offset_ms * MS) < MS


def test_one_wild_stamp_does_not_move_the_envelope():
    exch_ts, recv_ts = stream(-1270 * MS)
    recv_ts[77] -= 3600 * 1000 * MS
    assert envelope_of(exch_ts, recv_ts).offset_ns() == pytest.approx(-1270 * MS, abs=MS)


def test_a_latency_is_not_taken_for_an_offset():
    envelope = envelope_of(*stream(40 * MS))
    assert envelope.offset_ns() == 0
    assert envelope.envelope_ns() == pytest.approx(40 * MS, abs=MS)


def test_nothing_is_known_without_messages():
    envelope = envelope_of(np.empty(0, np.int64), np.empty(0, np.int64))
    assert (envelope.envelope_ns(), envelope.offset_ns(), envelope.drift_ppm()) == (None, None, None)


def test_a_drift_of_five_millionths_is_told():
    exch_ts, recv_ts = stream(-1270 * MS)
    drifting = recv_ts - (exch_ts * 5e-6).astype(np.int64)
    assert envelope_of(exch_ts, drifting).drift_ppm() == pytest.approx(-5.0, abs=1.0)
