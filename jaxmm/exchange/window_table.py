"""What happened to an order in a window, folded once on the host: the table that the window engine looks up.

Each event acts on a queue position as z ↦ min(z − a, b), and so does any run of events (DESIGN §6). For each decision k
and each price level counted from the local best of that moment, a row holds the (a, b) of the events before a request
sent at k arrives and of those between its arrival and the decision at which its outcome is known.

One compiled pass over the events in blocks of decisions; memory holds one block, and the displayed sizes of the prices
that can be named. D decisions · N events · L levels a side · W words a level · T offers a side.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError, NotExact
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.timeline import Timeline, timeline
from jaxmm.exchange.types import INFINITE, FillModel, QueueModel
from jaxmm.exchange.window_fold import AFTER, BEFORE, WHOLE, Shown, fold, show
from jaxmm.tape.npy import NpyWriters
from jaxmm.tape.tape import Tape

Arrays = dict[str, np.ndarray]
BLOCK_DECISIONS = 512
MOST_PRICES = 1 << 26
"""Prices between the lowest and the highest that can be named: their displayed sizes are held in memory."""
MODELS = (QueueModel.RISK_AVERSE, QueueModel.PENETRATION, QueueModel.TOUCH)
"""Queue models whose moves compose."""


class Levels(NamedTuple):
    """Prices that can be named: from `inside` ticks better than the local best of their own side, outwards."""

    behind: int = 24
    """Ticks from the best price on, the best itself among them."""
    inside: int = 4
    """Ticks better than the best: quotes inside the spread."""
    offers: int = 0
    """Levels of the opposite side that a taking order can reach; 0: no order takes."""

    @property
    def total(self) -> int:
        """L."""
        return self.behind + self.inside


class WindowTable(NamedTuple):
    """The rows of a tape under one latency, for fill models of one kind; see `window.WindowReplay`.

    Where answers come later than the next decision, `answered` stands and W is 7: a level then has the (a, b) of the
    whole window too, and the head its thresholds.
    """

    head: np.ndarray  # int32 [D, 4 or 6]: local best bid and ask; run-through thresholds (see `fold`) of each part
    rows: np.ndarray  # int32 [D, 2, L, W]
    offers: np.ndarray  # int32 [D, 2, T, 2]: key and size of what an arriving bid (0) or ask (1) can take, best first
    answered: np.ndarray | None  # int32 [D]
    inside: int
    model: FillModel

    @property
    def bytes_per_decision(self) -> int:
        """Bytes of one row with its head and offers."""
        return int(sum(array[:1].nbytes for array in (self.head, self.rows, self.offers)))


def build_table(
    tape: Tape, latency: Latency, model: FillModel, levels: Levels | None = None, out: Path | None = None
) -> WindowTable:
    """Folds the events of a tape.

    Args:
        tape: the recording.
        latency: any whose requests of one decision arrive together.
        model: `full` models share one table; of the `partial` ones `penetration` has its own.
        levels: which prices can be named.
        out: an existing folder for the arrays, which are then memory-mapped from it; else they are held in memory.

    Raises:
        InputError: what the window engine cannot do exactly: a queue model whose moves do not compose, requests that
            arrive apart, reports that overtake answers; a tape of fewer than 2 decisions, or one whose prices or traded
            volumes leave the table's integers.
    """
    levels = levels or Levels()
    check_model(model)
    time = _cuts(tape, latency)
    layout = {
        "head": (np.int32, (4 if time.prompt else 6,)),
        "rows": (np.int32, (2, levels.total, WHOLE if time.prompt else WHOLE + 2)),
        "offers": (np.int32, (2, levels.offers, 2)),
    }
    blocks = _blocks(tape, time, model, levels)
    if out is None:
        arrays = {name: np.empty((tape.decisions, *shape), kind) for name, (kind, shape) in layout.items()}
        for start, block in blocks:
            for name, values in block.items():
                arrays[name][start : start + len(values)] = values
    else:
        with NpyWriters(out, **layout) as writers:
            for _, block in blocks:
                writers.append(**block)
        arrays = {name: _mapped(out / f"{name}.npy", bool(np.prod(shape))) for name, (_, shape) in layout.items()}
    return WindowTable(**arrays, answered=None if time.prompt else time.answered, inside=levels.inside, model=model)


def check_model(model: FillModel) -> None:
    """Raises `InputError` where a fill model's moves do not compose."""
    if model.queue not in MODELS:
        names = ", ".join(queue.name.lower() for queue in MODELS)
        raise NotExact(
            f"window engine: fill model {model.name} moves a queue by more than z ↦ min(z − a, b), so windows do not "
            f"compose; it knows {names}. Use the event engine"
        )


def _cuts(tape: Tape, latency: Latency) -> Timeline:
    """The tape's timeline. Raises `InputError` where it is none that windows can follow."""
    if tape.decisions < 2:
        raise InputError(
            f"tape: {tape.decisions} decisions; a replay needs at least 2 (a longer recording, or a faster clock)"
        )
    if np.abs(tape.book_price[:, :, 0]).max(initial=0) >= INFINITE // 2:
        raise InputError("tape: a price is 2^29 ticks or more; use a coarser tick_size")
    time = timeline(tape.ts_ns, tape.exch_ts, tape.event, latency, 0, tape.lag_ns)
    if not time.one_arrival:
        raise NotExact(
            f"window engine: under latency {latency.name} the cancels, amends and places of one decision arrive apart, "
            "and events come between them; give them one delay, or use the event engine"
        )
    by = time.answered
    if not time.prompt and (time.known[by[by < INFINITE] - 1] > time.place[by < INFINITE]).any():
        raise NotExact(
            f"window engine: under latency {latency.name} a fill is reported before the order's acceptance; use a "
            "constant response delay, or the event engine"
        )
    return time


def _blocks(
    tape: Tape, time: Timeline, model: FillModel, levels: Levels
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The table in blocks: the first decision of each, and its arrays."""
    shown = _empty_book(tape, levels)
    event, best = _plain(tape.event), _plain(tape.best)
    parts = _parts(time)
    counts = model.queue is not QueueModel.PENETRATION or not model.partial
    for start in range(0, tape.decisions, BLOCK_DECISIONS):
        stop = min(start + BLOCK_DECISIONS, tape.decisions)
        touch = np.array(tape.book_price[start:stop, :, 0])
        rows = np.empty((stop - start, 2, levels.total, 1 + 2 * len(parts)), np.int32)
        offers = np.empty((stop - start, 2, levels.offers, 2), np.int32)
        show(event, best, time.place[start:stop], touch, levels.inside, shown, rows, offers)
        thresholds = []
        for place, (begin, end) in parts.items():
            threshold = np.empty((stop - start, 2), np.int32)
            spans = (event, begin[start:stop], end[start:stop], touch, levels.inside)
            if not fold(*spans, model.partial, counts, rows, place, threshold):
                raise InputError(
                    f"tape: near decision {start} 2^29 lots or more trade at one price between two decisions; use a "
                    "coarser lot_size"
                )
            if place != AFTER:
                thresholds.append(threshold)
        yield start, {"head": np.concatenate([touch, *thresholds], axis=1), "rows": rows, "offers": offers}


def _parts(time: Timeline) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """First event and end of what each decision's row folds, by the place of its words.

    A request that is answered by the next decision cuts the window after it in two. One that is answered later, at
    decision j, cuts the window before j; there an order may also live through a window as a whole. Windows that end
    after the last decision are empty.
    """
    known, place = time.known, time.place
    following = np.append(known[1:], known[-1])
    if time.prompt:
        middle = np.minimum(place, following)
        return {BEFORE: (known, middle), AFTER: (middle, following)}
    by = np.maximum(time.answered, np.arange(1, len(known) + 1))
    reached, by = by < len(known), np.minimum(by, len(known) - 1)
    first, middle, end = (np.where(reached, cut, 0) for cut in (known[by - 1], place, known[by]))
    return {BEFORE: (first, middle), AFTER: (middle, end), WHOLE: (known, following)}


def _empty_book(tape: Tape, levels: Levels) -> Shown:
    """An empty book over the prices that any decision can name, and some beside them for offers."""
    touch = tape.book_price[:, :, 0]
    margin = 2 * levels.total + 256
    low, high = int(touch.min()) - margin, int(touch.max()) + margin
    if high - low > MOST_PRICES:
        raise InputError(f"tape: prices span {high - low} ticks, more than {MOST_PRICES}; use a coarser tick_size")
    return Shown(np.zeros((2, high - low + 1), np.int32), low, np.zeros(2, np.int64), np.zeros(1, np.int64))


def _plain(array: np.ndarray) -> np.ndarray:
    """A read-only view without numpy's class for mapped files: one type, compiled once."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _mapped(file: Path, has_elements: bool) -> np.ndarray:
    """An array without elements cannot be mapped."""
    return np.load(file, mmap_mode="r" if has_elements else None)
