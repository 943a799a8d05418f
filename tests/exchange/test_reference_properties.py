"""What holds of the plain venue on any market, under any ladder, limit and latency."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.exchange.latency import Constant, Latency, LogNormal, Recorded
from jaxmm.exchange.limits import Limits, Reject
from jaxmm.exchange.reference import ASK, BID, BUY_TRADE, Event, Outcome, Report, Venue
from jaxmm.exchange.reference_replay import ReferenceReplay
from jaxmm.exchange.timeline import timeline
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from tests.exchange.ladders import MODELS, Case, LadderTable, random_case, reference_run

SEEDS, ORDERS = st.integers(0, 10**6), st.integers(1, 4)
COUNTED = [model for model in MODELS if not model.queue.probabilistic]
FEW = settings(max_examples=60, deadline=None)


class Watched(Venue):
    """A venue that keeps what came in and what went out, and checks itself after every event."""

    watched: "Watched"

    def __init__(self, *args):
        super().__init__(*args)
        Watched.watched = self
        self.placed: dict[int, int] = {}
        self.lots_filled: dict[int, int] = defaultdict(int)
        self.gone: set[int] = set()
        self.by_event: list[tuple[Event, list[Report]]] = []
        self.admitted: list[bool] = []

    def place(self, order_id, side, price, qty, *args, **kwargs):
        reports = super().place(order_id, side, price, qty, *args, **kwargs)
        self.placed[order_id] = qty
        self.admitted.append(kwargs["admitted"])
        return self._seen(reports)

    def amend(self, order_id, total_lots, *, admitted):
        self.admitted.append(admitted)
        return super().amend(order_id, total_lots, admitted=admitted)

    def cancel(self, order_id):
        reports = super().cancel(order_id)
        self.gone.add(order_id)
        return reports

    def on_event(self, event):
        before = {order_id: order.queue_ahead for order_id, order in self.orders.items()}
        reports = super().on_event(event)
        for order_id, order in self.orders.items():
            # below 0, where an estimate may go, the peer's formulas of a "probability" leave [0, 1]
            assert order.queue_ahead <= before[order_id] + 1e-9 or before[order_id] < 0, "queue ahead never grows"
            assert 0 < order.open_lots <= order.total_lots
        self.by_event.append((event, reports))
        return self._seen(reports)

    def _seen(self, reports):
        for report in reports:
            if report.outcome is Outcome.FILLED:
                assert report.order_id not in self.gone, "nothing fills after its cancel was accepted"
                self.lots_filled[report.order_id] += report.qty
        return reports


def watched_run(case: Case) -> tuple[ReferenceReplay, Watched]:
    """A run whose venue keeps all that happens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxmm.exchange.reference_replay.Venue", Watched)
        done = reference_run(*case)
    return done, Watched.watched


@FEW
@given(SEEDS, ORDERS)
def test_quantity_is_conserved(seed, orders):
    done, venue = watched_run(random_case(seed, orders))
    for order_id, lots in venue.lots_filled.items():
        assert lots <= venue.placed[order_id]
    signed = [fill.qty if fill.side == BID else -fill.qty for fill in done.fills]
    known = np.bincount([fill.decision for fill in done.fills], weights=signed, minlength=len(done.views))
    np.testing.assert_array_equal(np.cumsum(known), done.positions)
    resting = sum(report.qty for _, reports in venue.by_event for report in reports)
    assert sum(fill.qty for fill in done.fills if fill.maker) <= resting
    for known_now in done.views:
        assert min(sum(known_now.open_lots, ())) >= 0


@FEW
@given(SEEDS, ORDERS, st.sampled_from([model for model in COUNTED if model.partial]))
def test_the_volume_of_one_event_is_spent_once(seed, orders, model):
    case = random_case(seed, orders)._replace(model=model, order_type=OrderType.POST_ONLY, limits=Limits())
    _, venue = watched_run(case)
    for event, reports in venue.by_event:
        volume = event.qty if event.code <= BUY_TRADE else max(event.qty - event.prev, 0)
        assert sum(report.qty for report in reports) <= volume


@FEW
@given(SEEDS, ORDERS)
def test_a_better_price_is_filled_before_a_worse_one(seed, orders):
    model = FillModel(QueueModel.RISK_AVERSE, partial=True)
    _, venue = watched_run(random_case(seed, orders)._replace(model=model))
    for _, reports in venue.by_event:
        for side, sign in ((BID, -1), (ASK, 1)):
            prices = [sign * report.price for report in reports if report.side == side]
            assert prices == sorted(prices)


@FEW
@given(SEEDS, ORDERS)
def test_nothing_fills_before_the_first_arrival_or_becomes_known_before_its_report(seed, orders):
    case = random_case(seed, orders)
    done, tape = reference_run(*case), case.tape
    time = timeline(tape.ts_ns, tape.exch_ts, tape.event, case.latency, 1, tape.lag_ns)
    answers = np.maximum(time.answered, np.arange(tape.decisions) + 1)
    for fill in done.fills:
        if not fill.maker:
            assert fill.event == -1
            assert fill.decision in answers
            continue
        assert time.known[fill.decision - 1] <= fill.event < time.known[fill.decision]
        price, lots = case.ladders[2 * fill.side : 2 * fill.side + 2]
        wanted = ((price == fill.price) & (lots > 0)).any(axis=1)
        assert time.place[wanted].min() <= fill.event


@FEW
@given(SEEDS, ORDERS)
def test_a_run_is_the_same_every_time(seed, orders):
    one, other = (reference_run(*random_case(seed, orders)) for _ in range(2))
    assert (one.fills, one.rejected, one.views) == (other.fills, other.rejected, other.views)


@FEW
@given(SEEDS, ORDERS, st.sampled_from([Constant(), LogNormal(0, 1.0, 3), Recorded(0.0)]))
def test_no_latency_of_any_kind_is_no_latency(seed, orders, none):
    case = random_case(seed, orders)
    one = reference_run(*case._replace(latency=Latency()))
    other = reference_run(*case._replace(latency=Latency(place=none, amend=none, cancel=none, response=none)))
    assert (one.fills, one.rejected, one.views) == (other.fills, other.rejected, other.views)


@FEW
@given(SEEDS, ORDERS)
def test_only_the_order_of_events_against_requests_and_reports_matters_not_their_times(seed, orders):
    case = random_case(seed, orders)._replace(latency=Latency(7, 4), limits=Limits())
    tape = case.tape
    borders = np.unique(np.concatenate([tape.ts_ns - 4, tape.ts_ns, tape.ts_ns + 7]))
    next_border = np.searchsorted(borders, tape.exch_ts, side="left")
    inside = next_border < len(borders)
    moved = np.where(inside, borders[np.minimum(next_border, len(borders) - 1)], tape.exch_ts)
    assert (moved != tape.exch_ts).any()
    one, other = reference_run(*case), reference_run(*case._replace(tape=replace(tape, exch_ts=moved)))
    assert (one.fills, one.views) == (other.fills, other.views)


@FEW
@given(SEEDS, st.sampled_from(MODELS))
def test_events_that_concern_different_sides_may_come_in_either_order(seed, model):
    finals = []
    for order in ((0, 1), (1, 0)):
        rng = np.random.default_rng(seed)
        venue = Venue(model)
        for side, sign in ((BID, -1), (ASK, 1)):
            for step in range(1, 5):
                venue.on_event(Event(2 + side, 100 + sign * step, int(rng.integers(1, 9)), 0))
            for slot in range(3):
                venue.place(10 * side + slot, side, 100 + sign * int(rng.integers(1, 6)), int(rng.integers(1, 5)))
        shown = venue.book[BID].get(98, 0)
        of_bids = [Event(0, 98, int(rng.integers(1, 9)), 0), Event(2, 98, 0, shown)][int(rng.integers(2))]
        of_asks = Event(1, int(rng.integers(101, 105)), int(rng.integers(1, 9)), 0)
        events = [of_bids, of_asks]
        fills = [report for i in order for report in venue.on_event(events[i])]
        places = {order_id: (o.open_lots, float(o.queue_ahead)) for order_id, o in venue.orders.items()}
        finals.append((sorted(fills, key=lambda report: report.order_id), places, venue.position))
    assert finals[0] == finals[1]


@FEW
@given(SEEDS, ORDERS, st.sampled_from([2, 6]))
def test_a_position_never_passes_its_limit_however_late_we_know(seed, orders, most):
    case = random_case(seed, orders)._replace(limits=Limits(max_position_lots=most))
    case = case._replace(ladders=case.ladders._replace(flatten=np.zeros(case.tape.decisions, bool)))
    done, venue = watched_run(case)
    position, reached = 0, [0]
    for _, reports in venue.by_event:
        for report in reports:
            position += report.qty if report.side == BID else -report.qty
            reached.append(position)
    if case.order_type is OrderType.POST_ONLY:
        assert max(map(abs, reached)) <= most
    assert max(map(abs, done.positions)) <= most


@FEW
@given(SEEDS, ORDERS, st.integers(0, 4))
def test_no_window_of_the_venue_takes_more_requests_than_allowed(seed, orders, most):
    case = random_case(seed, orders)._replace(limits=Limits(max_requests=most, window_ns=10**12))
    done, venue = watched_run(case)
    assert venue.admitted == [True] * min(most, len(venue.admitted)) + [False] * (len(venue.admitted) - most)
    assert {reject.reason for reject in done.rejected} <= {Reject.RATE, Reject.POST_ONLY}


@FEW
@given(SEEDS, st.sampled_from(MODELS), st.sampled_from([OrderType.GTC, OrderType.POST_ONLY]))
def test_one_order_a_side_is_a_ladder_of_one(seed, model, order_type):
    case = random_case(seed, 1)._replace(model=model, order_type=order_type)
    columns = [np.pad(column, ((0, 0), (0, 2))) for column in case.ladders[:4]]
    wide = LadderTable(*columns, case.ladders.flatten)
    one, other = reference_run(*case), reference_run(*case._replace(ladders=wide))
    assert (one.fills, one.positions, one.rejected) == (other.fills, other.positions, other.rejected)


def test_the_random_cases_reach_every_corner():
    refused, kinds, takers, makers, late = set(), set(), 0, 0, 0
    for seed in range(60):
        case = random_case(seed, 1 + seed % 4)
        done = reference_run(*case)
        refused |= {reject.reason for reject in done.rejected}
        kinds |= {case.order_type}
        takers += sum(not fill.maker for fill in done.fills)
        makers += sum(fill.maker for fill in done.fills)
        tape = case.tape
        late += not timeline(tape.ts_ns, tape.exch_ts, tape.event, case.latency, 1, tape.lag_ns).prompt
    assert refused == set(Reject)
    assert kinds == set(OrderType)
    assert min(takers, makers) > 300
    assert 10 < late < 60
