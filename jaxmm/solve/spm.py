"""Exact answers of `spm`, a published benchmark of tabular Q-learning (Carlsson & Regnell, KTH 2022).

A step: the mid moves by tick·round(N(0, σ)/tick); we quote around the new mid; Poisson(λ) market orders come a side,
each executed with probability e^(−κ·depth); matched pairs earn both depths, the rest changes the inventory at our own
quote as far as |q| ≤ Q; then −φq². After the last step, which has no running penalty, −αq².
T steps · S = 2Q+1 inventories −Q … Q · O = orders of a side, squared. Depths in ticks.
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import CarteaJaimungal, Spm
from jaxmm.solve.cartea_jaimungal import CarteaJaimungalSolver
from jaxmm.solve.chain import Outcomes, Score, evaluate, mixture
from jaxmm.solve.solution import Policy, Solution


@dataclass(frozen=True)
class SpmSolver:
    """The optimum on the grid of ticks, and the return of any policy on it."""

    model: Spm

    @property
    def inventory(self) -> np.ndarray:
        """−Q … Q, int [S]."""
        return np.arange(-self.model.Q, self.model.Q + 1)

    def solve(self) -> Solution:
        """The optimum on the grid beside the benchmark's four strategies; `cj` may quote between ticks."""
        table = self.optimum()
        continuous = self.continuous_ticks()
        optimal = self.score(table)
        scores = {
            "optimal": optimal,
            "cj": self._score(continuous),
            "cj_rounded": self.score(continuous),
            "constant": self.score(np.full_like(table, min(2, self.model.depths))),
            "random": self.random(),
        }
        policy = Policy({"inventory": self.inventory}, {"bid_ticks": table[..., 0], "ask_ticks": table[..., 1]})
        return Solution(optimal.mean, optimal.sd, policy, scores, {"constant_ticks": min(2, self.model.depths)})

    def score(self, actions: np.ndarray) -> Score:
        """Of bid and ask ticks [T, S, 2]: rounded and clipped into 0 … `depths`; nan quotes none."""
        shape = (self.model.T, len(self.inventory), 2)
        if np.shape(actions) != shape:
            raise InputError(f"spm: a policy table has the shape {shape} (T, 2Q+1, 2), this one {np.shape(actions)}")
        return self._score(np.clip(np.round(np.asarray(actions, dtype=float)), 0, self.model.depths))

    def optimum(self) -> np.ndarray:
        """Optimal bid and ask ticks, float64 [T, S, 2]."""
        table = np.empty((self.model.T, len(self.inventory), 2))
        h = self._terminal()
        for n in reversed(range(self.model.T)):
            pairs = list(product(range(self.model.depths + 1), repeat=2))
            worth = np.stack([_expected(self._outcomes(self._everywhere(pair), n), h) for pair in pairs])
            table[n] = np.array(pairs)[np.argmax(worth, axis=0)]
            h = worth.max(axis=0)
        return table

    def continuous_ticks(self) -> np.ndarray:
        """Cartea & Jaimungal's depths at the beginning of each step, in ticks, [T, S, 2]; nan where blocked."""
        m = self.model
        cj = CarteaJaimungal(T=float(m.T), Q=m.Q, lam=m.lam, kappa=m.kappa, phi=m.phi, alpha=m.alpha, sigma=m.sigma)
        return CarteaJaimungalSolver(cj).table(np.arange(m.T, dtype=float)) / m.tick

    def random(self) -> Score:
        """Of ticks drawn uniformly for each side and step."""
        pairs = list(product(range(self.model.depths + 1), repeat=2))

        def step(n: int) -> Outcomes:
            return mixture([(1 / len(pairs), self._outcomes(self._everywhere(pair), n)) for pair in pairs])

        return evaluate(step, self.model.T, self._terminal()).score(self.model.Q)

    def _everywhere(self, pair: tuple[int, ...]) -> np.ndarray:
        return np.tile(np.array(pair, dtype=float), (len(self.inventory), 1))

    def _score(self, table: np.ndarray) -> Score:
        def step(n: int) -> Outcomes:
            return self._outcomes(table[n], n)

        return evaluate(step, self.model.T, self._terminal()).score(self.model.Q)

    def _terminal(self) -> np.ndarray:
        return -self.model.alpha * self.inventory**2.0

    def _outcomes(self, ticks: np.ndarray, n: int) -> Outcomes:
        """Of step n with `ticks` [S, 2]: one for every pair of executed bids and asks."""
        model, q = self.model, self.inventory[:, None]
        depth = model.tick * np.nan_to_num(ticks)
        executed = [
            np.where(np.isnan(side), 0.0, model.lam * np.exp(-model.kappa * model.tick * side)) for side in ticks.T
        ]
        bought, sold = (_poisson(mean, _most_orders(model.lam)) for mean in executed)
        counts = np.arange(bought.shape[1])
        bids, asks = (part.ravel() for part in np.meshgrid(counts, counts, indexing="ij"))
        net = np.clip(bids - asks, -model.Q - q, model.Q - q)
        earned = np.minimum(bids, asks) * depth.sum(axis=1, keepdims=True)
        earned = earned + np.maximum(net, 0) * depth[:, :1] + np.maximum(-net, 0) * depth[:, 1:]
        penalty = model.phi * (q + net) ** 2.0 if n < model.T - 1 else 0.0
        return Outcomes(
            prob=(bought[:, :, None] * sold[:, None, :]).reshape(len(q), -1),
            reward=earned - penalty,
            after=q + net + model.Q,
            noise=np.broadcast_to(np.abs(q) * _rounded_sd(model.sigma / model.tick) * model.tick, net.shape),
        )


def _expected(outcomes: Outcomes, h: np.ndarray) -> np.ndarray:
    worth: np.ndarray = np.sum(outcomes.prob * (outcomes.reward + h[outcomes.after]), axis=1)
    return worth


def _most_orders(lam: float) -> int:
    """More orders than this have a probability below 1e-16."""
    return math.ceil(lam + 9 * math.sqrt(lam) + 15)


def _poisson(mean: np.ndarray, most: int) -> np.ndarray:
    """Probabilities of 0 … most, [S, most+1], for every mean [S]."""
    counts = np.arange(most + 1)
    log_factorial = np.cumsum(np.log(np.maximum(counts, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        prob = np.exp(counts * np.log(mean)[:, None] - mean[:, None] - log_factorial)
    prob = np.where(mean[:, None] > 0, prob, counts == 0)
    return prob / prob.sum(axis=1, keepdims=True)


def _rounded_sd(ratio: float) -> float:
    """Standard deviation of round(N(0, ratio))."""
    if ratio == 0:
        return 0.0
    edges = np.arange(math.ceil(9 * ratio) + 1) + 0.5
    beyond = np.array([math.erfc(edge / ratio / math.sqrt(2)) for edge in edges])  # both tails
    steps = np.arange(1, len(edges))
    return math.sqrt(float(steps**2.0 @ (beyond[:-1] - beyond[1:])))
