"""Windows = events on whole recordings: every model, both size modes, resting only and taking."""

import jax
import numpy as np
import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.replay import replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.exchange.window import window_replay_of
from jaxmm.exchange.window_table import MODELS, Levels
from jaxmm.tape.tape import Tape
from tests.exchange.streams import Table, run_engine, stack

LATENCY = Latency(10_000_000, 10_000_000)
LEVELS = Levels(behind=100, inside=400, offers=40)
MONEY = ("position", "bought", "sold", "pnl", "bid_quote", "ask_quote", "maker_notional", "taker_notional")


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


@pytest.mark.parametrize("kind", [OrderType.POST_ONLY, OrderType.GTC], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize(
    "model", [FillModel(q, p) for q in MODELS for p in (False, True)], ids=lambda model: model.name
)
def test_windows_fill_what_events_fill_on_a_whole_recording(recorded, model, kind):
    rules = stack([Rules.of(model, kind)])
    table = stack([quotes_near(recorded, 1)])
    replays = (replay_of(recorded, LATENCY, 500), window_replay_of(recorded, LATENCY, model, LEVELS))
    event, window = (jax.tree.map(np.asarray, run_engine(stack([one]), table, rules)) for one in replays)
    assert event.outside.sum() == 0
    outside = np.flatnonzero(window.outside[0])
    until = outside[0] if len(outside) else recorded.decisions
    assert until == recorded.decisions, f"a lookup left the levels at decision {until}"
    for field in MONEY:
        np.testing.assert_array_equal(getattr(window, field)[0], getattr(event, field)[0], err_msg=field)
    assert (event.bought + event.sold > 0).sum() > 50
