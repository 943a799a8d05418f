"""Exact answers of `cj-dt`, the Cartea–Jaimungal market in N steps, where the optimum is known to the last digit.

A step: each side fills by itself with p = min(λ·dt·e^(−κδ), 1), the bid not at +Q, the ask not at −Q; then the mid
moves by σ√dt. Return: Σ Δ(X + qS) − φ·dt·q² − αq_N², q after the fills of each step.
N steps · S = 2Q+1 inventories −Q … Q · G constant depths.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.models import CarteaJaimungalSteps
from jaxmm.solve.chain import Moments, Outcomes, Score, evaluate
from jaxmm.solve.solution import Policy, Solution

_GRID = 600  # constant depths that are tried, equally spaced over [0, d_max]
_NODES = 64  # of the quadrature over a random depth: its error is below rounding
_LARGEST_CHANGE = 1e-14  # of a depth, where the fixed point counts as reached
_MOST_ROUNDS = 1000


class Side(NamedTuple):
    """What quoting one side does, at every inventory; all float64 [S]."""

    fill: np.ndarray  # probability
    depth: np.ndarray  # mean of the depth, given a fill
    spread: np.ndarray  # variance of the depth, given a fill; zero where the policy does not toss a coin


@dataclass(frozen=True)
class CarteaJaimungalStepsSolver:
    """The optimum of a `cj-dt`, over a continuum of depths or over `actions`, and the return of any policy."""

    model: CarteaJaimungalSteps

    @property
    def inventory(self) -> np.ndarray:
        """−Q … Q, int [S]."""
        return np.arange(-self.model.Q, self.model.Q + 1)

    def solve(self) -> Solution:
        """The optimum beside `constant`, the best depth that never changes, and `random`, uniform depths."""
        bid, ask = self.optimum()
        optimal = self.score(np.stack([bid, ask], axis=2))
        depth, constant = self.best_constant()
        scores = {"optimal": optimal, "constant": constant, "random": self.random()}
        facts = {"constant_depth": depth, "depth_at_0": float(bid[0, self.model.Q])}
        policy = Policy({"inventory": self.inventory}, {"bid_depth": bid, "ask_depth": ask})
        return Solution(optimal.mean, optimal.sd, policy, scores, facts)

    def score(self, actions: np.ndarray) -> Score:
        """Of bid and ask depths [N, S, 2]: clipped into [0, d_max], or to the nearest of `actions`; nan quotes none."""
        model, shape = self.model, (self.model.N, len(self.inventory), 2)
        if np.shape(actions) != shape:
            raise InputError(f"cj-dt: a policy table has the shape {shape} (N, 2Q+1, 2), this one {np.shape(actions)}")
        allowed = self._allowed(np.asarray(actions, dtype=float))

        def step(n: int) -> Outcomes:
            return self._outcomes(self._quoted(allowed[n, :, 0]), self._quoted(allowed[n, :, 1]), self.inventory)

        return evaluate(step, model.N, self._terminal(self.inventory)).score(model.Q)

    def optimum(self) -> tuple[np.ndarray, np.ndarray]:
        """Optimal bid and ask depths, float64 [N, S] each; nan where a side is blocked."""
        model, q = self.model, self.inventory
        choose = self._best_of_set if model.actions else self._best_of_all
        bids, asks = (np.empty((model.N, len(q))) for _ in range(2))
        h = self._terminal(q)
        for n in reversed(range(model.N)):
            g = h - model.phi * model.dt * q**2
            up, down = np.append(np.diff(g), 0.0), np.append(0.0, -np.diff(g))  # g(q±1) − g(q); zero where blocked
            bids[n], asks[n], h = choose(up, down)
            h = g + h
        bids[:, -1], asks[:, 0] = np.nan, np.nan
        return bids, asks

    def best_constant(self) -> tuple[float, Score]:
        """The best of equally spaced depths, or of `actions`, quoted on both sides always; and its return."""
        model, q = self.model, self.inventory
        depths = np.array(model.actions) if model.actions else model.d_max * np.arange(_GRID + 1) / _GRID
        everywhere, quoted = np.tile(q, len(depths)), self._quoted(np.repeat(depths, len(q)))
        prob, reward, after, _ = self._outcomes(quoted, quoted, everywhere)
        mean = self._terminal(everywhere)
        for _ in range(model.N):
            mean = np.sum(prob * (reward + mean[after]), axis=1)
        best = float(depths[np.argmax(mean[model.Q :: len(q)])])
        return best, self._stationary(self._quoted(np.full(len(q), best)), q).score(model.Q)

    def random(self) -> Score:
        """Of depths drawn uniformly from [0, d_max] or `actions`, by themselves for each side and step."""
        depth, weight = self._lottery()
        fill = weight * self._fill(depth)
        total = fill.sum()
        mean = fill @ depth / total if total else 0.0
        spread = fill @ (depth - mean) ** 2 / total if total else 0.0
        side = Side(*(np.full(len(self.inventory), value) for value in (total, mean, spread)))
        return self._stationary(side, self.inventory).score(self.model.Q)

    def _lottery(self) -> tuple[np.ndarray, np.ndarray]:
        """Depths and their probabilities, whose sums are the expectations over a uniform depth."""
        model = self.model
        if model.actions:
            return np.array(model.actions), np.full(len(model.actions), 1 / len(model.actions))
        sure = min(self._surest(), model.d_max)  # below it the fill is certain: integrate both sides of the kink
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        pieces = [(low, high) for low, high in ((0.0, sure), (sure, model.d_max)) if high > low]
        depth = np.concatenate([(high + low) / 2 + (high - low) / 2 * nodes for low, high in pieces] or [np.zeros(1)])
        share = np.concatenate([(high - low) / 2 * weights for low, high in pieces] or [np.ones(1)])
        return depth, share / share.sum()

    def _best_of_all(self, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best depths and what they add to g, each float64 [S]: the fixed point of both first-order conditions."""
        model, both = self.model, -(up + down)  # c = 2g(q) − g(q−1) − g(q+1)
        bid = ask = np.zeros_like(up)
        for _ in range(_MOST_ROUNDS):
            bid, before = self._depth(1 / model.kappa - up - self._chance(ask, 0) * both), bid
            ask, earlier = self._depth(1 / model.kappa - down - self._chance(bid, -1) * both), ask
            if max(np.abs(bid - before).max(), np.abs(ask - earlier).max()) < _LARGEST_CHANGE * (1 + model.d_max):
                return bid, ask, self._gain(bid, ask, up, down)
        raise InputError("cj-dt: the optimal depths do not settle; more steps N make the fills of one step rarer")

    def _best_of_set(self, up: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same among every pair of `actions`."""
        depths = np.array(self.model.actions)
        pairs = [np.broadcast_to(depth, up.shape) for depth in depths]
        gains = np.stack([self._gain(bid, ask, up, down) for bid in pairs for ask in pairs])
        best = np.argmax(gains, axis=0)
        return depths[best // len(depths)], depths[best % len(depths)], gains.max(axis=0)

    def _gain(self, bid: np.ndarray, ask: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
        """Expected change of g by one step's fills: p_a(δ_a + down) + p_b(δ_b + up) + p_a·p_b·c."""
        p_bid, p_ask = self._chance(bid, -1), self._chance(ask, 0)
        return p_bid * (bid + up) + p_ask * (ask + down) - p_bid * p_ask * (up + down)

    def _depth(self, wanted: np.ndarray) -> np.ndarray:
        """`wanted` within what pays: a depth below the surest earns less and fills no more."""
        return np.clip(wanted, min(self._surest(), self.model.d_max), self.model.d_max)

    def _surest(self) -> float:
        """The largest depth that is certain to fill; 0 where λ·dt ≤ 1."""
        rate = self.model.lam * self.model.dt
        return max(float(np.log(rate)), 0.0) / self.model.kappa if rate > 0 else 0.0

    def _fill(self, depth: np.ndarray) -> np.ndarray:
        return np.minimum(self.model.lam * self.model.dt * np.exp(-self.model.kappa * depth), 1.0)

    def _chance(self, depth: np.ndarray, blocked: int) -> np.ndarray:
        """Probability of a fill, zero at the inventory whose index is `blocked`."""
        fill = self._fill(depth)
        fill[blocked] = 0.0
        return fill

    def _allowed(self, depth: np.ndarray) -> np.ndarray:
        """Depths as the model takes them; nan stays nan."""
        if not self.model.actions:
            return np.clip(depth, 0.0, self.model.d_max)
        depths = np.array(self.model.actions)
        nearest = depths[np.abs(depth[..., None] - depths).argmin(axis=-1)]
        return np.where(np.isnan(depth), np.nan, nearest)

    def _quoted(self, depth: np.ndarray) -> Side:
        none = np.isnan(depth)
        depth = np.where(none, 0.0, depth)
        return Side(np.where(none, 0.0, self._fill(depth)), depth, np.zeros_like(depth))

    def _terminal(self, q: np.ndarray) -> np.ndarray:
        return -self.model.alpha * q**2.0

    def _stationary(self, side: Side, q: np.ndarray) -> Moments:
        """Of quoting both sides alike in every step; `q` may hold several blocks of −Q … Q."""
        outcomes = self._outcomes(side, side, q)
        return evaluate(lambda n: outcomes, self.model.N, self._terminal(q))

    def _outcomes(self, bid: Side, ask: Side, q: np.ndarray) -> Outcomes:
        """No fill, the bid's, the ask's, both."""
        model = self.model
        p_bid, p_ask = np.where(q < model.Q, bid.fill, 0.0), np.where(q > -model.Q, ask.fill, 0.0)
        prob = [(1 - p_bid) * (1 - p_ask), p_bid * (1 - p_ask), (1 - p_bid) * p_ask, p_bid * p_ask]
        earned = [0.0 * q, bid.depth, ask.depth, bid.depth + ask.depth]
        spread = [0.0 * q, bid.spread, ask.spread, bid.spread + ask.spread]
        step = np.stack([0 * q, np.where(q < model.Q, 1, 0), np.where(q > -model.Q, -1, 0), 0 * q], axis=1)
        held = (q[:, None] + step) ** 2.0
        return Outcomes(
            prob=np.stack(prob, axis=1),
            reward=np.stack(earned, axis=1) - model.phi * model.dt * held,
            after=np.arange(len(q))[:, None] + step,
            noise=np.sqrt(np.stack(spread, axis=1) + model.sigma**2 * model.dt * held),
        )
