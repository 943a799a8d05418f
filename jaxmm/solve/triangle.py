"""A dealer in three pairs of two assets, in steps: exact dynamic programming over hedges in every pair and six quotes.

Buying one lot of a pair moves the inventory (x, y): BTCUSDT by (1, 0), ETHUSDT by (0, 1), ETHBTC by (−1, 1). One step:
hedge u_p lots in every pair at cost Σ ψ_p|u_p| + ηu_p²; then at most one client comes, at pair and side with
λ_p·dt/(1 + e^(a + bδ)), and gains us δ; then −φ·dt·R(x, y), R = σ₁²x² + 2ρσ₁σ₂xy + σ₂²y², and the mids move, by
√(dt·R(x, y))·ξ in our money. At the end −α(x² + y²). Nothing that leaves |x|, |y| ≤ Q is done.
As no two clients come at once, each quote is the best for itself: max p(δ)(δ + g(after) − g).
S = (2Q+1)² states, x slowest · N steps · H hedges · K quotes · 6 clients: bid and ask of each pair in turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import Triangle
from jaxmm.solve.chain import Moments, Outcomes, Score, evaluate
from jaxmm.solve.internalise import client_probability, snapped
from jaxmm.solve.solution import Policy, Solution

PAIRS = ("BTCUSDT", "ETHUSDT", "ETHBTC")
MOVES = np.array([[1, 0], [0, 1], [-1, 1]])  # of (x, y) when we buy one lot of a pair
CLIENTS = np.stack([MOVES, -MOVES], axis=1).reshape(6, 2)  # of (x, y), our bid and our ask in each pair
ACTIONS = ("hedge_1", "hedge_2", "hedge_3", "bid_1", "ask_1", "bid_2", "ask_2", "bid_3", "ask_3")


class Plan(NamedTuple):
    """The best that a dealer can do under a rule for hedges."""

    actions: np.ndarray  # float64 [N, S, 9], as `score` takes them
    value: np.ndarray  # float64 [N+1, S]


@dataclass(frozen=True)
class TriangleSolver:
    """Solves and scores one set of parameters. Raises `InputError` where more than one client a step would come."""

    model: Triangle

    def __post_init__(self) -> None:
        model = self.model
        if not model.quotes or len(model.sigma) != 2 or len(model.lam) != 3 or len(model.psi) != 3:
            raise InputError("tri-dt: give two of sigma, three of lam, three of psi and at least one of quotes")
        if abs(model.rho) > 1:
            raise InputError(f"tri-dt: rho is {model.rho:g}; a correlation is within −1 and 1")
        most = 2 * float(self.probability(np.full(3, min(model.quotes))).sum())
        if most > 1:
            raise InputError(f"tri-dt: clients come with probability {most:.3g} a step; give a larger N or less lam")

    @cached_property
    def states(self) -> np.ndarray:
        """(x, y), int64 [S, 2]."""
        lots = range(-self.model.Q, self.model.Q + 1)
        return np.array(list(product(lots, lots)))

    @cached_property
    def risk(self) -> np.ndarray:
        """R(x, y), float64 [S]."""
        one, two = (self.states * self.model.sigma).T
        return one**2 + 2 * self.model.rho * one * two + two**2

    @property
    def start(self) -> int:
        """Index of (0, 0)."""
        return len(self.states) // 2

    def solve(self) -> Solution:
        """The optimum; `never_hedge` and `dollar_pairs_only` quote as well as can be under fewer hedges."""
        plans = self.plans()
        scores = {name: self.score(plan.actions) for name, plan in plans.items()}
        best = plans["optimal"]
        x, y = self.states.T
        columns = np.moveaxis(best.actions, 2, 0)
        corner = best.actions[0, self.index(np.array([self.model.Q, -self.model.Q]))]
        return Solution(
            J_star=float(best.value[0, self.start]),
            sd=scores["optimal"].sd,
            policy=Policy({"x": x, "y": y}, dict(zip(ACTIONS, columns, strict=True))),
            scores=scores,
            facts={"hedges_long_btc_short_eth": corner[:3].tolist()},
        )

    def plans(self) -> dict[str, Plan]:
        """The optimum and the reference policies."""
        pairs = {
            "optimal": (True, True, True),
            "never_hedge": (False, False, False),
            "dollar_pairs_only": (True, True, False),
        }
        return {name: self.plan(may_hedge) for name, may_hedge in pairs.items()}

    def plan(self, may_hedge: tuple[bool, bool, bool] = (True, True, True)) -> Plan:
        """The best quotes and hedges, with hedges in the pairs where one may."""
        model, states = self.model, len(self.states)
        sizes = self._hedges(may_hedge)
        after, inside = self._moved(sizes @ MOVES)  # [S, H]
        cost = np.where(inside, self.cost(sizes), np.inf)
        value = np.empty((model.N + 1, states))
        value[-1] = -model.alpha * (self.states**2).sum(axis=1)
        actions = np.empty((model.N, states, len(ACTIONS)))
        for n in reversed(range(model.N)):
            best, quotes = self._clients(value[n + 1] - model.phi * model.dt * self.risk)
            total = best[after] - cost
            chosen = total.argmax(axis=1)
            reached = np.take_along_axis(after, chosen[:, None], axis=1)[:, 0]
            value[n] = total.max(axis=1)
            actions[n] = np.concatenate([sizes[chosen], quotes[reached]], axis=1)
        return Plan(actions, value)

    def score(self, actions: np.ndarray) -> Score:
        """See `jaxmm.solve.solution.Solvable`; hedges are whole and stay within ±U, quotes are on the grid."""
        return self.moments(actions).score(self.start)

    def moments(self, actions: np.ndarray) -> Moments:
        """Of the return from every step and state under `actions` [N, S, 9]."""
        model = self.model
        asked = np.asarray(actions, float)
        shape = (model.N, len(self.states), len(ACTIONS))
        if asked.shape != shape:
            raise InputError(f"tri-dt: actions have shape {asked.shape}; they must be {shape}: step, state, action")
        if not np.isfinite(asked[..., :3]).all():
            raise InputError("tri-dt: a hedge is not a finite number; it must be a number of lots")
        hedges = np.clip(np.rint(asked[..., :3]), -model.U, model.U)
        inside = (np.abs(self.states + hedges @ MOVES) <= model.Q).all(axis=2)
        hedges = np.where(inside[..., None], hedges, 0)
        terminal = -model.alpha * (self.states**2.0).sum(axis=1)
        return evaluate(self._outcomes(hedges, snapped(asked[..., 3:], model.quotes)), model.N, terminal)

    def cost(self, hedges: np.ndarray) -> np.ndarray:
        """Of buying `hedges` [..., 3] lots."""
        return (np.array(self.model.psi) * np.abs(hedges) + self.model.eta * hedges**2.0).sum(axis=-1)

    def probability(self, depths: np.ndarray) -> np.ndarray:
        """Of a client within a step at each pair's depth [..., 3]; 0 at nan."""
        rates = np.array(self.model.lam) * self.model.dt
        return rates * client_probability(depths, 1.0, self.model.a, self.model.b)

    def index(self, state: np.ndarray) -> np.ndarray:
        """Index of (x, y) [..., 2]."""
        shifted = state + self.model.Q
        return shifted[..., 0] * (2 * self.model.Q + 1) + shifted[..., 1]

    def _hedges(self, may_hedge: tuple[bool, bool, bool]) -> np.ndarray:
        """int64 [H, 3], the cheapest first, which of equals is taken."""
        lots = [range(-self.model.U, self.model.U + 1) if may else (0,) for may in may_hedge]
        sizes = np.array(list(product(*lots)))
        return sizes[np.argsort(self.cost(sizes), kind="stable")]

    def _moved(self, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Index of the state reached by each of `moves` [M, 2], and whether it is in the box; [S, M] both."""
        reached = self.states[:, None] + moves
        inside = (np.abs(reached) <= self.model.Q).all(axis=2)
        return np.where(inside, self.index(reached), 0), inside

    def _clients(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best expected value [S] at every state after hedging, and the quotes [S, 6]; nan where not allowed."""
        depths = np.array(self.model.quotes)
        p = np.repeat(self.probability(depths[:, None].repeat(3, axis=1)).T, 2, axis=0)  # [6, K]
        after, inside = self._moved(CLIENTS)
        gain = p * (depths + (g[after] - g[:, None])[..., None])  # [S, 6, K]
        quotes = np.where(inside, depths[gain.argmax(axis=2)], np.nan)
        return g + np.where(inside, gain.max(axis=2), 0.0).sum(axis=1), quotes

    def _outcomes(self, hedges: np.ndarray, quotes: np.ndarray) -> Callable[[int], Outcomes]:
        """No client, or one of six: what may happen in step n under a tabulated policy."""
        model = self.model

        def step(n: int) -> Outcomes:
            hedged = self.states + (hedges[n] @ MOVES).astype(int)
            reached = hedged[:, None] + CLIENTS
            inside = (np.abs(reached) <= model.Q).all(axis=2)
            bids, asks = self.probability(quotes[n, :, ::2]), self.probability(quotes[n, :, 1::2])
            p = np.where(inside, np.stack([bids, asks], axis=2).reshape(-1, 6), 0.0)
            prob = np.concatenate([1 - p.sum(axis=1, keepdims=True), p], axis=1)
            after = np.concatenate([hedged[:, None], np.where(inside[..., None], reached, hedged[:, None])], axis=1)
            after = self.index(after)
            gain = np.nan_to_num(np.concatenate([np.zeros((len(p), 1)), quotes[n]], axis=1))
            reward = gain - self.cost(hedges[n])[:, None] - model.phi * model.dt * self.risk[after]
            return Outcomes(prob, reward, after, np.sqrt(model.dt * self.risk[after]))

        return step
