"""Cartea & Jaimungal's market maker, exactly (Cartea, Jaimungal & Penalva 2015, section 10.2).

ω(t) = e^(𝐀(T−t))·z with z_q = e^(−ακq²), 𝐀_qq = −φκq², 𝐀_(q,q±1) = λ/e, and h = ln(ω)/κ is what the maker is worth
beside cash and marked inventory. δ_bid = 1/κ − h(q+1) + h(q), δ_ask = 1/κ − h(q−1) + h(q). In the long run the maker
earns λ_max(𝐀)/κ per unit of time. S = 2Q+1 inventories −Q … Q.
"""

import math
from dataclasses import dataclass

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import CarteaJaimungal
from jaxmm.solve.chain import Score
from jaxmm.solve.continuous import QuotedMarket, Worth, best_constant, mesh, worth_of_path, worth_of_pieces
from jaxmm.solve.solution import Policy, Solution
from jaxmm.solve.tridiagonal import endless, log_solutions

TABLE_STEPS = 200  # times of the policy's table


@dataclass(frozen=True)
class CarteaJaimungalSolver:
    """The optimum in continuous time, and the return of any depths held over equal spans of time."""

    model: CarteaJaimungal

    def __post_init__(self) -> None:
        if self.model.lam == 0:
            raise InputError("cj: lam is 0; it must be above zero, or nobody trades")

    def values(self, left: np.ndarray) -> np.ndarray:
        """h with `left` (ascending) until the end, float64 [len(left), S]."""
        model, q = self.model, self._market().inventory
        penalty = model.phi * model.kappa * q**2.0
        log_z = -model.alpha * model.kappa * q**2.0
        return log_solutions(penalty, model.lam / math.e, log_z, left) / model.kappa

    def table(self, times: np.ndarray) -> np.ndarray:
        """Optimal depths at `times` (ascending) since the start, float64 [len(times), S, 2]."""
        return self._depths(self.values(self.model.T - times[::-1])[::-1])

    def solve(self) -> Solution:
        """The optimum beside `ergodic`, the depths of an endless horizon, and `constant`, the best fixed ones."""
        market, T = self._market(), self.model.T
        table = self.table(np.arange(TABLE_STEPS) * T / TABLE_STEPS)
        optimal = self.worth().score()
        best = float(self.values(np.array([T]))[0, self.model.Q])
        rate, ergodic = self.ergodic()
        depth, constant = best_constant(market)
        bid, ask = np.moveaxis(table, 2, 0)
        middle = self.model.Q
        facts = {
            "ergodic_rate": rate,
            "constant_depth": depth,
            "depth_at_0": float(bid[0, middle]),
            "bid_at_1": float(bid[0, middle + 1]),
            "ask_at_1": float(ask[0, middle + 1]),
        }
        scores = {
            "optimal": Score(best, optimal.sd),
            "ergodic": self.score(ergodic[None]),
            "constant": constant,
        }
        policy = Policy({"inventory": market.inventory}, {"bid_depth": bid, "ask_depth": ask})
        return Solution(best, optimal.sd, policy, scores, facts)

    def worth(self) -> Worth:
        """Both moments of the optimal policy's return, integrated; its mean is `values` again."""
        market = self._market()
        left = mesh(market, lambda left: self._depths(self.values(left)))
        h = self.values(left)
        return worth_of_path(market, left, self._depths(h), h[0])

    def score(self, actions: np.ndarray) -> Score:
        """Of bid and ask depths [N, S, 2], each row held over T/N, for any N; nan quotes none."""
        return worth_of_pieces(self._market(), np.asarray(actions, dtype=float)).score()

    def ergodic(self) -> tuple[float, np.ndarray]:
        """What the best policy earns per unit of time in the long run, and its depths, float64 [S, 2]."""
        model, q = self.model, self._market().inventory
        rate, log_v = endless(model.phi * model.kappa * q**2.0, model.lam / math.e)
        return rate / model.kappa, self._depths(log_v / model.kappa)

    def _depths(self, h: np.ndarray) -> np.ndarray:
        """Optimal bid and ask depths of values h [..., S], [..., S, 2]; nan where a side is blocked."""
        none = np.full((*h.shape[:-1], 1), np.nan)
        rise, base = np.diff(h, axis=-1), 1 / self.model.kappa
        sides = np.concatenate([base - rise, none], axis=-1), np.concatenate([none, base + rise], axis=-1)
        return np.stack(sides, axis=-1)

    def _market(self) -> QuotedMarket:
        m = self.model
        return QuotedMarket(T=m.T, Q=m.Q, A=m.lam, k=m.kappa, sigma=m.sigma, phi=m.phi, alpha=m.alpha)
