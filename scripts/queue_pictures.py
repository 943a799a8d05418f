"""The picture of docs/models/queues.md; ./.venv/bin/python scripts/queue_pictures.py [docs/models]

Everything that a marker or a bar shows was played in the matching engine; lines are exact.
"""

import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmm.envs.queue_market import QueueMarket, State, default_params, standing
from jaxmm.evaluate.drawing import BUY, COLOURS, INK, SELL, canvas, save_png
from jaxmm.markets.matching import NO_ID, by_side
from jaxmm.markets.queue_flow import UNIFORMS, Flow, Market, open_market, queue_reactive, random_event
from jaxmm.markets.queue_races import balanced_flow, races
from jaxmm.solve.queue_race import balanced_up, queue_sizes

RUNS = 8_000
SIZES = np.arange(31)
LIMIT = np.where(SIZES < 30, 1.2 / (1 + 0.04 * SIZES), 0.0)
CANCEL = 0.12 * SIZES**0.8
MARKET = np.where(SIZES > 0, 0.25 + 0.5 * np.exp(-SIZES / 4), 0.0)
STEPS = 150
AT_BEST, EVENTS = 2, 10  # number of the offset 0 among the default ones, from 1


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/models")
    save_png(picture(), folder / "queues.png")
    print(folder / "queues.png")


def picture() -> Figure:
    figure, axes = canvas(2, 2, height=7.4, width=10.0)
    draw_races(axes[0])
    draw_sizes(axes[1])
    draw_prices(axes[2])
    draw_queue(axes[3], axes[2])
    return figure


def draw_races(axes: Axes) -> None:
    asks, bids = (1, 2, 3, 5), np.arange(1, 9)
    queues = [(int(n), p) for p in asks for n in bids]
    played = races(balanced_flow(), queues, RUNS, jax.random.key(0), largest=64)
    for i, p in enumerate(asks):
        axes.plot(bids, [balanced_up(int(n), p) for n in bids], color=COLOURS[i], linewidth=1.2)
        mine = played[i * len(bids) : (i + 1) * len(bids)]
        errors = [4 * race.standard_error for race in mine]
        axes.errorbar(bids, [race.probability for race in mine], errors, fmt="o", ms=3.5, color=COLOURS[i])
        axes.annotate(f"p = {p}", (8, mine[-1].probability), (5, 0), textcoords="offset points", color=COLOURS[i])
    axes.set(title="The price goes up", xlabel="n, lots at the best bid", ylabel="P(up)", xlim=(0.6, 9.2))


def draw_sizes(axes: Axes) -> None:
    flow = queue_reactive(LIMIT[None], CANCEL[None], MARKET[None])
    start = open_market(64, np.array([5]), np.array([5]), 0)
    markets = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[..., None], (*leaf.shape, 256)), start)
    lots, waits = sizes_of(markets, flow, jax.random.key(1))
    here, lasts = np.asarray(lots)[400:-1], np.asarray(waits)[401:]
    share = np.bincount(here.ravel(), np.repeat(lasts[:, None], 2, axis=1).ravel(), minlength=31)
    axes.bar(SIZES, share / share.sum(), color=COLOURS[4], label="played")
    axes.plot(SIZES, queue_sizes(LIMIT, CANCEL + MARKET), "o", ms=3, color=INK, label="exact")
    axes.set(title="Sizes of a queue-reactive queue", xlabel="lots", ylabel="share of the time")
    axes.legend()


@jax.jit
def sizes_of(markets: Market, flow: Flow, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lots a side after each event, and the seconds before it."""
    shape = markets.next_id.shape
    nobody = jnp.full((1, *shape), NO_ID)

    def one(markets: Market, key_event: jax.Array) -> tuple[Market, tuple]:
        uniforms = jax.random.uniform(key_event, (UNIFORMS, *shape), jnp.float32)
        markets, event = random_event(markets, flow, nobody, uniforms)
        return markets, (by_side(markets.book.lots).sum(axis=1, dtype=jnp.int32), event.wait)

    return jax.lax.scan(one, markets, jax.random.split(key, 4000))[1]


@partial(jax.jit, static_argnums=0)
def episode(env: QueueMarket, key: jax.Array) -> tuple:
    """Joins the best on both sides at every step: states, fills and standing orders."""
    params = default_params()
    count = params.offsets.shape[0] + 1

    def one(state: State, key_step: jax.Array) -> tuple[State, tuple]:
        _, state, reward, _, info = env.step_env(key_step, state, jnp.int32(AT_BEST * count + AT_BEST), params)
        return state, (state, standing(state.market.book, state.own), reward, info)

    state = env.reset_env(key, params)[1]
    return jax.lax.scan(one, state, jax.random.split(key, STEPS))[1]


def draw_prices(axes: Axes) -> None:
    state, ours, _, info = jax.tree.map(np.asarray, episode(QueueMarket(EVENTS), jax.random.key(4)))
    seconds = np.cumsum(info["seconds"])
    start = state.start_mid[0] // 2
    touch, price = state.touch - start, ours.price - float(start)
    axes.fill_between(seconds, touch[:, 0], touch[:, 1], step="post", color=COLOURS[4], alpha=0.25, linewidth=0)
    for side, colour, filled, name in ((0, BUY, info["bought"], "bid"), (1, SELL, info["sold"], "ask")):
        quoted = np.where(ours.lots[:, side] > 0, price[:, side], np.nan)
        axes.step(seconds, quoted, where="post", color=colour, linewidth=1.2, label=f"our {name}")
        at = np.flatnonzero(filled)
        before = touch[np.maximum(at - 1, 0), side]  # it joined the best known when the step began
        axes.plot(seconds[at], before, "o", ms=4, color=colour)
    axes.set(title="Joining the best: quotes, fills (dots)", xlabel="seconds", ylabel="ticks from the start")
    axes.legend(loc="upper left")


def draw_queue(axes: Axes, prices: Axes) -> None:
    state, ours, reward, info = jax.tree.map(np.asarray, episode(QueueMarket(EVENTS), jax.random.key(4)))
    seconds = np.cumsum(info["seconds"])
    ahead = np.where(ours.lots[:, 0] > 0, ours.ahead[:, 0].astype(float), np.nan)
    axes.step(seconds, ahead, where="post", color=BUY, linewidth=1.2, label="lots ahead of our bid")
    axes.step(seconds, state.position, where="post", color=COLOURS[2], linewidth=1.2, label="position, lots")
    axes.plot(seconds, np.cumsum(reward) / 2, color=INK, linewidth=1.2, label="profit, ticks")
    axes.set(title="The same episode: place, position, profit", xlabel="seconds", xlim=prices.get_xlim())
    axes.legend()


if __name__ == "__main__":
    main()
