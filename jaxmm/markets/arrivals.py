"""Arrivals of market orders on each side of a quote, stepped by `dt`. Each names its source."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxmm.markets.components import Array, Arrivals, Sides


class Rate(NamedTuple):
    """Of a stream with one number."""

    rate: Array  # float32 [], orders a time unit on each side


@dataclass(frozen=True)
class Poisson(Arrivals):
    """A constant intensity on each side, the same on both."""

    def rates(self, params: Rate, state: Any) -> Sides:
        """λ on both sides."""
        del state
        return Sides(params.rate, params.rate)
