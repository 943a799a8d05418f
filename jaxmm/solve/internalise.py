"""The dealer who may internalise or hedge, in steps: exact dynamic programming over hedge × bid quote × ask quote.

One step from inventory q: hedge u at cost ψ|u| + ηu², then a client may sell to us at depth δb (probability p(δb)) and
another buy from us at δa, each one unit and blocked at ±Q; then −φ·dt·q², then the mid moves by σ√dt·ξ. At the end
−αq². With g = h_{n+1}(q) − φ·dt·q² the clients' part is g + p_b(δb + g(q+1) − g) + p_a(δa + g(q−1) − g) +
p_a p_b(2g − g(q+1) − g(q−1)), and the dealer chooses u for the best of it at q + u less the cost. The discrete cousin
of Barzykin, Bergault & Guéant (`jaxmm.solve.bbg`). S = 2Q+1 inventories −Q … Q · N steps · K quotes a side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import Internalise
from jaxmm.solve.chain import Moments, Outcomes, Score, evaluate
from jaxmm.solve.solution import Policy, Solution

ACTIONS = ("hedge", "bid_depth", "ask_depth")


class Plan(NamedTuple):
    """The best that a dealer can do under a rule for hedges."""

    actions: np.ndarray  # float64 [N, S, 3], as `score` takes them
    value: np.ndarray  # float64 [N+1, S]


@dataclass(frozen=True)
class InternaliseSolver:
    """Solves and scores one set of parameters."""

    model: Internalise

    def __post_init__(self) -> None:
        if not self.model.quotes:
            raise InputError("int-dt: quotes is empty; give at least one depth")

    @cached_property
    def inventory(self) -> np.ndarray:
        """−Q … Q, int64 [S]."""
        return np.arange(-self.model.Q, self.model.Q + 1)

    def solve(self) -> Solution:
        """The optimum; `never_hedge` and `always_hedge` quote as well as can be without and with every hedge."""
        plans = self.plans()
        scores = {name: self.score(plan.actions) for name, plan in plans.items()}
        best = plans["optimal"]
        low, high = no_hedge_zone(best.actions[..., 0])
        columns = np.moveaxis(best.actions, 2, 0)
        return Solution(
            J_star=float(best.value[0, self.model.Q]),
            sd=scores["optimal"].sd,
            policy=Policy({"inventory": self.inventory}, dict(zip(ACTIONS, columns, strict=True))),
            scores=scores,
            facts={"no_hedge_low": low.tolist(), "no_hedge_high": high.tolist()},
        )

    def plans(self) -> dict[str, Plan]:
        """The optimum and the reference policies."""
        none, all_at_once = np.zeros_like(self.inventory), np.clip(-self.inventory, -self.model.U, self.model.U)
        hedges = {"optimal": None, "never_hedge": none, "always_hedge": all_at_once}
        return {name: self.plan(hedge) for name, hedge in hedges.items()}

    def plan(self, hedge: np.ndarray | None = None) -> Plan:
        """The best quotes, and the best hedges where `hedge` [S] does not say what to do."""
        model, states = self.model, len(self.inventory)
        sizes = np.array(sorted(range(-model.U, model.U + 1), key=abs))  # of equals the first, the smaller, is taken
        after = self.inventory[:, None] + sizes  # [S, 2U+1]
        cost = np.where(np.abs(after) <= model.Q, self.cost(sizes), np.inf)
        if hedge is not None:
            cost = np.where(sizes == hedge[:, None], cost, np.inf)
        after = np.clip(after + model.Q, 0, states - 1)
        value = np.empty((model.N + 1, states))
        value[-1] = -model.alpha * self.inventory**2.0
        actions = np.empty((model.N, states, len(ACTIONS)))
        for n in reversed(range(model.N)):
            best, bid, ask = self._clients(value[n + 1] - model.phi * model.dt * self.inventory**2.0)
            total = best[after] - cost
            chosen = total.argmax(axis=1)
            reached = np.take_along_axis(after, chosen[:, None], axis=1)[:, 0]
            value[n] = total.max(axis=1)
            actions[n] = np.stack([sizes[chosen], bid[reached], ask[reached]], axis=1)
        return Plan(actions, value)

    def score(self, actions: np.ndarray) -> Score:
        """See `jaxmm.solve.solution.Solvable`; hedges are whole and stay within ±U and ±Q, quotes are on the grid."""
        return self.moments(actions).score(self.model.Q)

    def moments(self, actions: np.ndarray) -> Moments:
        """Of the return from every step and inventory under `actions` [N, S, 3]."""
        model = self.model
        asked = np.asarray(actions, float)
        shape = (model.N, len(self.inventory), len(ACTIONS))
        if asked.shape != shape:
            raise InputError(f"int-dt: actions have shape {asked.shape}; they must be {shape}: step, inventory, action")
        if not np.isfinite(asked[..., 0]).all():
            raise InputError("int-dt: a hedge is not a finite number; it must be a number of lots")
        hedge = np.clip(np.rint(asked[..., 0]), -model.U, model.U)
        hedge = np.clip(self.inventory + hedge, -model.Q, model.Q) - self.inventory
        bid, ask = snapped(asked[..., 1], model.quotes), snapped(asked[..., 2], model.quotes)
        terminal = -model.alpha * self.inventory**2.0
        return evaluate(self._outcomes(hedge.astype(int), bid, ask), model.N, terminal)

    def cost(self, hedge: np.ndarray) -> np.ndarray:
        """Of buying `hedge` lots."""
        return self.model.psi * np.abs(hedge) + self.model.eta * hedge**2.0

    def probability(self, depth: np.ndarray) -> np.ndarray:
        """Of a client within a step at `depth`; 0 at nan."""
        return client_probability(depth, self.model.lam * self.model.dt, self.model.a, self.model.b)

    def _clients(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best expected value over bid and ask quotes at every inventory after hedging, and those quotes [S]."""
        depths = np.array(self.model.quotes)
        p = self.probability(depths)
        up, down = np.append(g[1:], g[-1]) - g, np.append(g[0], g[:-1]) - g
        bought, sold = depths + up[:, None], depths + down[:, None]  # [S, K], worth of each client
        p_bid = np.where(self.inventory[:, None] < self.model.Q, p, 0.0)
        p_ask = np.where(self.inventory[:, None] > -self.model.Q, p, 0.0)
        apart = (p_bid * bought)[:, :, None] + (p_ask * sold)[:, None, :]
        total = apart - p_bid[:, :, None] * p_ask[:, None, :] * (up + down)[:, None, None]
        chosen = total.reshape(len(g), -1).argmax(axis=1)
        bid, ask = depths[chosen // len(depths)], depths[chosen % len(depths)]
        bid = np.where(self.inventory < self.model.Q, bid, np.nan)
        ask = np.where(self.inventory > -self.model.Q, ask, np.nan)
        return g + total.reshape(len(g), -1).max(axis=1), bid, ask

    def _outcomes(self, hedge: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> Callable[[int], Outcomes]:
        """No client, a seller, a buyer, both: what may happen in step n under a tabulated policy."""
        model = self.model

        def step(n: int) -> Outcomes:
            hedged = self.inventory + hedge[n]
            p_bid = np.where(hedged < model.Q, self.probability(bid[n]), 0.0)
            p_ask = np.where(hedged > -model.Q, self.probability(ask[n]), 0.0)
            prob = np.stack([(1 - p_bid) * (1 - p_ask), p_bid * (1 - p_ask), (1 - p_bid) * p_ask, p_bid * p_ask], 1)
            after = hedged[:, None] + np.where(prob > 0, [0, 1, -1, 0], 0)
            spread = np.nan_to_num(np.stack([np.zeros_like(bid[n]), bid[n], ask[n], bid[n] + ask[n]], 1))
            reward = spread - self.cost(hedge[n])[:, None] - model.phi * model.dt * after**2.0
            return Outcomes(prob, reward, after + model.Q, model.sigma * np.sqrt(model.dt) * np.abs(after))

        return step


def client_probability(depth: np.ndarray, most: float, a: float, b: float) -> np.ndarray:
    """most / (1 + e^(a + bδ)), no more than 1; 0 where there is no quote (nan)."""
    rate = most / (1.0 + np.exp(np.minimum(a + b * depth, 700.0)))
    return np.where(np.isnan(depth), 0.0, np.minimum(rate, 1.0))


def snapped(depth: np.ndarray, quotes: tuple[float, ...]) -> np.ndarray:
    """The nearest of `quotes`, nan where there is no quote."""
    grid = np.array(sorted(quotes))
    asked = np.clip(np.nan_to_num(depth), grid[0], grid[-1])
    nearest = grid[np.abs(grid - asked[..., None]).argmin(axis=-1)]
    return np.where(np.isnan(depth), np.nan, nearest)


def no_hedge_zone(hedge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest inventory around 0 that is left alone, int64 [N] each, from hedges [N, S]."""
    middle = hedge.shape[1] // 2
    still = hedge == 0
    high = np.cumprod(still[:, middle:], axis=1).sum(axis=1) - 1
    low = 1 - np.cumprod(still[:, middle::-1], axis=1).sum(axis=1)
    return low, high
