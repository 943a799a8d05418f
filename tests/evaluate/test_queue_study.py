"""The queue study: its truth against an exchange that holds our order, its guesses against plain arithmetic."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.data.bitstamp import Log
from jaxmm.data.fifo import ADD, EXECUTE, Clean, clean
from jaxmm.evaluate.queue_guess import guess, guesses
from jaxmm.evaluate.queue_pages import pages, pictures, put_into
from jaxmm.evaluate.queue_study import LEVEL, Part, Settings, _ratio, _score, _weights, fit_exponent, study, surprise
from jaxmm.evaluate.queue_study import _day as day_of
from jaxmm.evaluate.queue_truth import NEVER, Orders, Queues, Truth, _orders, place_orders, queues_of, truth_of
from jaxmm.exchange.types import FillModel, QueueModel
from tests.data.order_logs import ASK, BID, DAY, Exchange, Lines, random_flow, recorded_day

ALL = ("penetration", "risk_averse", "power(2)", "power2(2)", "power3(3)", "log", "log2", "touch")
LONG_MS = 10**9


def order_in(found: Clean, messages_before: int, side: int, ticks: int) -> tuple[Queues, Orders]:
    """One hypothetical order that joins after so many messages."""
    queues = queues_of(found.events)
    event = np.searchsorted(found.events.message, messages_before)
    placed = found.events.recv_ms[event - 1]
    one = (np.array([value]) for value in (placed, event, side, ticks, 1))
    return queues, _orders(queues, *one, LONG_MS)


def when(queues: Queues, fill: np.ndarray) -> int | None:
    return int(queues.events.recv_ms[fill[0]]) if fill[0] < NEVER else None


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), place_at=st.integers(0, 60), side=st.sampled_from([BID, ASK]))
def test_an_order_truly_fills_when_an_exchange_that_holds_it_fills_it(tmp_path_factory, seed, place_at, side):
    messages = []
    exchange = Exchange()
    place = exchange.place_ours

    def place_and_note(id: int, of: int, ticks: int) -> None:
        messages.append((len(exchange.out.lines), of, ticks))
        place(id, of, ticks)

    exchange.place_ours = place_and_note  # type: ignore[method-assign]
    random_flow(seed, 160, exchange, place_at, side)
    if not messages:
        return
    found = clean(exchange.out.log(tmp_path_factory.mktemp("log")))
    queues, orders = order_in(found, *messages[0])
    truth = truth_of(queues, orders)
    assert when(queues, truth.fill) == exchange.filled_ms
    assert truth.overtaken == 0
    fills = {name: guess(queues, orders, FillModel.parse(name))[0] for name in ALL}
    assert fills["touch"] <= truth.fill[0] <= fills["risk_averse"] <= fills["penetration"]
    assert all(fills["touch"] <= fill <= fills["penetration"] for fill in fills.values())
    for name, fill in fills.items():
        assert fill == plain_guess(found, orders, FillModel.parse(name)), name


def plain_guess(found: Clean, orders: Orders, model: FillModel) -> int:
    """The same in scalars, from the reference's formulas."""
    side, ticks, front = int(orders.side[0]), int(orders.ticks[0]), float(orders.ahead[0])
    sign = 1 if side == BID else -1
    for e in range(int(orders.event[0]), len(found.events.id)):
        code, of, price, lots, now = (int(found.events[i][e]) for i in (2, 3, 4, 5, 8))
        beyond = sign * price < sign * ticks
        if (code == EXECUTE and of == side and beyond) or (code == ADD and of != side and (beyond or price == ticks)):
            return e
        if of != side or price != ticks:
            continue
        if code == EXECUTE:
            front -= lots
            if model.queue is QueueModel.TOUCH or (front <= -0.5 and model.queue is not QueueModel.PENETRATION):
                return e
            front = min(front, now)
        elif code == ADD or not model.queue.probabilistic:
            front = min(front, now)
        else:
            front = min(front - plain_ahead(model, front, now + lots - front, lots), now)
    return NEVER


def plain_ahead(model: FillModel, front: float, back: float, cancelled: float) -> float:
    """Lots that the model takes from ahead of us."""
    if front == back == 0:
        return 0.0
    unit, n = 1e-8, model.n
    p = {
        QueueModel.POWER: lambda: back**n / (back**n + front**n),
        QueueModel.POWER2: lambda: back**n / (back + front) ** n,
        QueueModel.POWER3: lambda: 1 - (front / (front + back)) ** n,
        QueueModel.LOG: lambda: np.log1p(back * unit) / (np.log1p(back * unit) + np.log1p(front * unit)),
        QueueModel.LOG2: lambda: np.log1p(back * unit) / np.log1p((back + front) * unit),
    }[model.queue]()
    return (1 - p) * cancelled - min(back - p * cancelled, 0)


def test_orders_behind_are_told_from_orders_ahead(tmp_path):
    lines = Lines().order("created", 1, BID, 100, 50).order("created", 5, ASK, 110, 10).wait()
    lines.order("created", 2, BID, 100, 30).order("created", 3, BID, 100, 20).wait()
    lines.order("deleted", 2, BID, 100, 30).wait().order("deleted", 1, BID, 100, 50).wait()
    lines.order("created", 6, ASK, 100, 5).order("changed", 3, BID, 100, 15).order("deleted", 6, ASK, 100, 0)
    found = clean(lines.trade(100, 5).log(tmp_path))
    queues, orders = order_in(found, 2, BID, 100)
    truth = truth_of(queues, orders)
    assert (truth.ahead.tolist(), truth.behind.tolist(), truth.lots.tolist()) == ([50, 50], [50, 20], [30, 50])
    assert truth.was_behind.tolist() == [True, False]
    assert when(queues, truth.fill) == found.events.recv_ms[-1]
    assert truth.empty[0] == NEVER
    assert guess(queues, orders, FillModel.parse("risk_averse"))[0] == NEVER  # it still sees 20 lots ahead
    assert guess(queues, orders, FillModel.parse("touch"))[0] == truth.fill[0]


def test_orders_are_placed_on_the_clock_behind_what_is_displayed_and_never_in_flight(tmp_path):
    exchange = Exchange()
    random_flow(3, 400, exchange)
    log = exchange.out.log(tmp_path)
    found = clean(log)
    calm = found.calm.copy()
    calm[: len(calm) // 2] = False
    queues = queues_of(found.events)
    orders, skipped = place_orders(log, found, queues, every_ms=500, ranks=(1, 2), longest_ms=5_000)
    half, more = place_orders(log, found._replace(calm=calm), queues, every_ms=500, ranks=(1, 2), longest_ms=5_000)
    assert more > skipped
    assert len(half.side) < len(orders.side)
    assert orders.placed_ms.min() == log.messages.recv_ms[0] + 5_000
    assert orders.placed_ms.max() <= log.messages.recv_ms[-1] - 5_000
    assert orders.rank.tolist()[:4] == [1, 2, 1, 2]
    best, second = orders.ticks[orders.rank == 1], orders.ticks[orders.rank == 2]
    assert np.array_equal(np.sign(second - best), np.where(orders.side[orders.rank == 1] == BID, -1, 1))
    at = found.events.recv_ms[np.minimum(orders.event, len(found.events.id) - 1)]
    assert (at > orders.placed_ms).all()
    assert (orders.ahead > 0).all()


def test_power_models_with_exponent_one_are_one_model(tmp_path):
    log, found = busy(tmp_path)
    queues = queues_of(found.events)
    orders, _ = place_orders(log, found, queues, every_ms=300, ranks=(1, 2), longest_ms=20_000)
    first, *others = [guesses(queues, orders, model, np.array([1.0])) for model in QueueModel if model.has_exponent]
    assert (first < orders.through[:, None]).any()
    assert all(np.array_equal(first, other) for other in others)


def busy(folder, seed: int = 11, steps: int = 3000) -> tuple[Log, Clean]:
    exchange = Exchange()
    random_flow(seed, steps, exchange)
    log = exchange.out.log(folder)
    return log, clean(log)


SMALL = Settings(
    every_s=1, ranks=(1, 2), horizons_s=(1, 5), longest_s=20, fit_until_h=0.08, score_from_h=0.09, block_s=20, draws=50
)


def test_the_study_splits_in_time_with_a_gap_that_no_outcome_crosses(tmp_path):
    log, found = busy(tmp_path)
    day = day_of(log, found, SMALL)
    fit, score = (day.orders.placed_ms[part.orders] for part in (day.fit, day.score))
    assert fit.max() + 1000 * SMALL.longest_s < score.min()
    assert day.score.block[day.score.orders].min() == 0
    assert Settings().score_from_h - Settings().fit_until_h >= Settings().longest_s / 3600


def test_the_study_is_the_same_each_time_and_its_pages_are_made_of_its_json(tmp_path):
    log, found = busy(tmp_path)
    results = study(log, found, SMALL)
    again = json.loads(json.dumps(study(log, found, SMALL)))
    assert again == json.loads(json.dumps(results))
    parts = pages({"made": "2026-01-01", **again})
    page = "".join(f"<!-- study: {name} -->\nold\n<!-- end -->\n" for name in parts)
    written = put_into(page, parts)
    assert "\nold\n" not in written
    assert put_into(written, parts) == written
    with pytest.raises(ValueError, match="no part"):
        put_into("", parts)
    assert set(pictures(again)) == {"queue_study_errors.png", "queue_study_cancellations.png"}
    touch = {row["model"]: row for row in again["scores"] if row["group"] == "rank 1" and row["horizon"] == 5}
    assert touch["risk_averse"]["false_fills"][1] == touch["touch"]["missed_fills"][1] == 0
    assert touch["touch"]["false_fills"][1] > 0 < touch["penetration"]["missed_fills"][1]


def test_scores_count_false_missed_and_late_fills(tmp_path):
    log, found = busy(tmp_path)
    day = day_of(log, found, SMALL)
    count = len(day.orders.side)
    everyone = Part(np.ones(count, dtype=np.bool_), np.arange(count) // 10)
    ms = day.queues.events.recv_ms
    ends = np.searchsorted(ms, day.orders.placed_ms + 2_000)
    true = np.where(np.arange(count) % 2 == 0, ends, NEVER)
    day = day._replace(truth=day.truth._replace(fill=true), score=everyone)
    early = np.searchsorted(ms, day.orders.placed_ms + 1_000)
    of = everyone.orders
    same, none, always = (_score(day, of, 10, fill, true) for fill in (true, np.full(count, NEVER), early))
    assert (same["wrong"][1], same["cut_error_s"][1], same["same_time"][1]) == (0, 0, 1)
    assert (
        none["missed_fills"][1] == none["wrong"][1] == none["wrong_less_risk_averse"][1] == pytest.approx(0.5, abs=0.01)
    )
    assert (none["false_fills"][1], always["missed_fills"][1]) == (0, 0)
    assert always["false_fills"][1] == pytest.approx(0.5, abs=0.01)
    assert -1.5 < always["late_s"][1] < -0.5
    assert none["cut_error_s"][1] == pytest.approx(4, abs=0.3)


def test_intervals_come_from_drawing_blocks_again():
    weights = _weights(Settings(draws=4000), 25)
    assert np.array_equal(weights.sum(axis=1), np.full(4000, 25.0))
    rng = np.random.default_rng(0)
    of_block = rng.normal(size=25)
    block = np.repeat(np.arange(25), 40)
    low, middle, high = _ratio(of_block[block], np.ones(1000), block, weights)
    assert middle == pytest.approx(of_block.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * of_block.std() / 5, rel=0.1)  # not the 1,000 that stand in blocks


def test_the_likeliest_exponent_is_the_one_that_made_the_cancellations(tmp_path):
    log, found = busy(tmp_path)
    day = day_of(log, found, SMALL)
    rng = np.random.default_rng(5)
    count = 20_000
    ahead, behind = rng.integers(1, 1000, size=(2, count))
    share = behind / (ahead + behind)
    fitted = {}
    for model, p in ((QueueModel.POWER2, share**0.7), (QueueModel.POWER3, 1 - (1 - share) ** 2.5)):
        order = rng.choice(np.flatnonzero(day.fit.orders), count)
        truth = Truth(day.truth.fill, day.truth.empty, 0, order, ahead, behind, ahead, rng.random(count) < p)
        both = day._replace(truth=truth, score=day.fit)
        fitted[model] = fit_exponent(both, model)
        assert surprise(model, 0.7, truth, day.fit.orders).shape == (count, 1)
    assert fitted[QueueModel.POWER2]["n"] == pytest.approx(0.7, abs=0.05)
    assert fitted[QueueModel.POWER3]["n"] == pytest.approx(2.5, abs=0.15)
    assert all(fit["low"] <= fit["n"] <= fit["high"] for fit in fitted.values())


def test_on_the_recorded_day_the_venue_is_first_in_first_out_and_the_bounds_hold(shared_data):
    log, found = recorded_day(shared_data / DAY)
    results = study(log, found, replace(Settings(), every_s=60, ranks=(1,), draws=50))
    assert results["orders"]["overtaken"] == 0
    assert 0.85 < results["cancellations"]["fit"]["behind"] < 0.97
    rows = {(row["model"], row["horizon"]): row for row in results["scores"] if row["group"] == "rank 1"}
    for horizon in (10, 60, 300, LEVEL):
        for never_false in ("penetration", "risk_averse"):
            assert rows[never_false, horizon]["false_fills"][1] == 0
        assert rows["touch", horizon]["missed_fills"][1] == 0
    assert rows["touch", 60]["false_fills"][1] > 0.1
    assert rows["penetration", 60]["missed_fills"][1] > rows["risk_averse", 60]["missed_fills"][1]
