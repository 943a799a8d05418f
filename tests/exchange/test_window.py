"""The window engine against the event engine, lot for lot, on random markets: every model, order type and latency."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.exchange.latency import Constant, Latency, LogNormal
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.timeline import timeline
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from jaxmm.exchange.window import WindowReplay, on_device, window_replay_of
from jaxmm.exchange.window_table import MODELS, Levels, build_table
from jaxmm.exchange.window_waiting import WaitingReplay
from jaxmm.policy.types import Quotes
from jaxmm.tape.tape import Tape
from tests.exchange.streams import INSTRUMENT, Table, prepare, random_table, random_tape, run_engine, stack

EVENTS, DECISIONS = 600, 60
DELAYS = (0, 1, 3, 20, 60, 200)
TYPES = (OrderType.POST_ONLY, OrderType.GTC, OrderType.IOC, OrderType.FOK)
MODES = [FillModel(queue, partial) for queue in MODELS for partial in (False, True)]
WIDE, NARROW = Levels(60, 60, 12), Levels(6, 3, 3)
MONEY = ("position", "bought", "sold", "pnl", "spread", "maker_notional", "taker_notional", "fee")
QUOTES = ("bid_quote", "ask_quote")


def with_best(tape: Tape) -> Tape:
    """The tape with the exchange's best prices after each event, as a recording's has them."""
    best, book = np.zeros((tape.events, 2), np.int32), ({}, {})
    for i, (code, price, qty, _) in enumerate(tape.event.tolist()):
        if code >= 2:
            book[code - 2].pop(price, None)
            if qty:
                book[code - 2][price] = qty
        best[i] = max(book[0], default=0), min(book[1], default=0)
    return replace(tape, best=best)


def case(seed: int, waits: bool, kind: OrderType = OrderType.POST_ONLY):
    """A random market and quotes, with answers by the next decision or later."""
    rng = np.random.default_rng(seed)
    interval = int(rng.choice([5, 25, 40, 200]))
    tape = with_best(random_tape(rng, EVENTS, interval, DECISIONS))
    pairs = [(e, r) for e in DELAYS for r in DELAYS if (e + r > interval) == waits]
    latency = Latency(*pairs[rng.integers(len(pairs))])
    return tape, random_table(rng, tape), latency, MODES[seed % 6], kind


def both(cases, levels: Levels):
    """Steps of the event engine and of the window engine, of all cases."""
    rules = stack([Rules.of(model, kind) for *_, model, kind in cases])
    tables = stack([table for _, table, *_ in cases])
    events = stack([prepare(tape, latency) for tape, _, latency, *_ in cases])
    windows = stack([window_replay_of(tape, latency, model, levels) for tape, _, latency, model, _ in cases])
    return tuple(jax.tree.map(np.asarray, run_engine(replays, tables, rules)) for replays in (events, windows))


def assert_equal(event, window, i: int, until: int, name: str) -> None:
    """Equal fills, money and quotes before the decision `until`."""
    for field in MONEY + QUOTES:
        mine, theirs = getattr(window, field)[i, :until], getattr(event, field)[i, :until]
        np.testing.assert_array_equal(mine, theirs, err_msg=f"{name}: {field}")


@pytest.mark.parametrize("waits", [False, True], ids=["prompt", "waiting"])
@pytest.mark.parametrize("batch", range(8))
def test_windows_fill_what_events_fill(batch, waits):
    seeds = range(66 * batch, 66 * (batch + 1))
    cases = [case(seed, waits, TYPES[batch % 4]) for seed in seeds]
    event, window = both(cases, WIDE)
    exact = 0
    for i, seed in enumerate(seeds):
        outside = np.flatnonzero(window.outside[i])
        assert_equal(event, window, i, outside[0] if len(outside) else DECISIONS, f"seed {seed}, {cases[i][2:]}")
        exact += not len(outside)
    assert exact >= 50
    assert event.bought.sum() + event.sold.sum() > 200
    assert event.bid.taking.lots.sum() + event.ask.taking.lots.sum() > 10


@pytest.mark.parametrize("waits", [False, True], ids=["prompt", "waiting"])
@pytest.mark.parametrize("batch", range(2))
def test_where_few_levels_are_held_nothing_differs_before_the_counter_says_so(batch, waits):
    seeds = range(1000 + 60 * batch, 1000 + 60 * (batch + 1))
    cases = [case(seed, waits, TYPES[batch]) for seed in seeds]
    event, window = both(cases, NARROW)
    compared = 0
    for i, seed in enumerate(seeds):
        outside = np.flatnonzero(window.outside[i])
        until = outside[0] if len(outside) else DECISIONS
        assert_equal(event, window, i, until, f"seed {seed}, {cases[i][2:]}")
        compared += until
    assert window.outside.any(axis=1).mean() > 0.3
    assert compared > 5 * len(cases)


def run_away(traded: int, partial: bool):
    """A bid at 1000 is replaced once the best is 1010, and somebody sells at `traded` before its cancel arrives."""
    book = np.full((4, 2, 1), 1020, np.int32)
    book[:, 0, 0] = 1000, 1010, 1010, 1010
    tape = Tape.from_arrays(
        INSTRUMENT,
        ts_ns=[100, 200, 300, 400],
        book_price=book,
        book_qty=np.full_like(book, 5),
        exch_ts=[0, 0, 150, 205],
        event=[(2, 1000, 5, 0), (3, 1020, 5, 0), (2, 1010, 5, 0), (0, traded, 3, 0)],
        best=[(1000, 0), (1000, 1020), (1010, 1020), (1010, 1020)],
    )
    zero = np.zeros(4, np.int32)
    table = Table(book[:, 0, 0], zero + 2, zero, zero, zero > 0)
    model = FillModel(QueueModel.TOUCH, partial)
    replay = window_replay_of(tape, Latency(10, 10), model, Levels(behind=3, inside=1))
    steps = run_engine(stack([replay]), stack([table]), stack([Rules.of(model)]))
    return np.asarray(steps.bought)[0].tolist(), np.asarray(steps.outside)[0].tolist()


@pytest.mark.parametrize("partial", [False, True])
def test_an_order_that_the_market_left_behind_is_sure_unless_its_price_is_reached(partial):
    assert run_away(1001, partial) == ([0, 0, 0], [0, 0, 0])
    assert run_away(1000, partial)[1] == [0, 1, 0]
    assert run_away(999, partial) == (([0, 0, 0], [0, 1, 0]) if partial else ([0, 2, 0], [0, 0, 0]))


def test_a_place_in_the_queue_is_carried_over_many_windows():
    rng = np.random.default_rng(5)
    tape = with_best(random_tape(rng, 1500, 5, 120))
    table = random_table(rng, tape)
    bid, ask = int(np.min(tape.book_price[:, 0, 0])), int(np.max(tape.book_price[:, 1, 0]))
    still = table._replace(
        bid=np.full_like(table.bid, bid),
        ask=np.full_like(table.ask, ask),
        bid_lots=np.full_like(table.bid_lots, 4),
        ask_lots=np.full_like(table.ask_lots, 4),
        flatten=np.zeros_like(table.flatten),
    )
    cases = [(tape, still, Latency(1, 2), model, OrderType.POST_ONLY) for model in MODES]
    event, window = both(cases, Levels(80, 80))
    for i, model in enumerate(MODES):
        assert_equal(event, window, i, tape.decisions, model.name)
    waited = [np.flatnonzero(lots)[0] for lots in (*event.bought, *event.sold) if lots.any()]
    assert len(waited) > 2
    assert max(waited) > 10  # decisions from the order to its first fill


def test_delays_drawn_anew_move_only_the_cuts():
    tapes = [with_best(random_tape(np.random.default_rng(seed), EVENTS, 400, DECISIONS)) for seed in range(12)]
    latency = Latency(place=LogNormal(30.0, 0.8, 1), response=LogNormal(20.0, 0.5, 2))
    cases = [
        (tape, random_table(np.random.default_rng(i), tape), latency, MODES[i % 6], OrderType.GTC)
        for i, tape in enumerate(tapes)
    ]
    prompt = [one for one in cases if isinstance(window_replay_of(one[0], latency, one[3]), WindowReplay)]
    assert len(prompt) > 4
    event, window = both(prompt, WIDE)
    for i, (*_, model, _) in enumerate(prompt):
        outside = np.flatnonzero(window.outside[i])
        assert_equal(event, window, i, outside[0] if len(outside) else DECISIONS, model.name)


def test_zero_latency_is_no_latency():
    tape, table, _, model, kind = case(12, waits=False)
    event, window = both([(tape, table, Latency(), model, kind)], WIDE)
    assert_equal(event, window, 0, DECISIONS, "no latency")


def market() -> Tape:
    return with_best(random_tape(np.random.default_rng(0), EVENTS, 40, DECISIONS))


@pytest.mark.parametrize("name", ["power3(3)", "power(2)", "power2(1)", "log", "log2"])
def test_a_queue_model_that_does_not_compose_is_refused_by_name(name):
    with pytest.raises(InputError, match=f"{name.split('(')[0]}.*event engine"):
        build_table(market(), Latency(), FillModel.parse(name))


def test_probabilistic_rules_are_refused_where_orders_are_made():
    replay = window_replay_of(market(), Latency(), FillModel())
    with pytest.raises(InputError, match="power3"):
        replay.empty_venue(Rules.of(FillModel.parse("power3(3)")))


def test_several_orders_a_side_are_refused():
    for latency in (Latency(), Latency(60, 60)):
        with pytest.raises(InputError, match="one order a side, not 2"):
            window_replay_of(market(), latency, FillModel()).empty_venue(Rules.of(FillModel()), orders=2)


def test_requests_that_arrive_apart_are_refused():
    latency = Latency(place=Constant(20), cancel=Constant(1), response=Constant(0))
    with pytest.raises(InputError, match="arrive apart"):
        build_table(market(), latency, FillModel())


def test_a_fill_that_is_reported_before_its_acceptance_is_refused(monkeypatch):
    def overtaking(*arguments):
        time = timeline(*arguments)
        return time._replace(known=time.place + np.int32(1))

    monkeypatch.setattr("jaxmm.exchange.window_table.timeline", overtaking)
    with pytest.raises(InputError, match="before the order's acceptance"):
        build_table(market(), Latency(60, 60), FillModel())


def test_a_table_of_another_kind_of_model_shows_in_the_counter_at_every_decision():
    tape, table, latency, *_ = case(0, waits=False)
    made, asked = FillModel(QueueModel.TOUCH), FillModel(QueueModel.TOUCH, partial=True)
    replays = stack([window_replay_of(tape, latency, made, WIDE)])
    steps = run_engine(replays, stack([table]), stack([Rules.of(asked)]))
    assert (np.asarray(steps.outside) >= 1).all()


def test_one_decision_is_no_market_to_replay():
    with pytest.raises(InputError, match="at least 2"):
        build_table(market().slice(0, 1), Latency(), FillModel())


def test_prices_that_span_more_than_memory_are_refused():
    tape = market()
    far = tape.book_price.copy()
    far[-1] += 1 << 27
    with pytest.raises(InputError, match="coarser tick_size"):
        build_table(replace(tape, book_price=far), Latency(), FillModel())


def test_volumes_that_leave_the_integers_are_refused():
    tape = market()
    event = tape.event.copy()
    event[event[:, 0] < 2, 2] = 1 << 29
    with pytest.raises(InputError, match="coarser lot_size"):
        build_table(replace(tape, event=event), Latency(), FillModel(), WIDE)


@pytest.mark.parametrize(
    ("latency", "kind", "most"), [(Latency(), WindowReplay, 24), (Latency(60, 60), WaitingReplay, 104)]
)
def test_an_environment_holds_few_bytes_of_orders(latency, kind, most):
    replay = window_replay_of(market(), latency, FillModel())
    assert isinstance(replay, kind)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(replay.empty_venue(Rules.of(FillModel())))) <= most


def test_a_window_of_24_levels_a_side_fits_a_kibibyte():
    table = build_table(market(), Latency(), FillModel(), Levels(20, 4))
    assert table.answered is None
    assert table.bytes_per_decision <= 1024


def test_a_table_built_into_files_is_the_one_built_in_memory(tmp_path):
    tape = market()
    for i, latency in enumerate((Latency(3, 3), Latency(60, 60))):
        folder = tmp_path / str(i)
        folder.mkdir()
        filed = build_table(tape, latency, FillModel(), NARROW, folder)
        held = build_table(tape, latency, FillModel(), NARROW)
        assert isinstance(filed.rows, np.memmap)
        for name in ("head", "rows", "offers"):
            np.testing.assert_array_equal(getattr(filed, name), getattr(held, name))
        on_device(filed, tape, latency)


def test_blocks_of_decisions_leave_no_seam(monkeypatch):
    tape = market()
    whole = build_table(tape, Latency(3, 3), FillModel(), WIDE)
    monkeypatch.setattr("jaxmm.exchange.window_table.BLOCK_DECISIONS", 7)
    cut = build_table(tape, Latency(3, 3), FillModel(), WIDE)
    for name in ("head", "rows", "offers"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))


def test_a_step_has_no_loop_and_stays_in_32_bits():
    tape, *_ = case(0, waits=False)
    quotes = Quotes(jnp.int32(995), jnp.int32(2), jnp.int32(1005), jnp.int32(2), jnp.asarray(False))
    for latency in (Latency(), Latency(60, 60)):
        replay, rules = window_replay_of(tape, latency, FillModel(), WIDE), Rules.of(FillModel())
        with jax.enable_x64(True):
            traced = jax.make_jaxpr(replay.step)(replay.empty_venue(rules), jnp.int32(0), quotes, jnp.int32(1), rules)
        assert "while" not in str(traced)
        assert all(value.dtype.itemsize <= 4 for value in traced.out_avals)
