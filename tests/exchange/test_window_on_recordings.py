"""Windows = events on whole recordings: every model, both size modes, resting only and taking."""

from collections.abc import Callable
from functools import lru_cache

import jax
import numpy as np
import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import Step
from jaxmm.exchange.replay import replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.exchange.window import WindowReplay, window_replay_of
from jaxmm.exchange.window_table import MODELS, Levels
from jaxmm.tape.tape import Tape
from tests.exchange.streams import Table, run, run_rules, stack

LATENCY = Latency(10_000_000, 10_000_000)
LEVELS = Levels(behind=100, inside=400, offers=40)
MODES = [FillModel(queue, partial) for queue in MODELS for partial in (False, True)]
KINDS = (OrderType.POST_ONLY, OrderType.GTC)
MONEY = ("position", "bought", "sold", "pnl", "bid_quote", "ask_quote", "maker_notional", "taker_notional")

run_alone = jax.jit(run)


def quotes_near(tape: Tape, seed: int) -> Table:
    """Quotes at, inside and behind the touch, which stay a while, but not 40 ticks away, and now and then flatten."""
    rng = np.random.default_rng(seed)
    d = tape.decisions
    steps = np.arange(d) - np.arange(d) % 3
    prices = []
    for side, sign in ((0, -1), (1, 1)):
        best = tape.book_price[:, side, 0]
        fresh = best + sign * rng.integers(-2, 6, d)
        still = fresh[steps]
        prices.append(np.where(np.abs(still - best) < 40, still, fresh))
    lots = rng.integers(0, 30, (2, d))[:, steps]
    columns = (prices[0], lots[0], prices[1], lots[1])
    return Table(*(column.astype(np.int32) for column in columns), rng.random(d) < 0.01)


@pytest.fixture(scope="module")
def table(recorded) -> Table:
    """The quotes that both engines are given."""
    return quotes_near(recorded, 1)


@pytest.fixture(scope="module")
def on_events(recorded, table) -> dict[OrderType, Step]:
    """What the event engine makes of each kind of order, all models side by side [M, D − 1]."""
    replay = replay_of(recorded, LATENCY, 500)
    rules = {kind: stack([Rules.of(model, kind) for model in MODES]) for kind in KINDS}
    return {kind: jax.tree.map(np.asarray, run_rules(replay, table, of)) for kind, of in rules.items()}


@pytest.fixture(scope="module")
def folded(recorded) -> Callable[[FillModel], WindowReplay]:
    """The recording folded for a model; the last one is kept, for the next kind of order."""
    return lru_cache(maxsize=1)(lambda model: window_replay_of(recorded, LATENCY, model, LEVELS))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("model", MODES, ids=lambda model: model.name)
def test_windows_fill_what_events_fill_on_a_whole_recording(recorded, table, on_events, folded, model, kind):
    event = jax.tree.map(lambda leaf: leaf[MODES.index(model)], on_events[kind])
    window = jax.tree.map(np.asarray, run_alone(folded(model), table, Rules.of(model, kind)))
    assert event.outside.sum() == 0
    outside = np.flatnonzero(window.outside)
    until = outside[0] if len(outside) else recorded.decisions
    assert until == recorded.decisions, f"a lookup left the levels at decision {until}"
    for field in MONEY:
        np.testing.assert_array_equal(getattr(window, field), getattr(event, field), err_msg=field)
    assert (event.bought + event.sold > 0).sum() > 50
