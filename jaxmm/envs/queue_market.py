"""Quoting in a market of queues that reacts to us: our orders stand in the same engine as everyone's.

At each step a discrete action names a price for one bid and one ask, in ticks away from the best price of the others,
or no quote. An order whose price stays keeps its place until it is filled; another price is a cancel and a new order at
the back of its queue. Then a fixed number of the flow's events happen. The flow sees our lots as part of the queues,
trades with them first come, first served, and never cancels them. The reward is Δ(cash + position·mid) in half-ticks a
lot, an exact integer, with the mid of the others' best prices: what we are marked at does not move with our own quotes.

D offsets a side · E events a step · M opening markets · S slots a side of a book.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Environment, Info
from jaxmm.envs.spaces import Box, Discrete
from jaxmm.errors import InputError
from jaxmm.markets.book_reference import Kind
from jaxmm.markets.matching import NO_ID, NO_KEY, Book, Message, Report, by_side
from jaxmm.markets.queue_flow import UNIFORMS, Event, Flow, Market, open_market, poisson, random_event, send

Array = Any
_NONE, _LIMIT, _CANCEL = (np.int32(kind) for kind in (Kind.NONE, Kind.LIMIT, Kind.CANCEL))
_AWAY = np.array([-1, 1], np.int32)
"""Direction of a worse price, of a bid and an ask."""
OBSERVATION = (
    "position",  # of the limit
    "time_left",  # of the episode
    "mid",  # since the episode's start, half-ticks / 10
    "spread",  # of the others, ticks / 5
    "imbalance",  # of the lots at the others' best prices, −1 … 1
    "bid_depth",  # log(1 + lots) at the others' best bid
    "ask_depth",
    "bid_quoted",  # 1 where our bid rests
    "bid_distance",  # of our bid from the others' best, ticks / 5; 0 where there is none
    "bid_ahead",  # log(1 + lots ahead of it in its queue)
    "ask_quoted",
    "ask_distance",
    "ask_ahead",
)
WARM_UP = 2000
"""Events that each opening market has seen."""


class Params(NamedTuple):
    """Traced data."""

    flow: Flow
    openings: Market  # [..., M], markets to start from
    offsets: Array  # int32 [D], ticks behind the others' best price; below 0: before it
    lots: Array  # int32, of an order of ours
    max_position: Array  # int32, lots
    episode_steps: Array  # int32


class State(NamedTuple):
    """One environment."""

    market: Market
    own: Array  # int32 [2], ids of our bid and ask; `NO_ID` where there is none
    touch: Array  # int32 [2], best prices of the others, as last seen
    start_mid: Array  # int32, half-ticks
    position: Array  # int32, lots
    steps: Array  # int32


class Standing(NamedTuple):
    """Our two orders in the book, each [2]: bid, ask."""

    price: Array  # int32, ticks
    lots: Array  # int32, 0 where there is none
    ahead: Array  # int32, lots before ours at its price


@dataclass(frozen=True)
class QueueMarket(Environment[State, Params]):
    """See the module. `events` of the flow happen in a step."""

    events: int = 10

    @property
    def default_params(self) -> Params:
        """Cont, Stoikov & Talreja's rates, quotes up to two ticks behind the best."""
        return default_params()

    def reset_env(self, key: Array, params: Params) -> tuple[Array, State]:
        """A flat start in one of the opening markets."""
        at = jax.random.randint(key, (), 0, params.openings.next_id.shape[-1], jnp.int32)
        market = jax.tree.map(lambda leaf: leaf[..., at], params.openings)
        nobody = jnp.full(2, NO_ID)
        touch = others_touch(market.book, nobody, market.touch)
        state = State(market, nobody, touch, touch[0] + touch[1], jnp.int32(0), jnp.int32(0))
        return self.observe(state, params), state

    def step_env(
        self, key: Array, state: State, action: Array, params: Params
    ) -> tuple[Array, State, Array, Array, Info]:
        """Quotes, and lets the flow's events happen."""
        key_quote, key_flow = jax.random.split(key)
        count = params.offsets.shape[0] + 1
        quoted, _ = self.quote(key_quote, state, jnp.stack([action // count, action % count]), params)
        before = standing(quoted.market.book, quoted.own)
        market, event = self.flow(key_flow, quoted, params)
        after = standing(market.book, quoted.own)
        filled = before.lots - after.lots  # nobody but the flow's trades takes our lots
        touch = others_touch(market.book, quoted.own, state.touch)
        mid, mid_before = touch[0] + touch[1], state.touch[0] + state.touch[1]
        gain = filled[0] * (mid - 2 * before.price[0]) + filled[1] * (2 * before.price[1] - mid)
        reward = state.position * (mid - mid_before) + gain
        state = quoted._replace(
            market=market,
            own=jnp.where(after.lots > 0, quoted.own, NO_ID),
            touch=touch,
            position=state.position + filled[0] - filled[1],
            steps=state.steps + 1,
        )
        info = {
            "seconds": event.wait.sum(),
            "bought": filled[0],
            "sold": filled[1],
            "cash": 2 * (filled[1] * before.price[1] - filled[0] * before.price[0]),
            "mid": mid,
            "refused": market.refused - state.market.refused,
        }
        return self.observe(state, params), state, reward.astype(jnp.float32), jnp.asarray(False), info

    def quote(self, key: Array, state: State, choice: Array, params: Params) -> tuple[State, Message]:
        """The state once our orders stand as `choice` says, and the messages that brought it about, [4].

        Args:
            key: decides whether the reference price follows where our order moves the mid.
            state: before.
            choice: int32 [2], of the bid and the ask: 0 none, else the number of an offset, from 1.
            params: the environment's.
        """
        now = standing(state.market.book, state.own)
        price = quotes_of(choice, state.touch, params)
        room = jnp.stack([params.max_position - state.position, params.max_position + state.position])
        lots = jnp.where(choice > 0, jnp.clip(room, 0, params.lots), 0)
        keeps = (now.lots > 0) & (now.price == price) & (lots > 0)
        leaves, joins = (now.lots > 0) & ~keeps, (lots > 0) & ~keeps
        ids = state.market.next_id + jnp.stack([jnp.int32(0), joins[0].astype(jnp.int32)])
        kind = jnp.concatenate([jnp.where(leaves, _CANCEL, _NONE), jnp.where(joins, _LIMIT, _NONE)])
        id, sides = jnp.concatenate([state.own, ids]), jnp.array([0, 1, 0, 1], jnp.int32)
        messages = Message(kind, sides, id, jnp.tile(price, 2), jnp.tile(lots, 2))
        uniforms = jax.random.uniform(key, (4,), jnp.float32)
        market, _ = jax.lax.scan(partial(_sent, flow=params.flow), state.market, (messages, uniforms))
        own = jnp.where(joins, ids, jnp.where(keeps, state.own, NO_ID))
        return state._replace(market=market, own=own), messages

    def flow(self, key: Array, state: State, params: Params) -> tuple[Market, Event]:
        """The market after the flow's events, and these, [E]."""
        uniforms = jax.random.uniform(key, (self.events, UNIFORMS), jnp.float32)
        step = partial(_event, flow=params.flow, own=state.own)
        return jax.lax.scan(step, state.market, uniforms)

    def observe(self, state: State, params: Params) -> Array:
        """float32 [13], named by `OBSERVATION`."""
        ours = standing(state.market.book, state.own)
        depth = others_depth(state.market.book, state.own, state.touch).astype(jnp.float32)
        quoted = ours.lots > 0
        distance = _ratio(jnp.where(quoted, (ours.price - state.touch) * _AWAY, 0), 5)
        ahead = jnp.log1p(ours.ahead.astype(jnp.float32))
        mid = state.touch[0] + state.touch[1]
        total = jnp.maximum(depth[0] + depth[1], 1)
        own = jnp.stack([quoted.astype(jnp.float32), distance, ahead], axis=1)
        seen = [
            _ratio(state.position, params.max_position),
            1 - _ratio(state.steps, params.episode_steps),
            _ratio(mid - state.start_mid, 10),
            _ratio(state.touch[1] - state.touch[0], 5),
            (depth[0] - depth[1]) / total,
            *jnp.log1p(depth),
        ]
        return jnp.concatenate([jnp.stack(seen), own.reshape(-1)])

    def is_truncated(self, state: State, params: Params) -> Array:
        """After `episode_steps`."""
        return state.steps >= params.episode_steps

    def action_space(self, params: Params) -> Discrete:
        """(D + 1)², the bid's choice times the ask's; choice 0 is no quote."""
        return Discrete((params.offsets.shape[0] + 1) ** 2)

    def observation_space(self, params: Params) -> Box:
        """Unbounded vectors, named by `OBSERVATION`."""
        del params
        return Box(-np.inf, np.inf, (len(OBSERVATION),))


def _sent(market: Market, sent: tuple[Message, Array], *, flow: Flow) -> tuple[Market, Report]:
    return send(market, sent[0], flow, sent[1])


def _ratio(over: Array, under: Array | int) -> Array:
    return over.astype(jnp.float32) / jnp.float32(under)


def _event(market: Market, uniforms: Array, *, flow: Flow, own: Array) -> tuple[Market, Event]:
    return random_event(market, flow, own, uniforms)


def quotes_of(choice: Array, touch: Array, params: Params) -> Array:
    """Prices of our bid and ask, int32 [2]; never at or through the others' best, nor through each other."""
    offset = params.offsets[jnp.maximum(choice - 1, 0)]
    bid = jnp.minimum(touch[0] - offset[0], touch[1] - 1)
    ask = jnp.maximum(touch[1] + offset[1], touch[0] + 1)
    return jnp.stack([bid, jnp.maximum(ask, jnp.where(choice[0] > 0, bid + 1, ask))])


def standing(book: Book, own: Array) -> Standing:
    """Where our orders `own` [2] stand."""
    key, lots, id = (by_side(column) for column in book)
    ours = (id == own[:, None]) & (lots > 0)
    our_key = jnp.where(ours, key, 0).sum(axis=1, dtype=jnp.int32)
    before = (key == our_key[:, None]) & (id < own[:, None])
    return Standing(
        price=our_key * _AWAY,
        lots=jnp.where(ours, lots, 0).sum(axis=1, dtype=jnp.int32),
        ahead=jnp.where(before, lots, 0).sum(axis=1, dtype=jnp.int32),
    )


def others_touch(book: Book, own: Array, before: Array) -> Array:
    """Best bid and ask without our orders, int32 [2]; where nobody else stands, the last one known, kept uncrossed."""
    key = jnp.where(by_side(book.id) == own[:, None], NO_KEY, by_side(book.key)).min(axis=1)
    alone = key == NO_KEY
    bid = jnp.where(alone[0], before[0], -key[0])
    ask = jnp.where(alone[1], jnp.maximum(before[1], bid + 1), key[1])
    return jnp.stack([jnp.where(alone[0], jnp.minimum(bid, ask - 1), bid), ask])


def others_depth(book: Book, own: Array, touch: Array) -> Array:
    """Lots of the others at their best prices, int32 [2]."""
    at = by_side(book.key) == (touch * _AWAY)[:, None]
    return jnp.where(at & (by_side(book.id) != own[:, None]), by_side(book.lots), 0).sum(axis=1, dtype=jnp.int32)


def environment_of_queues(
    flow: Flow,
    *,
    offsets: tuple[int, ...] = (-1, 0, 1, 2),
    lots: int = 1,
    max_position: int = 10,
    events: int = 10,
    episode_steps: int = 200,
    slots: int = 100,
    openings: int = 64,
    seed: int = 0,
) -> tuple[QueueMarket, Params]:
    """The environment over a flow.

    Args:
        flow: rates by level and queue size.
        offsets: D, ticks behind the others' best price that a quote may be at; below 0: before it.
        lots: of an order of ours.
        max_position: lots held at most.
        events: of the flow in a step.
        episode_steps: after which an episode is cut.
        slots: orders a side that the book has room for.
        openings: markets to start from, each warmed up by `WARM_UP` events.
        seed: of the warm-up.
    """
    for name, value in (
        ("lots", lots),
        ("max_position", max_position),
        ("events", events),
        ("episode_steps", episode_steps),
        ("openings", openings),
        ("offsets", len(offsets)),
    ):
        if value < 1:
            raise InputError(f"queue market: {name} is {value}; it must be 1 or more")
    begun = warm_markets(flow, slots, openings, seed)
    numbers = (jnp.int32(number) for number in (lots, max_position, episode_steps))
    return QueueMarket(events), Params(flow, begun, jnp.asarray(offsets, jnp.int32), *numbers)


def warm_markets(flow: Flow, slots: int, count: int, seed: int) -> Market:
    """Markets [..., count] after `WARM_UP` events of the flow, from two lots at each level."""
    queue = np.full(flow.levels, 2)
    start = open_market(slots, queue, queue, 10_000)
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[..., None], (*leaf.shape, count)), start)
    return _warmed(many, flow, jax.random.key(seed))


@jax.jit
def _warmed(markets: Market, flow: Flow, key: Array) -> Market:
    nobody = jnp.full((1, *markets.next_id.shape), NO_ID)

    def one(markets: Market, key_event: Array) -> tuple[Market, None]:
        uniforms = jax.random.uniform(key_event, (UNIFORMS, *markets.next_id.shape), jnp.float32)
        return random_event(markets, flow, nobody, uniforms)[0], None

    return jax.lax.scan(one, markets, jax.random.split(key, WARM_UP))[0]


@lru_cache(maxsize=1)
def default_params() -> Params:
    """Rates of Cont, Stoikov & Talreja (2010) for a Tokyo share, by distance from the opposite best."""
    flow = poisson((1.85, 1.51, 1.09, 0.88, 0.77), (0.71, 0.81, 0.68, 0.56, 0.47), 0.94)
    with jax.ensure_compile_time_eval():
        return environment_of_queues(flow)[1]
