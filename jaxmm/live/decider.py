"""Who decides: the configured quoter while it is fit, a baseline at a wider spread where it is not, then nobody.

The first quoter goes on being asked while the baseline stands in, so that it comes back once it has been fit for a
while. Nobody left to ask is a reason to halt, which is risk's business. A baseline's answer counts however long it
took: a process that was held up for a moment is no reason to halt.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from jaxmm.features.live import Seen
from jaxmm.live.quoters import Unfit
from jaxmm.policy.types import Quoter, Quotes, View


class Level(StrEnum):
    """Who decided."""

    PRIMARY = "primary"
    BASELINE = "baseline"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Decision:
    """What is wanted at one decision, and who wants it."""

    quotes: Quotes | None  # None of nobody
    level: Level
    trouble: str | None = None  # why the primary quoter did not decide; None where it did
    nobody: str | None = None  # why the baseline did not either
    took_ns: int = 0


@dataclass(frozen=True)
class Bounds:
    """What no quoter may ask for."""

    max_lots: int  # of one order
    max_distance_ticks: int  # from the mid

    def broken_by(self, quotes: Quotes, view: View) -> str | None:
        """What is outside, in words; None where nothing is."""
        mid = (int(view.bid_ticks) + int(view.ask_ticks)) / 2
        sides = (("bid", quotes.bid_ticks, quotes.bid_lots), ("ask", quotes.ask_ticks, quotes.ask_lots))
        for name, prices, sizes in sides:
            for price, lots in zip(np.ravel(prices).tolist(), np.ravel(sizes).tolist(), strict=True):
                if not 0 <= lots <= self.max_lots:
                    return f"{name} of {lots} lots; at most {self.max_lots} are allowed"
                if lots and abs(price - mid) > self.max_distance_ticks:
                    return f"{name} at {price} is more than {self.max_distance_ticks} ticks from the mid {mid:g}"
        return None


class Decider:
    """The fall-back chain; `perf_ns` is a clock that only runs forward."""

    def __init__(
        self,
        primary: Quoter,
        baseline: Quoter | None,
        bounds: Bounds,
        *,
        timeout_ns: int,
        recover_after: int,
        perf_ns: Callable[[], int],
    ) -> None:
        self._primary, self._baseline, self._bounds = primary, baseline, bounds
        self._timeout_ns, self._recover_after, self._perf_ns = timeout_ns, recover_after, perf_ns
        self._level, self._fit_for = Level.PRIMARY, 0

    def decide(self, view: View, unfit: str | None = None) -> Decision:
        """Quotes of the best quoter that is fit; `unfit` says what speaks against the primary one from outside."""
        began = self._perf_ns()
        quotes, trouble = self._ask(self._primary, view)
        took = self._perf_ns() - began
        if trouble is None and took > self._timeout_ns:
            trouble = f"took {took / 1e6:.1f} ms; {self._timeout_ns / 1e6:.1f} ms are allowed"
        trouble = unfit or trouble
        self._fit_for = self._fit_for + 1 if trouble is None else 0
        if trouble is None and self._level is not Level.PRIMARY and self._fit_for < self._recover_after:
            trouble = f"fit again for {self._fit_for} of {self._recover_after} decisions"
        decision = Decision(quotes, Level.PRIMARY) if trouble is None else self._instead(view, trouble)
        self._level = decision.level
        return replace(decision, took_ns=self._perf_ns() - began)

    def _instead(self, view: View, trouble: str) -> Decision:
        if self._baseline is None:
            return Decision(None, Level.NOBODY, trouble, f"{trouble}; there is no baseline")
        quotes, worse = self._ask(self._baseline, view)
        if worse is not None:
            return Decision(None, Level.NOBODY, trouble, f"{trouble}; the baseline: {worse}")
        return Decision(quotes, Level.BASELINE, trouble)

    def _ask(self, quoter: Quoter, view: View) -> tuple[Quotes | None, str | None]:
        """Its quotes, or what is wrong with it: any error of a quoter means that another one decides."""
        try:
            with np.errstate(invalid="raise", over="raise"):
                quotes = quoter.quote(view, np)
        except Unfit as unfit:
            return None, str(unfit)
        except Exception as error:
            return None, f"{type(error).__name__}: {error}"
        broken = self._bounds.broken_by(quotes, view)
        return (None, broken) if broken else (quotes, None)


def view_of(seen: Seen, position_lots: int, own: tuple[tuple[np.ndarray, np.ndarray], ...]) -> View:
    """What a quoter is told, as a backtest fills it: our orders as far as they were answered, no horizon.

    Args:
        seen: the market at the decision.
        position_lots: signed.
        own: of bids and of asks, (prices, open lots), int32 [M], or scalars with one order a side.
    """
    (bid, bid_lots), (ask, ask_lots) = own
    touch = seen.book_price[:, 0]
    return View(touch[0], touch[1], np.int32(position_lots), seen.features, bid, bid_lots, ask, ask_lots, np.float32(1))
