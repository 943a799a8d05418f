"""Internalise or externalise: the continuous problem of Barzykin, Bergault & Guéant, solved on a grid of inventories.

0 = V_t − ½γσ²q² + H_E(kq + V_q) + Σ_n z_n[H_n((V(q) − V(q+z_n))/z_n) + H_n((V(q) − V(q−z_n))/z_n)], V(T) = 0.
Clients of size z_n and tier come at λ⁰/(1 + e^(a+bδ)) a side; H_n(p) = sup_δ λ_n(δ)(δ − p) = λ⁰y/b, where
y e^y = e^(−1−a−bp), is reached at δ = p + (1+y)/b, where the rate is λ⁰y/(1+y) = −H_n′(p). Hedging at v costs
ψ|v| + ηv² and moves the price by k·v: H_E(p) = (|p| − ψ)₊²/4η, v* = sign(p)(|p| − ψ)₊/2η; where |kq + V_q| ≤ ψ the
dealer only internalises. V_q is taken forward where the dealer buys and backward where he sells (upwind), which keeps
the scheme monotone; nothing beyond ±Q is done. The grid's equations are stiff, and their Jacobian is the generator of
the optimal chain, so an implicit solver with that Jacobian is policy iteration. Units: bp, millions (M), days; η is
given in bp·s/M. S inventories −Q … Q by dq · C kinds of client: tier, size and side.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import wrightomega

from jaxmm.errors import InputError
from jaxmm.markets.models import Bbg
from jaxmm.solve.chain import Score
from jaxmm.solve.solution import Policy, Solution

TIMES = 20
"""At how many equally spaced times from 0 the policy is told."""

_SECONDS_A_DAY = 86400.0
OfTime = Callable[[float], np.ndarray]
Slope = Callable[[float, np.ndarray], np.ndarray]


class Problem(NamedTuple):
    """The model's numbers as the equations read them."""

    inventory: np.ndarray  # float64 [S], M
    size: np.ndarray  # float64 [C], M
    move: np.ndarray  # int64 [C], grid points by which serving one client moves us
    lam0: np.ndarray  # float64 [C], a day
    a: np.ndarray  # float64 [C]
    b: np.ndarray  # float64 [C], per bp
    dq: float  # M
    aversion: float  # γσ², bp/(M·day)
    sigma: float  # bp/√day
    psi: float  # bp
    eta: float  # bp·day/M; infinite: no hedging
    impact: float  # k, bp/M
    horizon: float  # T, days


class Decisions(NamedTuple):
    """What the dealer does at one time, given the value of every inventory."""

    hedge: np.ndarray  # float64 [S], M a day, bought
    depth: np.ndarray  # float64 [C, S], bp quoted to each kind of client; nan beyond ±Q
    rate: np.ndarray  # float64 [C, S], clients a day; 0 where nothing is quoted


Decide = Callable[[np.ndarray], Decisions]


class Valued(NamedTuple):
    """What a policy is worth."""

    value: OfTime  # of the time left in the first part of the horizon: float64 [S], bp·M
    part: float  # length of that part, days
    variance: np.ndarray  # float64 [S], of the return from the start

    def score(self) -> Score:
        """Of an empty book at the start."""
        flat = len(self.variance) // 2
        return Score(float(self.value(self.part)[flat]), math.sqrt(self.variance[flat]))


@dataclass(frozen=True)
class BbgSolver:
    """Solves one set of parameters. Raises `InputError` where sizes do not fit the grid, or tiers do not match."""

    model: Bbg

    def __post_init__(self) -> None:
        model = self.model
        for name, length in (("Q", model.Q), *(("z", size) for size in model.z)):
            if abs(length / model.dq - round(length / model.dq)) > 1e-9:
                raise InputError(f"bbg: {name} has {length:g} M; it must be a multiple of dq ({model.dq:g} M)")
        tiers = len(model.a)
        if not tiers or len(model.b) != tiers or len(model.lam0) != tiers * len(model.z) or not model.z:
            raise InputError(
                f"bbg: {tiers} of a, {len(model.b)} of b, {len(model.lam0)} of lam0 and {len(model.z)} of z; "
                "give as many b as a, one a tier, and as many lam0 a tier as z"
            )

    def solve(self) -> Solution:
        """The optimum, and `never_hedge`: the best quotes of a dealer who can only internalise."""
        problem = problem_of(self.model)
        alone = problem._replace(eta=math.inf)
        best = valued(problem, [partial(optimal, problem)])
        scores = {"optimal": best.score(), "never_hedge": valued(alone, [partial(optimal, alone)]).score()}
        steps = [optimal(problem, best.value(left)) for left in np.linspace(best.part, 0, TIMES + 1)[:-1]]
        actions = {"hedge": np.array([at.hedge for at in steps])}
        for kind, name in enumerate(self._kinds()):
            actions[name] = np.array([at.depth[kind] for at in steps])
        policy = Policy({"inventory": problem.inventory}, actions)
        return Solution(*scores["optimal"], policy, scores, self._facts(problem, best.value(best.part)))

    def score(self, actions: np.ndarray) -> Score:
        """Of a policy that changes at TIMES equally spaced times: see `jaxmm.solve.solution.Solvable`."""
        problem = problem_of(self.model)
        asked = np.asarray(actions, float)
        shape = (TIMES, len(problem.inventory), 1 + len(problem.size))
        if asked.shape != shape:
            raise InputError(f"bbg: actions have shape {asked.shape}; they must be {shape}: time, inventory, action")
        if not np.isfinite(asked[..., 0]).all():
            raise InputError("bbg: a hedge is not a finite number; it must be a rate in M a day")
        return valued(problem, [_always(taken(problem, at[:, 0], at[:, 1:].T)) for at in asked]).score()

    def _kinds(self) -> list[str]:
        """Names of the quotes, in the order of a problem's clients."""
        tiers = len(self.model.a)
        return [
            f"{side}_depth_{size:g}" + (f"_tier_{tier + 1}" if tiers > 1 else "")
            for tier in range(tiers)
            for size in self.model.z
            for side in ("bid", "ask")
        ]

    def _facts(self, problem: Problem, value: np.ndarray) -> dict[str, Any]:
        """The page's numbers; δ⁰ and c = bδ⁰ are the first tier's, the spread the smallest size's."""
        model, flat = self.model, len(problem.inventory) // 2
        y = wrightomega(-1 - problem.a)
        xi = float(np.sum(problem.size * problem.lam0 * problem.b * y / (1 + y) ** 3) / 2)
        depth = optimal(problem, value).depth[:2, flat]
        return {
            "xi": xi,
            "c": float(1 + y[0]),
            "delta0": float((1 + y[0]) / problem.b[0]),
            "A0": model.sigma * math.sqrt(model.gamma / (8 * xi)),
            "omega": model.sigma * math.sqrt(2 * model.gamma * xi),
            "spread": float(depth.sum()),
            "threshold": threshold(problem, value),
        }


def problem_of(model: Bbg) -> Problem:
    """The model's numbers by kind of client: bid and ask of each size, of each tier in turn."""
    half = round(model.Q / model.dq)
    sizes, tiers = len(model.z), len(model.a)
    size = np.tile(np.repeat(model.z, 2), tiers)
    return Problem(
        inventory=np.arange(-half, half + 1) * model.dq,
        size=size,
        move=np.rint(size / model.dq).astype(int) * np.tile([1, -1], sizes * tiers),
        lam0=np.repeat(model.lam0, 2),
        a=np.repeat(model.a, 2 * sizes),
        b=np.repeat(model.b, 2 * sizes),
        dq=model.dq,
        aversion=model.gamma * model.sigma**2,
        sigma=model.sigma,
        psi=model.psi,
        eta=model.eta / _SECONDS_A_DAY,
        impact=model.k,
        horizon=model.T,
    )


def optimal(problem: Problem, value: np.ndarray) -> Decisions:
    """The best quotes and hedges where inventories are worth `value` [S]."""
    inside, after = _reached(problem)
    price = np.where(inside, (value - value[after]) / problem.size[:, None], 0.0)
    y = wrightomega(-1 - problem.a[:, None] - problem.b[:, None] * price)
    slope = np.diff(value) / problem.dq
    towards = problem.impact * problem.inventory
    buy = np.maximum(np.append(towards[:-1] + slope - problem.psi, 0.0), 0.0)
    sell = np.maximum(np.append(0.0, -towards[1:] - slope - problem.psi), 0.0)
    hedge = np.where(buy >= sell, buy, -sell) / (2 * problem.eta)
    depth = np.where(inside, price + (1 + y) / problem.b[:, None], np.nan)
    return Decisions(hedge, depth, np.where(inside, problem.lam0[:, None] * y / (1 + y), 0.0))


def taken(problem: Problem, hedge: np.ndarray, depth: np.ndarray) -> Decisions:
    """Any hedges [S] and depths [C, S], as far as ±Q and the market allow."""
    inside, _ = _reached(problem)
    ends = np.arange(len(hedge))
    hedge = np.where((ends == 0) & (hedge < 0) | (ends == ends[-1]) & (hedge > 0), 0.0, hedge)
    depth = np.where(inside, depth, np.nan)
    quoted = np.exp(np.minimum(problem.a[:, None] + problem.b[:, None] * np.nan_to_num(depth), 700.0))
    return Decisions(hedge, depth, np.where(np.isnan(depth), 0.0, problem.lam0[:, None] / (1 + quoted)))


def gain(problem: Problem, at: Decisions, value: np.ndarray) -> np.ndarray:
    """V_τ [S]: what the value gains a day of horizon; under the optimum it is the equation's right side."""
    _, after = _reached(problem)
    served = problem.size[:, None] * np.nan_to_num(at.depth) + value[after] - value
    slope = np.diff(value) / problem.dq
    slope = np.where(at.hedge > 0, np.append(slope, 0.0), np.append(0.0, slope))
    cost = problem.psi * np.abs(at.hedge)
    cost = cost + problem.eta * at.hedge**2 if math.isfinite(problem.eta) else cost
    hedged = at.hedge * (problem.impact * problem.inventory + slope) - cost
    return (at.rate * served).sum(axis=0) + hedged - 0.5 * problem.aversion * problem.inventory**2


def generator(problem: Problem, at: Decisions) -> np.ndarray:
    """Of the chain of inventories under `at`, float64 [S, S]: also the derivative of the gain by the value."""
    states = np.arange(len(problem.inventory))
    _, after = _reached(problem)
    matrix = np.zeros((len(states), len(states)))
    for rate, reached in zip(at.rate, after, strict=True):
        matrix[states, reached] += rate
    bought, sold = np.maximum(at.hedge, 0), np.maximum(-at.hedge, 0)
    matrix[states[:-1], states[1:]] += bought[:-1] / problem.dq
    matrix[states[1:], states[:-1]] += sold[1:] / problem.dq
    matrix[states, states] -= matrix.sum(axis=1)
    return matrix


def valued(problem: Problem, decide: Sequence[Decide]) -> Valued:
    """Value of every inventory and the variance of its return under policies that take equal turns."""
    part = problem.horizon / len(decide)
    nothing: np.ndarray = np.zeros(len(problem.inventory))
    value, variance = nothing, nothing
    for choose in reversed(decide):
        over = _value(problem, choose, value, part)
        value, variance = over(part), _variance(problem, choose, over, variance, part)
    return Valued(over, part, variance)


def _value(problem: Problem, choose: Decide, after: np.ndarray, part: float) -> OfTime:
    """Value over a part of the horizon that leaves `after` [S] at its end."""

    def slope(_: float, value: np.ndarray) -> np.ndarray:
        return gain(problem, choose(value), value)

    def jacobian(_: float, value: np.ndarray) -> np.ndarray:
        return generator(problem, choose(value))

    return _integrate(slope, jacobian, after, part, tolerance=1e-8)


def _variance(problem: Problem, choose: Decide, value: OfTime, after: np.ndarray, part: float) -> np.ndarray:
    """Variance [S] of the return from the beginning of a part of the horizon, `after` from its end."""

    def slope(left: float, variance: np.ndarray) -> np.ndarray:
        at = choose(value(left))
        return generator(problem, at) @ variance + _noise(problem, at, value(left))

    def jacobian(left: float, _: np.ndarray) -> np.ndarray:
        return generator(problem, choose(value(left)))

    return _integrate(slope, jacobian, after, part, tolerance=1e-6)(part)


def threshold(problem: Problem, value: np.ndarray) -> float:
    """The inventory beyond which the dealer sells outside, M: where kq + V_q = −ψ; nan if he never does.

    Slopes are central, between grid points, and linear in between.
    """
    between = (problem.inventory[1:] + problem.inventory[:-1]) / 2
    pressure = -(problem.impact * between + np.diff(value) / problem.dq) - problem.psi
    crossings = np.flatnonzero((pressure[1:] > 0) & (pressure[:-1] <= 0) & (between[1:] > 0))
    if not len(crossings):
        return math.nan
    i = crossings[0]
    return float(between[i] - pressure[i] * problem.dq / (pressure[i + 1] - pressure[i]))


def _always(at: Decisions) -> Decide:
    """The policy that does the same whatever inventories are worth."""
    return lambda value: at


def _reached(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Whether each kind of client can be served at each inventory, and the index reached (itself if not); [C, S]."""
    states = np.arange(len(problem.inventory))
    after = states + problem.move[:, None]
    inside = (after >= 0) & (after < len(states))
    return inside, np.where(inside, after, states)


def _noise(problem: Problem, at: Decisions, value: np.ndarray) -> np.ndarray:
    """Variance of the return that a day adds at each inventory [S]: of the mid, and of clients who come or not."""
    _, after = _reached(problem)
    jump = problem.size[:, None] * np.nan_to_num(at.depth) + value[after] - value
    return (problem.sigma * problem.inventory) ** 2 + (at.rate * jump**2).sum(axis=0)


def _integrate(slope: Slope, jacobian: Slope, start: np.ndarray, length: float, *, tolerance: float) -> OfTime:
    """Solves dV/dτ = slope(τ, V) from `start` over `length` days; returns V as a function of τ."""
    done = solve_ivp(slope, (0.0, length), start, "BDF", dense_output=True, rtol=tolerance, atol=1e-9, jac=jacobian)
    if not done.success:
        raise InputError(f"bbg: no solution within the tolerance ({done.message}); a finer dq or a shorter T may do")
    return done.sol
