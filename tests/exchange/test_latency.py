"""Delays and the timeline made of them: what is known, what arrives when, and when an answer is back."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.data.store import import_recording, open_store
from jaxmm.errors import InputError
from jaxmm.exchange import timeline as timelines
from jaxmm.exchange.latency import Constant, Latency, LogNormal, Recorded, requests_arrive
from jaxmm.exchange.timeline import Timeline, request_windows, timeline
from jaxmm.exchange.types import INFINITE
from jaxmm.instrument import Instrument
from jaxmm.tape.build import build_tape
from jaxmm.tape.delays import FEED, REQUEST, RESPONSE, parse_delay
from tests.exchange.streams import random_tape

MS = 1_000_000
NOTHING = np.zeros((0, 4), np.int32)


def of(exch_ts: list[int], ts_ns: list[int], latency: Latency, lag_ns: list[int] | None = None) -> Timeline:
    """The timeline of events without meaning."""
    events = np.zeros((len(exch_ts), 4), np.int32)
    lag = None if lag_ns is None else np.array(lag_ns)
    return timeline(np.array(ts_ns), np.array(exch_ts, np.int64), events, latency, 1, lag)


def plain(exch_ts, ts_ns, lag_ns, latency: Latency) -> dict[str, list[int]]:
    """The timeline once more, in plain integers, from the delays of each event and decision."""
    no = np.zeros(0, np.int64)
    draws = {kind: getattr(latency, kind).at(ts_ns, lag_ns, REQUEST).tolist() for kind in ("cancel", "amend", "place")}
    seen = [max((k for k, t in enumerate(ts_ns) if t <= e), default=0) for e in exch_ts]
    lag = lag_ns[seen] if seen else no
    response = latency.response.at(exch_ts, lag, RESPONSE).tolist()
    reports = [max(int(e) + r for e, r in zip(exch_ts[: i + 1], response, strict=False)) for i in range(len(exch_ts))]
    rows: dict[str, list[int]] = {name: [] for name in ("known", "cancel", "amend", "place", "answered")}
    last = dict.fromkeys(draws, 0)
    for k, now in enumerate(ts_ns.tolist()):
        floor = 0
        for kind in draws:
            floor = last[kind] = max(last[kind], floor, now + draws[kind][k])
            rows[kind].append(sum(e <= floor for e in exch_ts))
        before = max(rows["place"][-1] - 1, 0)
        answer = max([floor + response[before], *reports[: rows["place"][-1]]])
        rows["known"].append(sum(r <= now for r in reports))
        rows["answered"].append(next((j for j, t in enumerate(ts_ns) if t >= answer), INFINITE))
    return rows


DELAYS = st.one_of(
    st.builds(Constant, st.integers(0, 60)),
    st.builds(LogNormal, st.integers(0, 40), st.floats(0, 1.5), st.integers(0, 9)),
    st.builds(Recorded, st.floats(0, 2), st.integers(-20, 20)),
)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 10_000), DELAYS, DELAYS, DELAYS, DELAYS, st.integers(1, 7))
def test_the_timeline_is_that_of_plain_integers(seed, place, amend, cancel, response, block):
    rng = np.random.default_rng(seed)
    exch_ts = np.cumsum(rng.integers(0, 12, int(rng.integers(1, 40)))).astype(np.int64)
    ts_ns = np.cumsum(rng.integers(1, 30, 15)).astype(np.int64)
    lag_ns = rng.integers(-5, 40, 15).astype(np.int64)
    latency = Latency(place=place, amend=amend, cancel=cancel, response=response)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timelines, "_BLOCK", block)
        got = timeline(ts_ns, exch_ts, np.zeros((len(exch_ts), 4), np.int32), latency, 1, lag_ns)
    for name, row in plain(exch_ts, ts_ns, lag_ns, latency).items():
        assert getattr(got, name).tolist() == row, name
        assert getattr(got, name).dtype == np.int32


def test_an_event_is_known_when_its_report_is_back_and_not_before():
    known = of([100], [109, 110, 111], Latency(0, 10)).known
    assert known.tolist() == [0, 1, 1]


def test_on_a_tie_the_markets_event_comes_before_the_arrival():
    time = of([105, 106], [100], Latency(5, 0))
    assert (time.cancel[0], time.amend[0], time.place[0]) == (1, 1, 1)


def test_cancels_amends_and_places_of_one_decision_arrive_in_that_order_whatever_their_delays():
    latency = Latency(place=Constant(1), amend=Constant(5), cancel=Constant(20), response=Constant())
    at = requests_arrive(np.array([100, 200]), np.zeros(2, np.int64), latency)
    assert [row.tolist() for row in at] == [[120, 220]] * 3
    assert of(list(range(90, 300)), [100, 200], latency).one_arrival


def test_a_request_never_overtakes_one_of_its_kind_that_was_sent_before():
    latency = Latency(place=Recorded(), response=Constant())
    at = requests_arrive(np.array([100, 110, 190]), np.array([50, 5, 5]), latency)
    assert at.place.tolist() == [150, 150, 195]


def test_a_report_never_overtakes_an_earlier_one():
    # the first event is reported 40 later, the second one by itself 2 later
    time = of([100, 110], [99, 105, 125, 140, 141], Latency(response=Recorded(), place=Constant()), [40, 2, 2, 2, 2])
    assert time.known.tolist() == [0, 0, 0, 2, 2]


def test_an_answer_waits_for_the_reports_of_what_came_before_it():
    latency = Latency(place=Constant(10), response=Recorded())
    time = of([100, 106], [99, 105, 125, 140, 141], latency, [40, 2, 2, 2, 2])
    assert time.answered.tolist() == [3, 3, 3, INFINITE, INFINITE]


def test_a_request_is_prompt_where_its_answer_is_back_by_the_next_decision():
    assert of([0], [100, 120, 140], Latency(10, 10)).prompt
    assert not of([0], [100, 120, 140], Latency(10, 11)).prompt


def test_an_event_between_a_cancel_and_its_place_makes_two_arrivals():
    latency = Latency(place=Constant(10), cancel=Constant(5), amend=Constant(5))
    assert not of([107], [100], latency).one_arrival
    assert of([105], [100], latency).one_arrival


def test_a_tape_without_events_still_answers():
    time = of([], [100, 120, 140], Latency(10, 10))
    assert time.answered.tolist() == [1, 2, INFINITE]
    assert time.known.tolist() == [0, 0, 0]


NONE = [Constant(0), LogNormal(0, 1.2, 3), Recorded(0.0), Recorded(1.0, -(10**9))]


@pytest.mark.parametrize("none", NONE, ids=lambda delay: delay.name)
def test_zero_of_each_kind_is_no_latency_bit_for_bit(none):
    tape = random_tape(np.random.default_rng(1), 400, 7, 60)
    lag = np.random.default_rng(2).integers(0, 50, 60)
    without = timeline(tape.ts_ns, tape.exch_ts, tape.event, Latency(), 5)
    latency = Latency(place=none, amend=none, cancel=none, response=none)
    for one, other in zip(timeline(tape.ts_ns, tape.exch_ts, tape.event, latency, 5, lag), without, strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    assert (without.known == without.place).all()


def test_a_log_normal_without_spread_is_its_median():
    steady = Latency(place=LogNormal(20, 0.0, 4), response=LogNormal(9, 0.0, 4))
    tape = random_tape(np.random.default_rng(1), 400, 7, 60)
    arrays = (tape.ts_ns, tape.exch_ts, tape.event)
    for one, other in zip(timeline(*arrays, steady, 5), timeline(*arrays, Latency(20, 9), 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_draws_are_log_normal_and_differ_between_seeds_and_directions():
    moments = np.arange(10**17, 10**17 + 100_000 * 1000, 1000)
    draws = LogNormal(10 * MS, 0.5, 7).at(moments, moments, REQUEST)
    logs = np.log(draws / (10 * MS)) / 0.5
    assert abs(logs.mean()) < 0.02
    assert abs(logs.std() - 1) < 0.02
    share = [(np.abs(logs) < z).mean() for z in (1, 2, 3)]
    np.testing.assert_allclose(share, [math.erf(z / 2**0.5) for z in (1, 2, 3)], atol=0.01)
    assert abs(np.corrcoef(logs[1:], logs[:-1])[0, 1]) < 0.02
    others = [LogNormal(10 * MS, 0.5, seed).at(moments, moments, s) for seed, s in ((8, 0), (7, RESPONSE), (7, FEED))]
    for other in others:
        assert abs(np.corrcoef(logs, np.log(other))[0, 1]) < 0.02
    np.testing.assert_array_equal(draws, LogNormal(10 * MS, 0.5, 7).at(moments, moments, REQUEST))


def test_a_part_of_the_moments_has_the_draws_of_the_whole():
    moments, delay = np.arange(0, 10**6, 999), LogNormal(5 * MS, 0.7, 1)
    whole = delay.at(moments, moments, REQUEST)
    np.testing.assert_array_equal(delay.at(moments[37:61][::-1], moments[:24], REQUEST), whole[37:61][::-1])


def test_requests_under_one_log_normal_have_one_draw_a_decision():
    latency = Latency(place=LogNormal(10, 1.0, 3), response=Constant())
    cancel, amend, place = requests_arrive(np.arange(0, 900, 9), np.zeros(100, np.int64), latency)
    np.testing.assert_array_equal(cancel, place)
    np.testing.assert_array_equal(amend, place)


def test_recorded_latency_without_a_lag_is_refused():
    with pytest.raises(InputError, match="no lag of a feed"):
        of([1], [2], Latency(place=Recorded(), response=Constant()))


def test_windows_are_those_of_the_venues_clock_from_the_first_on():
    ts_ns = np.array([80, 95, 110, 290])
    windows = request_windows(ts_ns, np.zeros(4, np.int64), Latency(10, 0), 100)
    assert windows.tolist() == [0, 1, 1, 3]
    assert windows.dtype == np.int32
    with pytest.raises(InputError, match="use longer ones"):
        request_windows(np.array([0, 10**12]), np.zeros(2, np.int64), Latency(), 1)


# --- recordings ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(shared_data, tmp_path_factory):
    """(store, tape) of a recording with its clock mended."""
    folder = tmp_path_factory.mktemp("recorded")
    instrument = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
    file = shared_data / "binance_usdm" / "btcusdt_20240808.gz"
    import_recording([file], "binance", instrument, folder / "store", fix_clock=True)
    store = open_store(folder / "store")
    return store, build_tape(store, folder / "tape", "100ms", 5)


def test_the_lag_of_a_decision_is_that_of_the_latest_row_received(recorded):
    store, tape = recorded
    columns = list(store.batches(columns=["exch_ts", "recv_ts", "kind"]))
    exch, recv, kind = (np.concatenate([b.column(name).to_numpy() for b in columns]) for name in range(3))
    told = np.isin(kind, (0, 1))  # trades and changes of the book
    exch, recv = exch[told], recv[told]
    assert (np.diff(recv) >= 0).all()
    latest = np.searchsorted(recv, tape.ts_ns, side="right") - 1
    np.testing.assert_array_equal(tape.lag_ns, (recv - exch)[latest])
    assert 0 <= np.median(tape.lag_ns) < 100 * MS


def test_a_recordings_own_lag_is_replayed_both_ways(recorded):
    _, tape = recorded
    latency = Latency.parse("recorded,recorded(2.0,1ms)")
    time = timeline(tape.ts_ns, tape.exch_ts, tape.event, latency, 5, tape.lag_ns)
    arrival = np.maximum.accumulate(tape.ts_ns + tape.lag_ns)
    np.testing.assert_array_equal(time.place, np.searchsorted(tape.exch_ts, arrival, side="right"))
    assert time.one_arrival
    for k in range(0, tape.decisions, 997):
        response = 2 * tape.lag_ns[max(k - 1, 0)] + MS
        assert time.known[k] <= np.searchsorted(tape.exch_ts, tape.ts_ns[k] - MS, side="right")
        assert abs(int(tape.exch_ts[max(time.known[k] - 1, 0)]) + response - int(tape.ts_ns[k])) < 2000 * MS


# --- spelling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "latency"),
    [
        ("10ms", Latency(10 * MS, 10 * MS)),
        ("5ms,20ms", Latency(5 * MS, 20 * MS)),
        ("1.5us, 3ns", Latency(1500, 3)),
        ("entry=5ms,response=9ms", Latency(5 * MS, 9 * MS)),
        (
            "place=10ms,amend=8ms,cancel=5ms,response=lognormal(10ms,0.5,7)",
            Latency(
                place=Constant(10 * MS),
                amend=Constant(8 * MS),
                cancel=Constant(5 * MS),
                response=LogNormal(10 * MS, 0.5, 7),
            ),
        ),
        (
            "entry=recorded(1.5,-2ms),cancel=1ms,response=recorded",
            Latency(place=Recorded(1.5, -2 * MS), cancel=Constant(MS), amend=None, response=Recorded()),
        ),
    ],
)
def test_a_latency_is_read_as_it_is_written(text, latency):
    assert Latency.parse(text) == latency
    assert Latency.parse(latency.name) == latency


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10", "such as 10ms"),
        ("-1ms", "cannot be negative"),
        ("lognormal(10ms)", "lognormal"),
        ("lognormal(10ms,-1)", "cannot be negative"),
        ("lognormal(10ms,9)", "smaller sigma"),
        ("lognormal(10ms,nan)", "cannot be negative"),
        ("recorded(-1)", "from 0 to 1000"),
        ("recorded(1", "such as 10ms"),
        ("1ms,2ms,3ms", "entry,response"),
        ("place=1ms", "response="),
        ("cancel=1ms,response=1ms", "place="),
        ("delay=1ms,response=1ms", "'delay=1ms'"),
        ("place=1ms,place=2ms,response=1ms", "'place=2ms'"),
        ("place=1ms,2ms", "'2ms'"),
        ("999999999999s", "18 years"),
        ("", "such as 10ms"),
    ],
)
def test_a_wrong_latency_is_refused_with_what_would_be_right(text, says):
    with pytest.raises(InputError, match="latency") as error:
        Latency.parse(text)
    assert says in str(error.value)


def test_a_delay_that_is_not_one_constant_has_no_single_number():
    with pytest.raises(InputError, match="one constant"):
        _ = Latency.parse("lognormal(1ms,0.5)").entry_ns
    with pytest.raises(InputError, match="no constant"):
        _ = Latency.parse("1ms,recorded").response_ns


@given(DELAYS)
def test_a_delays_name_reads_back_as_itself(delay):
    if not isinstance(delay, Constant):
        delay = type(delay)(*(round(v, 3) if isinstance(v, float) else v for v in vars(delay).values()))
    assert parse_delay(delay.name, "latency") == delay
