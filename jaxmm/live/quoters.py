"""Quoters made of quoters: a policy that says when it is unfit, wider quotes, bounds by a closed form, ensembles.

All speak the one interface of strategies and policies (`jaxmm.policy.types.Quoter`), so each may stand inside another.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from jaxmm.features.observation import observation
from jaxmm.policy.bundle import Policy
from jaxmm.policy.types import Quoter, Quotes, View, passive, within_position


class Unfit(Exception):
    """A quoter cannot answer for this view; its text says why."""


class CheckedPolicy(NamedTuple):
    """A learned policy that refuses, by `Unfit`, what a network would answer without a word."""

    policy: Policy

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """The policy's own quotes, on numpy. Raises `Unfit` where an input or an output is not finite."""
        policy = self.policy
        seen = observation(view, policy.max_position_lots, policy.distance_ticks, xp)
        if not xp.isfinite(seen).all():
            raise Unfit("an observation is not finite")
        output = policy.network.forward(seen, xp)
        if not xp.isfinite(output).all():
            raise Unfit("an output of the network is not finite")
        quotes = policy.actions.decode(policy.network.head(output, xp), view, xp)
        return within_position(quotes, view.position_lots, policy.max_position_lots, xp)


class Widened(NamedTuple):
    """Another quoter's quotes, further from the mid by some ticks."""

    quoter: Quoter
    ticks: int

    @property
    def orders(self) -> int:
        """The most orders a side."""
        return int(getattr(self.quoter, "orders", 1))

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view."""
        quotes = self.quoter.quote(view, xp)
        return quotes._replace(bid_ticks=quotes.bid_ticks - self.ticks, ask_ticks=quotes.ask_ticks + self.ticks)


class Bounded(NamedTuple):
    """One quoter proposes, another bounds it: never nearer to the mid, never larger, never a side that it leaves out.

    Both quote one order a side.
    """

    proposes: Quoter
    bounds: Quoter

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view."""
        wanted, bound = self.proposes.quote(view, xp), self.bounds.quote(view, xp)
        return Quotes(
            xp.minimum(wanted.bid_ticks, bound.bid_ticks),
            xp.minimum(wanted.bid_lots, bound.bid_lots),
            xp.maximum(wanted.ask_ticks, bound.ask_ticks),
            xp.minimum(wanted.ask_lots, bound.ask_lots),
            wanted.flatten | bound.flatten,
        )


class Ensemble(NamedTuple):
    """The middle of several quoters of one order a side: a side is quoted, and a position closed, by more than half.

    Of prices and sizes of those that quote a side the median counts, of an even number the more cautious of the two.
    """

    members: tuple[Quoter, ...]

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view, on numpy."""
        answers = [member.quote(view, xp) for member in self.members]
        bid, bid_lots = _middle([(int(q.bid_ticks), int(q.bid_lots)) for q in answers], 1)
        ask, ask_lots = _middle([(int(q.ask_ticks), int(q.ask_lots)) for q in answers], -1)
        bid, ask = (bid if bid_lots else view.bid_ticks), (ask if ask_lots else view.ask_ticks)
        prices = passive(bid, ask, view, xp)
        close = sum(bool(q.flatten) for q in answers) * 2 > len(answers)
        return Quotes(prices[0], np.int32(bid_lots), prices[1], np.int32(ask_lots), np.bool_(close))


def _middle(quotes: list[tuple[int, int]], sign: int) -> tuple[int, int]:
    """(price, lots) of one side; `sign` −1 of asks, so that the lower median is the one further from the mid."""
    quoting = [(sign * price, lots) for price, lots in quotes if lots > 0]
    if len(quoting) * 2 <= len(quotes):
        return 0, 0
    middle = (len(quoting) - 1) // 2
    prices, sizes = (sorted(column) for column in zip(*quoting, strict=True))
    return sign * prices[middle], sizes[middle]
