"""How many orders a quoter showed and how many filled, as far as its open prices tell.

An order here is a stay of the own quote of one side at one price, from the decision that put it there until the price
changes or the quote goes. A quote that fills and is put back at the same price at once counts as the same order.
"""

import numpy as np

from jaxmm.evaluate.result import Backtest


def order_count(backtest: Backtest) -> int:
    """Orders shown on both sides."""
    return sum(len(_starts(price)) for price in (backtest.bid, backtest.ask))


def filled_order_count(backtest: Backtest) -> int:
    """Orders with at least one maker fill. A fill belongs to the last order at its price that it can have hit."""
    return _filled(backtest, backtest.bid, 1) + _filled(backtest, backtest.ask, -1)


def _starts(price: np.ndarray) -> np.ndarray:
    """Decisions at which a new order of this side stands, of its prices int64 [D]."""
    return np.flatnonzero((price != 0) & (price != np.concatenate([[0], price[:-1]])))


def _filled(backtest: Backtest, price: np.ndarray, side: int) -> int:
    fills, decisions = backtest.fills, len(price)
    starts = _starts(price)
    if not len(starts):
        return 0
    ours = fills.maker & (fills.side == side)
    levels, level = np.unique(price[starts], return_inverse=True)
    known = ours & np.isin(fills.price, levels)
    # One sorted key (level, decision) finds, for each fill, the last start at its price before it became known.
    keys = np.sort(level * decisions + starts)
    fill_keys = np.searchsorted(levels, fills.price[known]) * decisions + fills.decision[known] - 1
    order = np.searchsorted(keys, fill_keys, side="right") - 1
    same_price = keys[np.maximum(order, 0)] // decisions == fill_keys // decisions
    return len(np.unique(order[(order >= 0) & same_price]))
