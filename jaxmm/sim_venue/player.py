"""Plays a recording in wall time: into the exchange, and as the messages of the public streams."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jaxmm.exchange.reference import ASK, BID
from jaxmm.sim_venue.matching import Exchange
from jaxmm.sim_venue.recording import Level, Message, Recording

BURST = 200
"""Messages after which others on the event loop have their turn, even where more are due."""
SOONEST_S = 0.001

Publish = Callable[[str, dict[str, Any]], None]
"""Takes a stream's name without the symbol, such as `depth`, and the message."""


@dataclass
class Player:
    """Recorded time t is played at the start + t / speed; when the recording ends it begins again.

    The first message of the next round is a snapshot, so one diff turns the last book into the first, and ids go on.
    """

    exchange: Exchange
    recording: Recording
    speed: float
    publish: Publish
    update_id: int = 1_000_000  # that the book has reached
    played: int = 0  # messages so far
    trades: list[dict[str, Any]] = field(default_factory=list)  # the latest ones
    _trade_id: int = 9_000_000

    def begin(self) -> None:
        """Applies the first book; time starts."""
        self._start = time.monotonic_ns()
        self.exchange.depth(self.exchange.changes(self.recording.message(0)))
        self.played = 1

    @property
    def recorded_s(self) -> float:
        """Recorded seconds played so far."""
        return (time.monotonic_ns() - self._start) * self.speed / 1e9

    async def run(self) -> None:
        """Plays until it is cancelled."""
        while True:
            for _ in range(BURST):
                rounds, index = divmod(self.played, len(self.recording))
                due = rounds * self.recording.span_ns + int(self.recording.ts[index])
                wait = self._start + due / self.speed - time.monotonic_ns()
                if wait > 0:
                    await asyncio.sleep(max(wait / 1e9, SOONEST_S))
                    break
                self.step(self.recording.message(index))
            else:
                await asyncio.sleep(0)

    def step(self, message: Message) -> None:
        """One message of the market."""
        self.played += 1
        if message.trade:
            self._trade(*message.levels[0])
        else:
            changed = self.exchange.changes(message)
            touch = self._touch()
            self.exchange.depth(changed)
            self._depth(changed)
            if self._touch() != touch:
                self._book_ticker()

    def _trade(self, side: int, ticks: int, lots: int) -> None:
        self.exchange.trade(side, ticks, lots)
        units, now = self.exchange.units, self.exchange.now_ms()
        self._trade_id += 1
        price, qty = units.price(ticks), units.qty(lots)
        body = {"E": now, "s": units.instrument.symbol, "p": price, "q": qty, "T": now, "m": side == ASK}
        market = {"M": True} if units.spot else {"X": "MARKET"}
        self.publish("trade", {"e": "trade", **body, "t": self._trade_id, **market})
        self.publish(
            "aggTrade", {"e": "aggTrade", **body, "a": self._trade_id, "f": self._trade_id, "l": self._trade_id}
        )
        print_ = {"id": self._trade_id, "price": price, "qty": qty, "time": now, "isBuyerMaker": side == ASK}
        self.trades = [*self.trades[-999:], print_]

    def _depth(self, changed: list[Level]) -> None:
        units, now = self.exchange.units, self.exchange.now_ms()
        sides = [[[units.price(t), units.qty(lots)] for s, t, lots in changed if s == side] for side in (BID, ASK)]
        before, self.update_id = self.update_id, self.update_id + max(len(changed), 1)
        body = {"e": "depthUpdate", "E": now, "s": units.instrument.symbol, "U": before + 1, "u": self.update_id}
        if not units.spot:
            body |= {"T": now, "pu": before}
        self.publish("depth", {**body, "b": sides[BID], "a": sides[ASK]})

    def _touch(self) -> list[tuple[int, int]]:
        book = self.exchange.venue.book
        best = [(side, self.exchange.best(side)) for side in (BID, ASK)]
        return [(price, book[side].get(price, 0)) for side, price in best if price is not None]

    def _book_ticker(self) -> None:
        body = self.book_ticker()
        if body is not None:
            self.publish("bookTicker", body)

    def book_ticker(self) -> dict[str, Any] | None:
        """Best prices and quantities; None where a side is empty."""
        units, now, touch = self.exchange.units, self.exchange.now_ms(), self._touch()
        if len(touch) < 2:
            return None
        (bid, bid_lots), (ask, ask_lots) = touch
        body = {"u": self.update_id, "s": units.instrument.symbol}
        body |= {"b": units.price(bid), "B": units.qty(bid_lots), "a": units.price(ask), "A": units.qty(ask_lots)}
        return body if units.spot else {"e": "bookTicker", **body, "T": now, "E": now}
