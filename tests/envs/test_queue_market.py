"""Quoting in a market of queues: ledger, places in the queue, and a market that reacts, each against the plain book."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.queue_market import (
    OBSERVATION,
    Params,
    QueueMarket,
    State,
    default_params,
    environment_of_queues,
    others_touch,
    standing,
)
from jaxmm.errors import InputError
from jaxmm.markets.book_reference import ASK, BID, Kind, PlainBook, What
from jaxmm.markets.matching import NO_ID, resting
from jaxmm.markets.queue_flow import open_market, poisson, queue_reactive

LOTS, LIMIT, EVENTS, STEPS = 3, 5, 10, 500
AT_BEST = 2  # number of the offset 0 among (−1, 0, 1), from 1
IMPROVES = 1
SHAPE = (5, 201)  # levels and sizes of the default flow


@pytest.fixture(scope="module")
def world() -> tuple[QueueMarket, Params]:
    """The default market, three lots an order of ours, at most five held."""
    task = {"offsets": jnp.array([-1, 0, 1], jnp.int32), "lots": jnp.int32(LOTS), "max_position": jnp.int32(LIMIT)}
    return QueueMarket(EVENTS), default_params()._replace(**task)


def at_rest(params: Params, bids: list[int], asks: list[int], flow: object) -> tuple[Params, State]:
    """The same task under another flow, from a book of given queues around 100 and 101."""
    market = open_market(100, np.array(bids), np.array(asks), 100)
    params = params._replace(flow=flow)
    nobody = jnp.full(2, NO_ID)
    touch = others_touch(market.book, nobody, market.touch)
    return params, State(market, nobody, touch, touch.sum(dtype=jnp.int32), jnp.int32(0), jnp.int32(0))


def rates(*rows: list[float]) -> np.ndarray:
    """A table of the default flow's shape: levels that are not given have none, sizes not given have the last's."""
    table = np.zeros(SHAPE)
    for level, row in enumerate(rows):
        table[level] = [*row, *[row[-1]] * (SHAPE[1] - len(row))]
    return table


def action(bid: int, ask: int) -> jax.Array:
    return jnp.int32(bid * 4 + ask)


@partial(jax.jit, static_argnums=0)
def laid_open(env: QueueMarket, key: jax.Array, state: State, chosen: jax.Array, params: Params) -> tuple:
    """A step, and the messages it was made of: ours, then the flow's."""
    key_quote, key_flow = jax.random.split(key)
    quoted, sent = env.quote(key_quote, state, jnp.stack([chosen // 4, chosen % 4]), params)
    _, event = env.flow(key_flow, quoted, params)
    return env.step_env(key, state, chosen, params), quoted, sent, event


def test_an_episode_is_what_the_plain_book_makes_of_its_messages(world: tuple[QueueMarket, Params]):
    env, params = world
    _, state = env.reset(jax.random.key(3), params)
    plain = PlainBook(100)
    for order in resting(state.market.book):
        plain.send(Kind.LIMIT, order.side, order.id, order.price, order.lots)
    cash = position = earned = trades = 0
    rng = np.random.default_rng(0)
    chosen = 0
    for i in range(STEPS):
        chosen = rng.integers(0, 16) if rng.random() < 0.25 else chosen
        stepped, quoted, sent, event = laid_open(env, jax.random.key(i), state, jnp.int32(chosen), params)
        ours = np.stack([np.asarray(field) for field in sent], axis=1).tolist()
        for message in ours:
            (outcome,) = plain.send(*message)
            assert outcome.what in (What.NOTHING, What.CANCELLED, What.RESTS)
        place = standing(quoted.market.book, quoted.own)
        for side in (BID, ASK):
            id = int(quoted.own[side])
            mine = [order for order in plain.resting() if order.id == id]
            assert int(place.lots[side]) == sum(order.lots for order in mine)
            for order in mine:
                level = [other for other in plain.resting() if (other.side, other.price) == (side, order.price)]
                assert int(place.ahead[side]) == sum(other.lots for other in level[: level.index(order)])
        for row in np.stack([np.asarray(field) for field in event.message], axis=1).tolist():
            for outcome in plain.send(*row):
                fill = outcome.lots if outcome.what in (What.PART, What.FILLED) else 0
                bought, sold = fill * (outcome.id == quoted.own[BID]), fill * (outcome.id == quoted.own[ASK])
                position += int(bought - sold)
                cash += 2 * outcome.price * int(sold - bought)
                trades += int(bought + sold)
        _, state, reward, terminated, info = stepped
        earned += int(reward)
        assert float(reward) == int(reward)
        assert not terminated
        assert int(state.position) == position
        assert abs(position) <= LIMIT
        assert earned == cash + position * int(info["mid"])
        others = [order for order in plain.resting() if order.id not in (int(id) for id in state.own)]
        for side, best in ((BID, max), (ASK, min)):  # of an empty side the last one stays known
            prices = [order.price for order in others if order.side == side]
            assert not prices or int(state.touch[side]) == best(prices)
    assert resting(state.market.book) == list(plain.resting())
    assert trades > 30, "too few of our orders were filled for this test to mean anything"


def test_an_order_at_the_same_price_keeps_its_place_and_a_moved_one_goes_to_the_back(
    world: tuple[QueueMarket, Params],
):
    env, params = world
    arrivals = queue_reactive(rates([1.0]), rates(), rates())  # every event is a limit order at the best
    params, state = at_rest(params, [2], [2], arrivals)
    (_, state, *_), *_ = laid_open(env, jax.random.key(0), state, action(AT_BEST, 0), params)
    first = standing(state.market.book, state.own)
    assert (int(first.ahead[0]), int(first.lots[0]), int(first.price[0])) == (2, LOTS, 100)
    (_, state, *_), *_ = laid_open(env, jax.random.key(1), state, action(AT_BEST, 0), params)
    assert int(standing(state.market.book, state.own).ahead[0]) == 2
    queue = [order for order in resting(state.market.book) if order.side == BID]
    assert len(queue) > 3, "others joined behind us"
    (_, state, *_), *_ = laid_open(env, jax.random.key(2), state, action(AT_BEST + 1, 0), params)  # a tick away
    before = sum(order.lots for order in resting(state.market.book) if order.side == BID and order.price == 100)
    _, back, *_ = laid_open(env, jax.random.key(3), state, action(AT_BEST, 0), params)
    assert int(standing(back.market.book, back.own).ahead[0]) == before
    _, gone, *_ = laid_open(env, jax.random.key(3), state, action(0, 0), params)
    assert int(gone.own[0]) == NO_ID
    assert {order.price for order in resting(gone.market.book) if order.side == BID} == {100}


def test_market_orders_take_who_is_before_us_then_us(world: tuple[QueueMarket, Params]):
    env, params = world
    takers = queue_reactive(rates(), rates(), rates([0.0, 1.0]))
    params, state = at_rest(params, [2, 9], [40], takers)
    longest = 0
    for i in range(8):
        _, quoted, _, event = laid_open(env, jax.random.key(i), state, action(AT_BEST, 0), params)
        sells = np.asarray(event.message.side) == ASK
        ours = int(quoted.own[0])
        assert np.asarray(event.report.id)[sells].tolist() == ([0, 2, ours, ours, ours])[: sells.sum()]
        longest = max(longest, int(sells.sum()))
    assert longest > 2


def test_the_market_knows_our_size(world: tuple[QueueMarket, Params]):
    env, params = world
    flow = queue_reactive(rates([1.0] * 5 + [7.0]), rates(), rates())  # five lots draw seven times as many as fewer
    params, state = at_rest(params, [2], [2], flow)
    count = 300

    def seconds(choice: int) -> float:
        """Until the first event, on average."""
        runs = (laid_open(env, jax.random.key(i), state, action(choice, choice), params) for i in range(count))
        return float(np.mean([np.asarray(event.wait)[0] for *_, event in runs]))

    for choice, total in ((0, 2.0), (AT_BEST, 14.0)):
        assert abs(seconds(choice) * total - 1) < 4 / np.sqrt(count)


def test_marks_do_not_follow_our_own_quote(world: tuple[QueueMarket, Params]):
    env, params = world
    still = queue_reactive(rates([0.0], [1.0]), rates(), rates())  # events a tick behind only
    params, state = at_rest(params, [0, 2], [0, 2], still)  # 99 and 102
    stepped, *_ = laid_open(env, jax.random.key(0), state, action(IMPROVES, AT_BEST), params)
    observation, state, reward, _, info = stepped
    ours = standing(state.market.book, state.own)
    assert np.asarray(ours.price).tolist() == [100, 102]
    assert int(info["mid"]) == 201
    assert float(reward) == 0
    seen = dict(zip(OBSERVATION, np.asarray(observation).tolist(), strict=True))
    assert seen["spread"] == pytest.approx(3 / 5)
    assert seen["bid_distance"] == pytest.approx(-1 / 5)
    assert seen["bid_ahead"] == 0
    assert seen["ask_ahead"] == pytest.approx(np.log1p(2))
    assert seen["bid_depth"] >= np.log1p(2)


def test_batches_of_episodes_reset_themselves_and_compile_once(world: tuple[QueueMarket, Params]):
    env, params = world
    params = params._replace(episode_steps=jnp.int32(5))
    size = 16
    observation, state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), size), params)
    step = jax.jit(jax.vmap(env.step, (0, 0, 0, None)))
    space = env.action_space(params)
    ends = []
    for i in range(12):
        keys = jax.random.split(jax.random.key(i), size)
        chosen = jax.vmap(space.sample)(keys)
        observation, state, _, terminated, truncated, _ = step(keys, state, chosen, params)
        ends.append(bool(truncated.all()))
        assert not terminated.any()
        assert bool(jnp.isfinite(observation).all())
    assert observation.shape == (size, len(OBSERVATION)) == (size, *env.observation_space(params).shape)
    assert [i for i, end in enumerate(ends) if end] == [4, 9]
    assert step._cache_size() == 1
    assert (np.asarray(state.steps) == 2).all()


def test_a_step_has_no_loop_of_unknown_length(world: tuple[QueueMarket, Params]):
    env, params = world
    _, state = env.reset(jax.random.key(0), params)
    with jax.numpy_dtype_promotion("strict"):
        text = str(jax.make_jaxpr(env.step_env)(jax.random.key(0), state, jnp.int32(0), params))
    assert "while" not in text


def test_the_default_market_opens_with_both_sides_and_room():
    openings = QueueMarket().default_params.openings
    assert openings.book.key.shape[0] == 200
    lots = np.asarray(openings.book.lots).reshape(2, 100, -1)
    resting_orders = (lots > 0).sum(axis=1)
    assert resting_orders.min() >= 1
    assert resting_orders.max() <= 60
    assert np.unique(np.asarray(openings.touch)[0]).size > 1
    assert (np.asarray(openings.refused) == 0).all()


def test_settings_that_make_no_task_are_refused():
    flow = poisson((1.0,), (1.0,), 1.0)
    with pytest.raises(InputError, match="lots is 0"):
        environment_of_queues(flow, lots=0)
    with pytest.raises(InputError, match="offsets is 0"):
        environment_of_queues(flow, offsets=())
