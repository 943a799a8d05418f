"""An order-by-order log made clean: orders join the queue at their price, leave it, or are executed, oldest first.

The venue shows an order before it has matched it, so for a moment a taker seems to rest beyond the opposite best.
Such an order is *in flight*: it is in no queue until it no longer crosses what rests. An execution is reported twice,
as a smaller quantity of either order, and a third time as a trade; both orders lose their quantity at the first report.
Letters: M messages, E events, S snapshots. A key is the price of a bid and minus the price of an ask: larger is better.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from jaxmm.data.bitstamp import CHANGED, CREATED, DELETED, TRADE, Log, Messages

ADD, CANCEL, EXECUTE = 0, 1, 2
PAIR_MS = 3000  # a trade and its two reports are received within this
PAIRS_WAITING = 64  # reports or trades that wait for their counterpart


class Events(NamedTuple):
    """Clean events in received order; all int64 [E]."""

    message: np.ndarray  # number of the message that told of it, from 0; −1: rested before the log began
    recv_ms: np.ndarray
    code: (
        np.ndarray
    )  # ADD: joins the end of its queue; CANCEL: leaves it unexecuted; EXECUTE: is taken by the other side
    side: np.ndarray  # `Side` of the order
    ticks: np.ndarray
    lots: np.ndarray  # what joined, left or was executed
    id: np.ndarray  # of the order; the venue counts upwards, so a smaller one is older
    before: np.ndarray  # lots displayed at this price before the event
    after: np.ndarray  # and after it
    joined: np.ndarray  # number of the event by which the order joined this queue
    orders: np.ndarray  # orders in this queue after the event


class Clean(NamedTuple):
    """What `clean` found."""

    events: Events
    calm: np.ndarray  # bool [M]: no order is in flight after the message
    counts: Counter[str]  # what was wrong or odd, by name
    tops: np.ndarray  # int64 [S, 2, 2]: ticks and lots of the best displayed bid and ask at each snapshot; 0: none
    longest_flight_ms: int


def clean(log: Log) -> Clean:
    """The clean events of one log, and the best levels at its snapshots."""
    queues = _Queues(log.messages, _partners(log.messages))
    tops = np.zeros((len(log.snapshots.message), 2, 2), dtype=np.int64)
    rows = list(zip(*(column.tolist() for column in log.messages), strict=True))
    calm = np.zeros(len(rows), dtype=np.bool_)
    done = 0
    for i, until in enumerate([*log.snapshots.message.tolist(), len(rows)]):
        for number in range(done, until):
            queues.add(number, *rows[number][1:7])
            calm[number] = not queues.flying
        done = until
        if i < len(tops):
            tops[i] = queues.top(0), queues.top(1)
    columns = np.array(queues.events, dtype=np.int64).reshape(-1, len(Events._fields)).T.copy()
    return Clean(Events(*columns), calm, queues.counts, tops, queues.longest_flight_ms)


class _Report(NamedTuple):
    """A message by which an order got smaller, or a trade."""

    message: int
    recv_ms: int
    id: int
    lots: int | None  # executed; None where the order is older than the log


class _Partners(NamedTuple):
    """Which messages report the same execution."""

    other: dict[int, int]  # message of one order → that of the other, whichever was received first
    lots: dict[int, int]  # message → lots that its trade had
    unknown: dict[int, int]  # order older than the log → its lots before the first message on it
    trades: Counter[int]  # how many trades were reported by 0, 1 and 2 orders


def _reductions(messages: Messages) -> Iterator[tuple[int, int, int, int, int, int | None]]:
    """(message, ms, kind, side, id, lots) of every trade and every execution that an order's message may tell of."""
    left: dict[int, int] = {}
    gone: set[int] = set()
    columns = zip(*(column.tolist() for column in messages[1:7]), strict=True)
    for number, (ms, kind, id, side, _, lots) in enumerate(columns):
        if kind == TRADE:
            yield number, ms, kind, side, id, lots
        elif kind != CREATED and id not in gone:
            known = left.get(id)
            executed = None if known is None else known - lots
            if (kind == CHANGED and executed != 0) or (kind == DELETED and lots == 0):
                yield number, ms, kind, side, id, executed
        if kind == DELETED:
            gone.add(id)
        if kind != TRADE:
            left[id] = lots


def _partners(messages: Messages) -> _Partners:
    """Finds the two reports of each trade: equal lots, opposite sides, within `PAIR_MS`."""
    found = _Partners({}, {}, {}, Counter())
    waiting: list[deque[_Report]] = [deque(maxlen=PAIRS_WAITING) for _ in range(3)]  # bids', asks', trades
    after: dict[int, list[_Report | None]] = {}  # trade's message → reports
    for number, ms, kind, side, id, lots in _reductions(messages):
        report = _Report(number, ms, id, lots)
        if kind == TRADE:
            after[number] = [_take(waiting[0], report), _take(waiting[1], report)]
            if None in after[number]:
                waiting[2].append(report)
        else:
            trade = _first(waiting[2], report, lambda t, s=side: after[t.message][s] is None)
            if trade is None:
                waiting[side].append(report)
            else:
                after[trade.message][side] = report
    for number, reports in after.items():
        _note(found, int(messages.lots[number]), messages, [r for r in reports if r is not None])
    return found


def _take(waiting: deque[_Report], trade: _Report) -> _Report | None:
    report = _first(waiting, trade, lambda _: True)
    if report is not None:
        waiting.remove(report)
    return report


def _first(waiting: deque[_Report], one: _Report, allowed) -> _Report | None:
    """The latest of those waiting that has the same lots and came soon enough; then one with unknown lots."""
    near = [w for w in reversed(waiting) if one.recv_ms - w.recv_ms <= PAIR_MS and allowed(w)]
    same = (w for w in near if w.lots == one.lots)
    return next(same, None) or next((w for w in near if None in (w.lots, one.lots)), None)


def _note(found: _Partners, traded: int, messages: Messages, reports: list[_Report]) -> None:
    found.trades[len(reports)] += 1
    for report in reports:
        found.lots[report.message] = traded
        if report.lots is None:
            found.unknown[report.id] = traded + int(messages.lots[report.message])
    if len(reports) == 2:
        first, second = reports
        found.other[first.message] = second.message
        found.other[second.message] = first.message


@dataclass
class _Order:
    side: int
    ticks: int
    lots: int
    shown: bool
    since_ms: int
    joined: int = -1


@dataclass
class _Queues:
    """The book order by order, and the events that its messages amount to."""

    messages: Messages
    partners: _Partners
    orders: dict[int, _Order] = field(default_factory=dict)
    flying: dict[int, _Order] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    events: list[tuple[int, ...]] = field(default_factory=list)
    longest_flight_ms: int = 0

    def __post_init__(self) -> None:
        self.levels: tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]] = ({}, {})  # key → id → lots
        self.keys: tuple[list[int], list[int]] = ([], [])  # heaps of minus the key; emptied levels leave late
        self.number, self.ms = -1, int(self.messages.recv_ms[0])
        self._rest_before_the_log()
        self.counts |= {f"trades reported by {n} orders": self.partners.trades[n] for n in (0, 1, 2)}

    def add(self, number: int, ms: int, kind: int, id: int, side: int, ticks: int, lots: int) -> None:
        """Takes in one message."""
        self.number, self.ms = number, ms
        if kind == TRADE:
            return
        if id in self.gone:
            self.counts["repeated deletes" if kind == DELETED else "ghosts"] += 1
        elif kind == CREATED:
            self._enter(id, _Order(side, ticks, lots, False, ms))
        elif id not in self.orders:
            self.counts["on unknown orders"] += 1
        else:
            self._change(id, ticks, lots, kind == DELETED)
        if kind == DELETED:
            self.gone.add(id)
        self._land()

    def top(self, side: int) -> tuple[int, int]:
        """Ticks and lots of the best level; zeros where there is none."""
        key = self._best(side)
        return (0, 0) if key is None else (key if side == 0 else -key, sum(self.levels[side][key].values()))

    def _rest_before_the_log(self) -> None:
        """Orders that the log mentions without having seen their creation rested before it began."""
        created = set(self.messages.id[self.messages.kind == CREATED].tolist())
        columns = (self.messages.kind, self.messages.id, self.messages.side, self.messages.ticks, self.messages.lots)
        for kind, id, side, ticks, lots in zip(*(column.tolist() for column in columns), strict=True):
            if kind != TRADE and id not in created and id not in self.orders:
                self.counts["older than the log"] += 1
                self._enter(id, _Order(side, ticks, max(self.partners.unknown.get(id, lots), 1), False, self.ms))

    def _change(self, id: int, ticks: int, lots: int, deleted: bool) -> None:
        order = self.orders[id]
        executed = order.lots - lots if lots == 0 or not deleted else 0  # 0 where the other order's report came first
        if ticks != order.ticks and not deleted:  # a market order that follows the opposite best
            self.counts["moved"] += 1
            self._leave(id)
            self._enter(id, _Order(order.side, ticks, lots, False, order.since_ms if not order.shown else self.ms))
        elif executed < 0:
            self.counts["grown"] += 1
            self._leave(id)
            self._enter(id, _Order(order.side, ticks, lots, False, self.ms))
        elif executed > 0:
            self._execute(id, executed)
        if deleted:
            self._leave(id)

    def _execute(self, id: int, lots: int) -> None:
        """Takes lots off this order and off the one that it met, whose message is still to come."""
        order, other = self.orders[id], self.partners.other.get(self.number, -1)
        if order.shown:
            self._judge(id, order)
            self._reduce(EXECUTE, id, order, lots)
        order.lots -= lots
        if other > self.number:
            self._execute_other(int(self.messages.id[other]), other)
        if order.lots == 0:
            self._leave(id)

    def _execute_other(self, id: int, message: int) -> None:
        order = self.orders.get(id)
        if order is None or order.shown:  # a resting order speaks for itself
            return
        order.lots -= min(self.partners.lots[message], order.lots)

    def _judge(self, id: int, order: _Order) -> None:
        """Whether the venue executed the oldest order of its best level."""
        key = _key(order.side, order.ticks)
        self.counts["executions"] += 1
        self.counts["executions of the oldest"] += id == min(self.levels[order.side][key])
        self.counts["executions at the best"] += key == self._best(order.side)
        self.counts["executions with others in the queue"] += len(self.levels[order.side][key]) > 1
        self.counts["executions without a trade"] += self.number not in self.partners.lots

    def _enter(self, id: int, order: _Order) -> None:
        self.orders[id] = order
        if self._crosses(order):
            self.flying[id] = order
            self.counts["in flight"] += 1
        else:
            self._show(id, order)

    def _leave(self, id: int) -> None:
        order = self.orders.pop(id, None)
        if order is not None and order.shown and order.lots > 0:
            self._reduce(CANCEL, id, order, order.lots)
        self.flying.pop(id, None)

    def _land(self) -> None:
        """Orders in flight that no longer cross what rests join their queue."""
        for id, order in list(self.flying.items()):
            if order.lots > 0 and not self._crosses(order):
                del self.flying[id]
                self.longest_flight_ms = max(self.longest_flight_ms, self.ms - order.since_ms)
                self._show(id, order)

    def _show(self, id: int, order: _Order) -> None:
        key = _key(order.side, order.ticks)
        if key not in self.levels[order.side]:
            self.levels[order.side][key] = {}
            heapq.heappush(self.keys[order.side], -key)
        level = self.levels[order.side][key]
        before = sum(level.values())
        level[id] = order.lots
        order.shown = True
        order.joined = len(self.events)
        self._tell(ADD, id, order, order.lots, before, before + order.lots)

    def _reduce(self, code: int, id: int, order: _Order, lots: int) -> None:
        key = _key(order.side, order.ticks)
        level = self.levels[order.side][key]
        before = sum(level.values())
        level[id] -= lots
        if level[id] == 0:
            del level[id]
        if not level:
            del self.levels[order.side][key]
        self._tell(code, id, order, lots, before, before - lots)

    def _tell(self, code: int, id: int, order: _Order, lots: int, before: int, after: int) -> None:
        queue = self.levels[order.side].get(_key(order.side, order.ticks), {})
        place = (self.number, self.ms, code, order.side, order.ticks)
        self.events.append((*place, lots, id, before, after, order.joined, len(queue)))

    def _best(self, side: int) -> int | None:
        heap = self.keys[side]
        while heap and -heap[0] not in self.levels[side]:
            heapq.heappop(heap)
        return -heap[0] if heap else None

    def _crosses(self, order: _Order) -> bool:
        opposite = self._best(1 - order.side)
        return opposite is not None and _key(order.side, order.ticks) >= -opposite


def _key(side: int, ticks: int) -> int:
    return ticks if side == 0 else -ticks
