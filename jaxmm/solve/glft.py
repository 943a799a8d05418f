"""Guéant, Lehalle & Fernandez-Tapia's market maker under inventory limits, exactly (Theorem 1 of their paper of 2013).

v(t) = exp(−M(T−t))·1 with M tridiagonal (−η, αq², −η) on q = −Q … Q, α = ½kγσ², η = A(1 + γ/k)^−(1 + k/γ);
δb(q) = ln(v_q/v_(q+1))/k + ln(1 + γ/k)/γ, δa(q) = ln(v_q/v_(q−1))/k + ln(1 + γ/k)/γ. The maker's utility is
−e^(−γW), and ln(v)/k is the certain amount that is worth as much. S = 2Q+1 inventories −Q … Q.
"""

import math
from dataclasses import dataclass

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import Glft
from jaxmm.solve.chain import Score
from jaxmm.solve.continuous import QuotedMarket, Worth, best_constant, mesh, worth_of_path, worth_of_pieces
from jaxmm.solve.solution import Policy, Solution
from jaxmm.solve.tridiagonal import endless, log_solutions
from jaxmm.strategies.glft import asymptotic_distances

TABLE_STEPS = 200  # times of the policy's table


@dataclass(frozen=True)
class GlftSolver:
    """The optimum in continuous time, and the certainty equivalent of any depths held over equal spans of time."""

    model: Glft

    def __post_init__(self) -> None:
        if self.model.gamma == 0:
            raise InputError("glft: gamma is 0; it must be above zero (cj is the model of a maker who is not averse)")

    def certain(self, left: np.ndarray) -> np.ndarray:
        """Certainty equivalents with `left` (ascending) until the end, float64 [len(left), S]."""
        penalty, eta = self._system()
        return log_solutions(penalty, eta, np.zeros_like(penalty), left) / self.model.k

    def table(self, times: np.ndarray) -> np.ndarray:
        """Optimal depths at `times` (ascending) since the start, float64 [len(times), S, 2]; nan where blocked."""
        return self._depths(self.certain(self.model.T - times[::-1])[::-1])

    def ergodic(self) -> tuple[float, np.ndarray]:
        """Certain gain per unit of time in the long run, and the depths at T = ∞, float64 [S, 2]."""
        rate, log_v = endless(*self._system())
        return rate / self.model.k, self._depths(log_v / self.model.k)

    def asymptotic(self) -> np.ndarray:
        """The closed-form approximation of `ergodic`, float64 [S, 2]; nan where blocked."""
        m = self.model
        bid, ask = asymptotic_distances(self._market().inventory, m.sigma, m.A, m.k, m.gamma, np)
        table = np.stack([bid, ask], axis=1)
        table[-1, 0] = table[0, 1] = np.nan
        return table

    def solve(self) -> Solution:
        """The optimum beside `ergodic`, `asymptotic` and `constant`, the best fixed depth; all by certainty equivalent.

        `J_star` and the mean of every score are certainty equivalents of the wealth at T, which is what the model
        maximises; `sd` is the wealth's standard deviation, and its mean is a fact.
        """
        market, T = self._market(), self.model.T
        table = self.table(np.arange(TABLE_STEPS) * T / TABLE_STEPS)
        worth = self.worth()
        best = float(self.certain(np.array([T]))[0, market.Q])
        rate, ergodic = self.ergodic()
        depth, constant = best_constant(market)
        asymptotic = self.asymptotic()
        scores = {
            "optimal": Score(best, worth.score().sd),
            "ergodic": self.score(ergodic[None]),
            "asymptotic": self.score(asymptotic[None]),
            "constant": constant,
        }
        facts = {
            "mean_wealth": float(worth.mean[market.Q]),
            "ergodic_rate": rate,
            "constant_depth": depth,
            "depth_at_0": float(table[0, market.Q, 0]),
            "ergodic_bid_depth": ergodic[:, 0].tolist(),
            "asymptotic_bid_depth": asymptotic[:, 0].tolist(),
        }
        policy = Policy({"inventory": market.inventory}, {"bid_depth": table[..., 0], "ask_depth": table[..., 1]})
        return Solution(best, scores["optimal"].sd, policy, scores, facts)

    def worth(self) -> Worth:
        """Moments of the optimal policy's wealth, integrated; its certainty equivalent is `certain` again."""
        market = self._market()
        left = mesh(market, lambda left: self._depths(self.certain(left)))
        certain = self.certain(left)
        return worth_of_path(market, left, self._depths(certain), certain[0])

    def score(self, actions: np.ndarray) -> Score:
        """Certainty equivalent, and the wealth's sd, of depths [N, S, 2], each row held over T/N; nan quotes none."""
        return worth_of_pieces(self._market(), np.asarray(actions, dtype=float)).score()

    def _depths(self, certain: np.ndarray) -> np.ndarray:
        base = math.log1p(self.model.gamma / self.model.k) / self.model.gamma
        none = np.full((*certain.shape[:-1], 1), np.nan)
        rise = np.diff(certain, axis=-1)
        sides = np.concatenate([base - rise, none], axis=-1), np.concatenate([none, base + rise], axis=-1)
        return np.stack(sides, axis=-1)

    def _system(self) -> tuple[np.ndarray, float]:
        """αq², float64 [S], and η."""
        m, q = self.model, self._market().inventory
        return 0.5 * m.k * m.gamma * m.sigma**2 * q**2.0, m.A * math.exp(
            -(1 + m.k / m.gamma) * math.log1p(m.gamma / m.k)
        )

    def _market(self) -> QuotedMarket:
        m = self.model
        return QuotedMarket(T=m.T, Q=m.Q, A=m.A, k=m.k, sigma=m.sigma, gamma=m.gamma)
