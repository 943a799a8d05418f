"""What each queue model makes of the same hypothetical orders when it sees prices, sizes and trades only.

The view of an L2 feed is taken from the clean events: an order that joins or leaves changes the displayed size at its
price; an execution is a trade and then the change of the displayed size. The formulas are `jaxmm.exchange.queues`.
Letters: O orders, G exponents. Quantities are lots.
"""

import numpy as np

from jaxmm.data.bitstamp import LOTS_PER_BTC
from jaxmm.data.fifo import EXECUTE
from jaxmm.evaluate.queue_truth import NEVER, Orders, Queues
from jaxmm.exchange.queues import after_depth
from jaxmm.exchange.types import FillModel, QueueModel

BTC_PER_LOT = 1 / LOTS_PER_BTC


def guess(queues: Queues, orders: Orders, model: FillModel) -> np.ndarray:
    """int64 [O]: the event by which the model fills each order within the longest horizon; NEVER."""
    return guesses(queues, orders, model.queue, np.array([model.n]))[:, 0]


def guesses(queues: Queues, orders: Orders, model: QueueModel, n: np.ndarray) -> np.ndarray:
    """int64 [O, G]: the same for several exponents [G]; models without one repeat themselves."""
    filled = np.repeat(orders.through[:, None], len(n), axis=1)
    if model is QueueModel.PENETRATION:  # rules 1 and 2 alone
        return filled
    events = queues.events
    front = np.repeat(orders.ahead[:, None].astype(np.float64), len(n), axis=1)
    waiting = np.flatnonzero(orders.first < orders.last)
    step = 0
    while len(waiting):
        event = queues.at[orders.first[waiting] + step]
        before, after = (column[event, None].astype(np.float64) for column in (events.before, events.after))
        is_trade = events.code[event] == EXECUTE
        volume = np.where(is_trade, events.lots[event], 0)[:, None].astype(np.float64)
        now = front[waiting] - volume
        if model is QueueModel.TOUCH:
            hit = np.broadcast_to(is_trade[:, None], now.shape)
        else:
            hit = is_trade[:, None] & (now <= -0.5)  # what rounds to a lot or more
        filled[waiting] = np.where(hit, np.minimum(filled[waiting], event[:, None]), filled[waiting])
        front[waiting] = _moved(model, n, now, volume, before, after)
        step += 1
        waiting = waiting[(orders.first[waiting] + step < orders.last[waiting]) & ~_settled(filled, orders, waiting)]
    return filled


def _moved(
    model: QueueModel, n: np.ndarray, front: np.ndarray, traded: np.ndarray, before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Rule 4, lots ahead [o, G] after the displayed size has changed."""
    if not model.probabilistic:
        return np.minimum(np.maximum(front, 0), after)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lot = np.float64(BTC_PER_LOT)
        return after_depth(model, n, front, traded, before, after, lot, np)  # type: ignore[arg-type]


def _settled(filled: np.ndarray, orders: Orders, waiting: np.ndarray) -> np.ndarray:
    """bool [o]: orders that are filled at their price under every exponent."""
    return (filled[waiting] < np.minimum(orders.through[waiting], NEVER)[:, None]).all(axis=1)
