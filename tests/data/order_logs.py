"""Order-by-order logs: made up line by line, made by a small exchange that matches for itself, and the recorded day."""

import bz2
import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from jaxmm.data.bitstamp import Log, read_log
from jaxmm.data.fifo import Clean, clean

START_MS = 1_430_438_400_000
DAY = "bitstamp_l3/2015-05-01.log.bz2"
BID, ASK = 0, 1


@lru_cache(maxsize=1)
def recorded_day(path: Path) -> tuple[Log, Clean]:
    """The recorded day, read once in a process."""
    log = read_log(path)
    return log, clean(log)


class Lines:
    """A log that is written one message at a time; prices in ticks of .01 USD, quantities in lots of 1e-8 BTC."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ms = 0
        self.trades = 0

    def order(self, kind: str, id: int, side: int, ticks: int, lots: int) -> "Lines":
        texts = {"price": f"{ticks / 100:.2f}", "amount": f"{lots / 1e8:.8f}", "datetime": str(START_MS // 1000)}
        return self._line(f"order_{kind}", {**texts, "id": id, "order_type": side})

    def trade(self, ticks: int, lots: int) -> "Lines":
        self.trades += 1
        return self._line("trade", {"price": ticks / 100, "amount": lots / 1e8, "id": self.trades})

    def book(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> "Lines":
        sides = [[[f"{t / 100:.2f}", f"{lots / 1e8:.8f}"] for t, lots in side] for side in (bids, asks)]
        return self._line("order_book", dict(zip(("bids", "asks"), sides, strict=True)))

    def wait(self, ms: int = 1) -> "Lines":
        self.ms += ms
        return self

    def write(self, path: Path) -> Path:
        with bz2.open(path, "wt") as file:
            file.writelines(line + "\n" for line in self.lines)
        return path

    def log(self, folder: Path) -> Log:
        return read_log(self.write(folder / "log.bz2"))

    def _line(self, kind: str, values: dict) -> "Lines":
        self.lines.append(f"{START_MS + self.ms} {kind} {json.dumps(values)}")
        return self


class Exchange:
    """Price-time matching of whole orders by the plainest means, which reports itself as a log does.

    One order may be ours: it is matched like any other, but its messages are left out of the log.
    """

    def __init__(self, maker_first: bool = True) -> None:
        self.out = Lines()
        self.resting: dict[int, list[int]] = {}  # id → side, ticks, lots; younger ones last
        self.ours: int | None = None
        self.filled_ms: int | None = None
        self.maker_first = maker_first

    def add(self, id: int, side: int, ticks: int, lots: int) -> None:
        self.out.order("created", id, side, ticks, lots)
        while lots and (maker := self._best_against(side, ticks)) is not None:
            traded = min(lots, self.resting[maker][2])
            lots -= traded
            if maker == self.ours:
                self._fill_us()
            else:
                self._report(maker, traded, (id, side, ticks, lots))
        if lots:
            self.resting[id] = [side, ticks, lots]

    def cancel(self, id: int) -> None:
        side, ticks, lots = self.resting.pop(id)
        self.out.order("deleted", id, side, ticks, lots)

    def place_ours(self, id: int, side: int, ticks: int) -> None:
        self.ours, self.resting[id] = id, [side, ticks, 1]

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(ticks, lots) of the others' levels, best first."""
        sums: dict[int, int] = {}
        for id, (of, ticks, lots) in self.resting.items():
            if of == side and id != self.ours:
                sums[ticks] = sums.get(ticks, 0) + lots
        return sorted(sums.items(), reverse=side == BID)

    def _best_against(self, side: int, ticks: int) -> int | None:
        """The order that an arriving one meets: best price, then the one that joined first."""
        against = [(t if side == BID else -t, i) for i, (s, t, _) in self.resting.items() if s != side]
        within = [(key, i) for key, i in against if key <= (ticks if side == BID else -ticks)]
        best = min((key for key, _ in within), default=None)
        return next((i for key, i in within if key == best), None)

    def _fill_us(self) -> None:
        del self.resting[self.ours]  # type: ignore[arg-type]
        self.filled_ms, self.ours = START_MS + self.out.ms, None

    def _report(self, maker: int, traded: int, taker: tuple[int, int, int, int]) -> None:
        side, ticks, before = self.resting[maker]
        self.resting[maker][2] = left = before - traded
        if not left:
            del self.resting[maker]
        reports = [(maker, side, ticks, left), taker]
        for id, of, price, rest in reports if self.maker_first else reversed(reports):
            self.out.order("changed" if rest else "deleted", id, of, price, rest)
        self.out.trade(ticks, traded)


def random_flow(seed: int, steps: int, exchange: Exchange, place_at: int = -1, side: int = BID) -> None:
    """Orders and cancellations at random; our order joins the touch of `side` after `place_at` steps.

    Lots come in tens, ours is one: until it fills it changes nothing for anybody.
    """
    rng = np.random.default_rng(seed)
    for id, ticks in enumerate((98, 97, 103, 104, 98, 103)):
        exchange.add(id + 1, BID if ticks < 100 else ASK, 10_000 + ticks, 50)
    for step in range(steps):
        exchange.out.wait(int(rng.integers(1, 400)))
        if step == place_at and (levels := exchange.levels(side)):
            exchange.place_ours(10**6, side, levels[0][0])
        kind, of, offset, lots = (
            rng.random(),
            int(rng.integers(2)),
            int(rng.integers(0, 6)),
            10 * int(rng.integers(1, 9)),
        )
        others = [id for id in exchange.resting if id != exchange.ours]
        if kind < 0.4 and others:
            exchange.cancel(int(rng.choice(others)))
        else:
            away = offset - 3 if kind < 0.75 else -offset - 1
            exchange.add(100 + step, of, 10_100 + (away if of == BID else -away), lots)
