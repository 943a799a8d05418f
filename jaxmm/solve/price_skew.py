"""The dealer's first model solved on the host: policy iteration over inventories (Howard 1960).

A step from inventory q: quotes at depths δb and δa, in spreads from the mid, are executed with p(δ) = exp(−k(δ − ½)^c),
or `best` where they improve the market (δ ≤ ½), times the arrival of an order; F = S·δ for each execution less the fee,
less r·dt·(Ωq²)^u; V(q) = max E[F + βV(q′)]. One currency, orders of one unit, a constant spread, no memory, no delay:
those extensions have no exact answer here. The mid may move: it adds to the deviation alone.
S = 2·limit + 1 inventories · K depths of a fine grid.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import PriceSkew
from jaxmm.solve.chain import Score
from jaxmm.solve.solution import Policy, Solution

FARTHEST = 4.0  # depth in spreads, the last that is tried
_GRID = 176  # depths from ½ to FARTHEST, .02 apart
_MOST_ROUNDS = 100
_BASE = {"size": 0.0, "partial": 0.0, "spread_sd": 0.0, "boost": 0.0, "delay": 0}


class _Values(NamedTuple):
    """Of the discounted return under one policy, float64 [S] each."""

    mean: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class PriceSkewSolver:
    """Solves and scores one set of parameters. Raises `InputError` where an extension has no exact answer."""

    model: PriceSkew

    def __post_init__(self) -> None:
        extended = [name for name, base in _BASE.items() if getattr(self.model, name) != base]
        if extended or len(self.model.omega) != 1:
            raise InputError(
                f"price-skew: {', '.join(extended) or 'omega'} extends the model beyond what is solved exactly; "
                "one currency, unit orders and a constant spread are"
            )
        if not 0 <= self.model.beta < 1:
            raise InputError(f"price-skew: beta is {self.model.beta:g}; it must be at least 0 and below 1")

    @cached_property
    def inventory(self) -> np.ndarray:
        """−limit … limit, int64 [S]."""
        return np.arange(-self.model.limit, self.model.limit + 1)

    def solve(self) -> Solution:
        """The optimum, and `myopic`: the quotes of the largest P&L of the step, whatever the inventory."""
        depths = np.linspace(0.5, FARTHEST, _GRID)
        nearest = depths[np.argmax(self._gain(depths) * self.probability(depths))]
        myopic = np.broadcast_to(nearest, (1, len(self.inventory), 2))
        actions = self._best(depths)[None]
        scores = {"optimal": self.score(actions), "myopic": self.score(myopic)}
        policy = Policy({"inventory": self.inventory}, {"bid_depth": actions[..., 0], "ask_depth": actions[..., 1]})
        values = self._values(actions[0]).mean
        return Solution(*scores["optimal"], policy, scores, {"value": values.tolist()})

    def score(self, actions: np.ndarray) -> Score:
        """The discounted return from no inventory of a stationary policy, float64 [1, S, 2]; nan is no quote."""
        asked = np.asarray(actions, float)
        shape = (1, len(self.inventory), 2)
        if asked.shape != shape:
            raise InputError(f"price-skew: actions have shape {asked.shape}; they must be {shape}: inventory, side")
        values = self._values(asked[0])
        return Score(float(values.mean[self.model.limit]), math.sqrt(values.variance[self.model.limit]))

    def probability(self, depth: np.ndarray) -> np.ndarray:
        """Of an execution within a step at `depth`; 0 at nan."""
        model = self.model
        beyond = np.maximum(np.nan_to_num(depth) - 0.5, 0.0)
        p = np.where(beyond > 0, np.exp(-model.k * beyond**model.curvature), model.best) * model.arrival
        return np.where(np.isnan(depth), 0.0, np.minimum(p, 1.0))

    def _gain(self, depth: np.ndarray) -> np.ndarray:
        """P&L of an execution."""
        return self.model.S * np.nan_to_num(depth) - self.model.fee

    def _risk(self) -> np.ndarray:
        """r·dt·Risk, float64 [S]."""
        return self.model.r * self.model.dt * (self.model.omega[0] * self.inventory**2.0) ** self.model.u

    def _outcomes(self, quotes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probability, reward without risk, and inventory reached: none, bid, ask, both; [S, 4] each."""
        limit = self.model.limit
        bid, ask = quotes.T
        p_bid = np.where(self.inventory < limit, self.probability(bid), 0.0)
        p_ask = np.where(self.inventory > -limit, self.probability(ask), 0.0)
        prob = np.stack([(1 - p_bid) * (1 - p_ask), p_bid * (1 - p_ask), (1 - p_bid) * p_ask, p_bid * p_ask], 1)
        buys, sells = self._gain(bid), self._gain(ask)
        reward = np.stack([np.zeros_like(buys), buys, sells, buys + sells], 1)
        return prob, reward, self.inventory[:, None] + np.where(prob > 0, [0, 1, -1, 0], 0)

    def _values(self, quotes: np.ndarray) -> _Values:
        """V = E[F] + βPV, and v = Var[F + βV′] + β²Pv."""
        model, states = self.model, len(self.inventory)
        prob, reward, after = self._outcomes(quotes)
        chain = np.zeros((states, states))
        np.add.at(chain, (np.arange(states)[:, None], after + model.limit), prob)
        mean = np.linalg.solve(np.eye(states) - model.beta * chain, (prob * reward).sum(axis=1) - self._risk())
        surprise = reward - self._risk()[:, None] + model.beta * mean[after + model.limit] - mean[:, None]
        moved = model.sigma**2 * model.omega[0] * model.dt * after**2
        noise = (prob * (surprise**2 + moved)).sum(axis=1)
        return _Values(mean, np.linalg.solve(np.eye(states) - model.beta**2 * chain, noise))

    def _best(self, depths: np.ndarray) -> np.ndarray:
        """The optimal quotes on the grid `depths` [K], float64 [S, 2]; nan where blocked."""
        quotes = np.full((len(self.inventory), 2), depths[-1])
        for _ in range(_MOST_ROUNDS):
            improved = self._improved(self.model.beta * self._values(quotes).mean, depths)
            if np.array_equal(improved, quotes, equal_nan=True):
                return quotes
            quotes = improved
        raise InputError(f"price-skew: no policy is the best after {_MOST_ROUNDS} rounds; a smaller beta may do")

    def _improved(self, value: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """The best quotes if the future is worth `value` [S]."""
        p, gain, limit = self.probability(depths), self._gain(depths), self.model.limit
        up, down = np.append(value[1:], value[-1]) - value, np.append(value[0], value[:-1]) - value
        quotes = np.full((len(value), 2), np.nan)
        for at, q in enumerate(self.inventory):
            p_bid, p_ask = p * (q < limit), p * (q > -limit)
            total = (p_bid * (gain + up[at]))[:, None] + p_ask * (gain + down[at])
            total = total - np.outer(p_bid, p_ask) * (up[at] + down[at])
            best = np.unravel_index(total.argmax(), total.shape)
            quotes[at] = depths[best[0]] if q < limit else np.nan, depths[best[1]] if q > -limit else np.nan
        return quotes
