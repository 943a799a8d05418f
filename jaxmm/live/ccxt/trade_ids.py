"""Each trade of the market is told once, however often and in whatever order a line delivers it."""

from collections import deque

REMEMBERED_TRADES = 4096


class TradeIds:
    """Which trades were told already; late ones count as new, second ones do not."""

    def __init__(self) -> None:
        self._order: deque[int] = deque(maxlen=REMEMBERED_TRADES)
        self._known: set[int] = set()

    def is_new(self, id: int) -> bool:
        """Whether the trade was not told before; remembers it."""
        if id in self._known:
            return False
        if len(self._order) == REMEMBERED_TRADES:
            self._known.discard(self._order[0])
        self._order.append(id)
        self._known.add(id)
        return True
