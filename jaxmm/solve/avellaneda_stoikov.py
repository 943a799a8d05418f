"""Avellaneda & Stoikov's simulation (2008), exactly: profit, its deviation and the final inventory of their strategies.

A step: each side fills with p = min(A·e^(−kδ)·dt, 1), both may; then the mid moves ±σ√dt. Depths may be negative.
Their quotes solve an approximation, so they are not the best: GLFT's have a higher certainty equivalent.
N steps · S = 2N+1 inventories −N … N, all that N steps can reach.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import AvellanedaStoikov, Glft
from jaxmm.solve.chain import Outcomes, Score, evaluate, forward
from jaxmm.solve.glft import GlftSolver
from jaxmm.solve.solution import Policy, Solution
from jaxmm.strategies.avellaneda_stoikov import distances

_LARGEST_CHANGE, _MOST_ROUNDS = 1e-12, 1000  # of a depth, where both sides rest
_GLFT_LIMIT = 30  # inventories beyond it change no digit of what GLFT's quotes earn


@dataclass(frozen=True)
class AvellanedaStoikovSolver:
    """The return of any quotes in the simulation, and of the published strategies."""

    model: AvellanedaStoikov

    def __post_init__(self) -> None:
        if self.model.gamma == 0:
            raise InputError("as: gamma is 0; it must be above zero")

    @property
    def inventory(self) -> np.ndarray:
        """−N … N, int [S]."""
        return np.arange(-self.model.N, self.model.N + 1)

    def solve(self) -> Solution:
        """`inventory`, whose return stands as `J_star` though it is not the best; `symmetric` earns more at more risk.

        `best_utility` has the highest certainty equivalent that any quotes can have in this simulation.
        The certainty equivalents are of a mid whose steps are normal, as the published comparison has them; those of
        steps of ±σ√dt, which everything else here has, end in `_binary`.
        """
        tables = {
            "inventory": self.quotes(),
            "symmetric": self.symmetric(),
            "glft": self.glft(),
            "best_utility": self.best_utility(),
        }
        scores = {name: self.score(table) for name, table in tables.items()}
        spread = self._spreads()
        facts = {
            "spread_at_start": float(spread[0]),
            "spread_at_end": self._spread_with(0.0),
            "mean_spread": float(spread.mean()),
            "reservation_price_at_1": 100.0 - self.model.gamma * self.model.sigma**2 * self.model.T,
            **{f"sd_q_{name}": self.final_inventory_sd(table) for name, table in tables.items()},
            **{f"certain_{name}": self.certainty_equivalent(table, _normal) for name, table in tables.items()},
            **{f"certain_{name}_binary": self.certainty_equivalent(table, _binary) for name, table in tables.items()},
        }
        bid, ask = np.moveaxis(tables["inventory"], 2, 0)
        policy = Policy({"inventory": self.inventory}, {"bid_depth": bid, "ask_depth": ask})
        return Solution(*scores["inventory"], policy, scores, facts)

    def score(self, actions: np.ndarray) -> Score:
        """Profit of bid and ask depths [N, S, 2], of either sign; nan quotes none."""
        step = self._steps(actions)
        return evaluate(step, self.model.N, np.zeros(len(self.inventory))).score(self.model.N)

    def final_inventory_sd(self, actions: np.ndarray) -> float:
        """Root mean square of the inventory at T."""
        chance = forward(self._steps(actions), self.model.N, self.model.N, len(self.inventory))
        return math.sqrt(chance @ self.inventory**2.0)

    def certainty_equivalent(self, actions: np.ndarray, mid: Callable[[np.ndarray], np.ndarray]) -> float:
        """The certain profit as good as the quotes' under utility −e^(−γW).

        Args:
            actions: depths [N, S, 2]; nan quotes none.
            mid: ln E[e^x] of a mid step of standard deviation |x|.
        """
        model, step = self.model, self._steps(actions)
        risk = model.gamma * model.sigma * math.sqrt(model.dt) * self.inventory
        worth = np.zeros(len(risk))
        for n in reversed(range(model.N)):
            prob, reward, after, _ = step(n)
            gain = reward + (worth - mid(risk) / model.gamma)[after]
            least = np.min(gain, axis=1, where=prob > 0, initial=np.inf)
            above = np.where(prob > 0, gain - least[:, None], 0.0)
            worth = least - np.log(np.sum(prob * np.exp(-model.gamma * above), axis=1)) / model.gamma
        return float(worth[model.N])

    def quotes(self) -> np.ndarray:
        """The published `inventory` strategy, float64 [N, S, 2]."""
        m = self.model
        left = (m.T - np.arange(m.N) * m.dt)[:, None]
        return np.stack(distances(self.inventory, left, m.sigma, m.k, m.gamma, np), axis=2)

    def symmetric(self) -> np.ndarray:
        """The published `symmetric` strategy: the average spread around the mid, always."""
        return np.full((self.model.N, len(self.inventory), 2), self._spreads().mean() / 2)

    def glft(self) -> np.ndarray:
        """Depths of GLFT at the beginning of each step; nan where its limit allows no quote, and beyond."""
        m, limit = self.model, min(self.model.N, _GLFT_LIMIT)
        theirs = GlftSolver(Glft(sigma=m.sigma, A=m.A, k=m.k, gamma=m.gamma, T=m.T, Q=limit))
        table = np.full((m.N, len(self.inventory), 2), np.nan)
        table[:, m.N - limit : m.N + limit + 1] = theirs.table(np.arange(m.N) * m.dt)
        return table

    def best_utility(self) -> np.ndarray:
        """Depths of the highest certainty equivalent in the simulation itself, float64 [N, S, 2].

        With w the cost E[e^(−γ·profit)] of each inventory and the ask given, a bid at δ costs (1 − p)·a + p·e^(−γδ)·b,
        where a and b are what the ask leaves of w without and with the bid's fill. So δ = (ln(1 + γ/k) + ln(b/a))/γ;
        both sides in turn, until they rest.
        """
        m, q = self.model, self.inventory
        risk = _binary(m.gamma * m.sigma * math.sqrt(m.dt) * q)
        log_cost = np.zeros(len(q))
        table = np.empty((m.N, len(q), 2))
        with np.errstate(divide="ignore", invalid="ignore"):  # a blocked fill has infinite cost and depth
            for n in reversed(range(m.N)):
                log_cost = log_cost + risk
                table[n], log_cost = self._best_step(log_cost)
        return np.where(np.isinf(table), np.nan, table)

    def _best_step(self, stay: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Depths [S, 2] and ln of the cost before a step, given `stay`, ln of the cost after it."""
        m = self.model
        more, less = np.append(stay[1:], np.inf), np.append(np.inf, stay[:-1])
        base, surest = math.log1p(m.gamma / m.k) / m.gamma, math.log(m.A * m.dt) / m.k
        bid = ask = np.full(len(stay), base)
        for _ in range(_MOST_ROUNDS):
            before = np.stack([bid, ask], axis=1)
            gain = self._left(ask, more, stay) - self._left(ask, stay, less)
            bid = np.maximum(base + gain / m.gamma, surest)
            gain = self._left(bid, less, stay) - self._left(bid, stay, more)
            ask = np.maximum(base + gain / m.gamma, surest)
            depths = np.stack([bid, ask], axis=1)
            if np.nanmax(np.abs(depths - before)) < _LARGEST_CHANGE:
                break
        return depths, self._left(bid, self._left(ask, stay, less), self._left(ask, more, stay))

    def _left(self, depth: np.ndarray, unfilled: np.ndarray, filled: np.ndarray) -> np.ndarray:
        """ln of the cost before a quote at `depth` meets its fill, given ln of the costs after."""
        log_p = np.minimum(math.log(self.model.A * self.model.dt) - self.model.k * depth, 0.0)
        mixed = np.logaddexp(np.log1p(-np.exp(log_p)) + unfilled, log_p - self.model.gamma * depth + filled)
        return np.where(np.isinf(depth), unfilled, mixed)

    def _spreads(self) -> np.ndarray:
        return np.array([self._spread_with(self.model.T - n * self.model.dt) for n in range(self.model.N)])

    def _spread_with(self, left: float) -> float:
        m = self.model
        return float(sum(distances(0, left, m.sigma, m.k, m.gamma, np)))

    def _steps(self, actions: np.ndarray) -> Callable[[int], Outcomes]:
        """Outcomes of each step under a table of depths."""
        shape = (self.model.N, len(self.inventory), 2)
        if np.shape(actions) != shape:
            raise InputError(f"as: a policy table has the shape {shape} (N, 2N+1, 2), this one {np.shape(actions)}")
        table = np.asarray(actions, dtype=float)
        return lambda n: self._outcomes(table[n])

    def _outcomes(self, depths: np.ndarray) -> Outcomes:
        """No fill, the bid's, the ask's, both, under depths [S, 2]; the ends are reached only when all is over."""
        m, q = self.model, self.inventory
        none = np.isnan(depths) | np.isposinf(depths)
        bid, ask = np.where(none, 0.0, depths).T
        fill = np.exp(np.minimum(math.log(m.A * m.dt) - m.k * np.where(none, np.inf, depths), 0.0))
        p_bid, p_ask = np.where(q < m.N, fill[:, 0], 0.0), np.where(q > -m.N, fill[:, 1], 0.0)
        prob = [(1 - p_bid) * (1 - p_ask), p_bid * (1 - p_ask), (1 - p_bid) * p_ask, p_bid * p_ask]
        step = np.stack([0 * q, np.where(q < m.N, 1, 0), np.where(q > -m.N, -1, 0), 0 * q], axis=1)
        return Outcomes(
            prob=np.stack(prob, axis=1),
            reward=np.stack([0.0 * q, bid, ask, bid + ask], axis=1),
            after=np.arange(len(q))[:, None] + step,
            noise=np.abs(q[:, None] + step) * m.sigma * math.sqrt(m.dt),
        )


def _normal(x: np.ndarray) -> np.ndarray:
    return x**2 / 2


def _binary(x: np.ndarray) -> np.ndarray:
    """ln cosh x, which does not overflow."""
    return np.logaddexp(x, -x) - math.log(2)
