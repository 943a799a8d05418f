"""Volatility regimes: a hidden Markov chain whose state is the standard deviation of Gaussian returns, by EM.

Baum–Welch (Baum, Petrie, Soules & Weiss 1970) in logarithms, so that a day of returns under- and overflows nowhere.
Returns have mean zero: over seconds the drift is nothing beside the noise. T returns · S states, σ ascending.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np

from jaxmm.errors import InputError

FEWEST_RETURNS = 50  # a state
MOST_STATES = 6
STEPS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_MOST_STILL = 0.05
_LEAST_SIGMA = (
    0.05  # of the overall one: a mid on ticks stands still at times, and a state of σ = 0 would fit that best
)
_SPREADS = (2.0, 4.0, 10.0)  # σ of the starts, the last state's over the first's: nobody knows them beforehand
_IMPOSSIBLE = 1e-6
_MOST_ROUNDS = 2000
_TOLERANCE = 1e-9  # of the log-likelihood per return


class Chain(NamedTuple):
    """Parameters of the chain."""

    sigma: np.ndarray  # float64 [S], standard deviation of a return
    transition: np.ndarray  # float64 [S, S], rows add up to one
    start: np.ndarray  # float64 [S]


@dataclass(frozen=True)
class Regimes:
    """A fitted chain of returns over `step_s` seconds, with standard errors."""

    step_s: float
    chain: Chain
    sigma_se: np.ndarray  # float64 [S]
    transition_se: np.ndarray  # float64 [S, S]
    log_likelihood: float
    log_likelihood_of_one: float
    """Of the best single σ: what the chain gains over no chain at all."""
    returns: int
    still: float
    """Share of returns that are zero; where it is large, a state is stillness rather than little volatility."""

    @property
    def shares(self) -> np.ndarray:
        """Stationary probabilities, float64 [S]."""
        values, vectors = np.linalg.eig(self.chain.transition.T)
        found = vectors[:, np.argmin(np.abs(values - 1))].real
        return found / found.sum()

    @property
    def durations_s(self) -> np.ndarray:
        """Mean stay in each state, float64 [S]."""
        return self.step_s / np.maximum(1 - np.diag(self.chain.transition), 1e-300)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; σ per square root of a second."""
        root = math.sqrt(self.step_s)
        return {
            "settings": {
                "step_s": self.step_s,
                "sigma": (self.chain.sigma / root).tolist(),
                "transition": self.chain.transition.tolist(),
            },
            "standard_errors": {
                "sigma": (self.sigma_se / root).tolist(),
                "transition": self.transition_se.tolist(),
            },
            "shares": self.shares.tolist(),
            "durations_s": self.durations_s.tolist(),
            "log_likelihood": self.log_likelihood,
            "log_likelihood_of_one_state": self.log_likelihood_of_one,
            "returns": self.returns,
            "still": self.still,
        }


def chosen_step_s(ts_ns: np.ndarray, mid_ticks: np.ndarray, states: int) -> float:
    """The shortest of `STEPS_S` over which the mid stands still at most 5 % of the time.

    Where the span is too short for that, the longest that leaves enough returns, or the shortest of all.
    """
    chosen = STEPS_S[0]
    for step_s in STEPS_S:
        returns = mid_returns(ts_ns, mid_ticks, step_s)
        if len(returns) < FEWEST_RETURNS * states:
            break
        chosen = step_s
        if np.mean(returns == 0) <= _MOST_STILL:
            break
    return chosen


def mid_returns(ts_ns: np.ndarray, mid_ticks: np.ndarray, step_s: float) -> np.ndarray:
    """Moves of the mid [D] over steps of `step_s`, in ticks, float64 [T]."""
    grid = np.arange(ts_ns[0], ts_ns[-1] + 1, round(step_s * 1e9))
    return np.diff(mid_ticks[np.searchsorted(ts_ns, grid, side="right") - 1].astype(np.float64))


def fit_regimes(returns: np.ndarray, states: int, step_s: float) -> Regimes:
    """The most likely chain of `states` states.

    σ of a state is at least a twentieth of the overall one. Raises `InputError` on too few returns, on ones that never
    move, or on a number of states that makes no sense.
    """
    returns = np.asarray(returns, np.float64)
    if not 2 <= states <= MOST_STATES:
        raise InputError(f"regimes: states is {states}; take 2 … {MOST_STATES}")
    if len(returns) < FEWEST_RETURNS * states:
        raise InputError(
            f"regimes: {len(returns)} returns of {step_s:g} s; {states} states need {FEWEST_RETURNS * states} at least"
        )
    overall = math.sqrt(np.mean(np.square(returns)))
    if overall == 0:
        raise InputError("regimes: the mid never moves in this span; take a longer one")
    floor = _LEAST_SIGMA * overall
    fits = [_climb(returns, _started(overall, states, spread), floor) for spread in _SPREADS]
    chain, value = max(fits, key=lambda fit: fit[1])
    order = np.argsort(chain.sigma)
    chain = Chain(chain.sigma[order], chain.transition[np.ix_(order, order)], chain.start[order])
    sigma_se, transition_se = _standard_errors(returns, chain, floor)
    alone = float(_log_density(returns, np.array([overall])).sum())
    still = float(np.mean(returns == 0))
    return Regimes(step_s, chain, sigma_se, transition_se, value, alone, len(returns), still)


def posterior(returns: np.ndarray, chain: Chain) -> np.ndarray:
    """Probability of each state at each return given all of them, float64 [T, S]."""
    return np.exp(_smooth(_log_density(returns, chain.sigma), *_logs(chain))[0])


def log_likelihood(returns: np.ndarray, chain: Chain) -> float:
    """log p(returns)."""
    return float(_forward(_log_density(returns, chain.sigma), *_logs(chain))[1])


def _started(overall: float, states: int, spread: float) -> Chain:
    sigma = overall * np.geomspace(1 / math.sqrt(spread), math.sqrt(spread), states)
    stay = 0.95
    transition = np.full((states, states), (1 - stay) / (states - 1))
    np.fill_diagonal(transition, stay)
    return Chain(sigma, transition, np.full(states, 1 / states))


def _climb(returns: np.ndarray, chain: Chain, floor: float) -> tuple[Chain, float]:
    """EM from `chain` until the likelihood stands still."""
    before = -math.inf
    for _ in range(_MOST_ROUNDS):
        gamma, moves, value = _smooth(_log_density(returns, chain.sigma), *_logs(chain))
        weights = np.exp(gamma)
        variance = (weights * np.square(returns)[:, None]).sum(0) / np.maximum(weights.sum(0), 1e-300)
        transition = moves / np.maximum(moves.sum(1, keepdims=True), 1e-300)
        chain = Chain(np.maximum(np.sqrt(variance), floor), transition, weights[0])
        if value - before < _TOLERANCE * len(returns):
            break
        before = value
    return chain, log_likelihood(returns, chain)


def _standard_errors(returns: np.ndarray, chain: Chain, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Of σ [S] and of the transition matrix [S, S], from the log-likelihood's curvature; NaN where it is none.

    Curvature is taken by differences over ln σ and the log-odds of leaving against staying. A σ on its floor and a move
    that was found impossible stay so, without an error.
    """
    s = len(chain.sigma)
    moving = chain.sigma > floor * (1 + 1e-9)
    free = ~np.eye(s, dtype=bool) & (chain.transition > _IMPOSSIBLE)
    first = int(moving.sum())

    def chain_of(x: np.ndarray) -> Chain:
        sigma, moves = chain.sigma.copy(), np.eye(s)
        sigma[moving] = np.exp(x[:first])
        moves[free] = np.exp(x[first:])
        return Chain(sigma, moves / moves.sum(1, keepdims=True), chain.start)

    odds = (chain.transition / np.maximum(np.diag(chain.transition), _IMPOSSIBLE)[:, None])[free]
    x = np.concatenate([np.log(chain.sigma[moving]), np.log(odds)])
    covariance = _inverse(-_curvature(lambda at: log_likelihood(returns, chain_of(at)), x))
    slopes = np.stack([_slope(lambda at: chain_of(at).transition.ravel(), x, i) for i in range(len(x))], axis=1)
    moves_se = np.sqrt(np.einsum("ri,ij,rj->r", slopes, covariance, slopes)).reshape(s, s)
    moves_se[chain.transition <= _IMPOSSIBLE] = np.nan
    sigma_se = np.full(s, np.nan)
    sigma_se[moving] = chain.sigma[moving] * np.sqrt(np.diag(covariance)[:first])
    return sigma_se, moves_se


def _slope(function: Any, x: np.ndarray, i: int, step: float = 1e-5) -> Any:
    unit = np.zeros(len(x))
    unit[i] = step
    return (function(x + unit) - function(x - unit)) / (2 * step)


def _curvature(function: Any, x: np.ndarray, step: float = 1e-3) -> np.ndarray:
    def gradient(at: np.ndarray) -> np.ndarray:
        return np.array([_slope(function, at, i, step) for i in range(len(x))])

    return np.array([_slope(gradient, x, i, step) for i in range(len(x))])


def _inverse(information: np.ndarray) -> np.ndarray:
    if not np.isfinite(information).all() or np.linalg.eigvalsh(information).min() <= 0:
        return np.full(information.shape, np.nan)
    return np.asarray(np.linalg.inv(information))


def _logs(chain: Chain) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore"):
        return np.log(chain.transition), np.log(chain.start)


def _log_density(returns: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """ln N(r; 0, σ²), float64 [T, S]."""
    scaled = returns[:, None] / sigma
    return -0.5 * np.square(scaled) - np.log(sigma) - 0.5 * math.log(2 * math.pi)


@numba.njit(cache=True)
def _log_sum(values: np.ndarray) -> float:
    largest = values.max()
    if largest == -np.inf:
        return -np.inf
    return largest + math.log(np.exp(values - largest).sum())


@numba.njit(cache=True)
def _forward(density: np.ndarray, moves: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
    """(ln p(returns up to t, state at t) [T, S], ln p(all returns))."""
    alpha = np.empty(density.shape)
    alpha[0] = start + density[0]
    for t in range(1, len(density)):
        for j in range(density.shape[1]):
            alpha[t, j] = _log_sum(alpha[t - 1] + moves[:, j]) + density[t, j]
    return alpha, _log_sum(alpha[-1])


@numba.njit(cache=True)
def _smooth(density: np.ndarray, moves: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """(ln p(state | all returns) [T, S], expected moves between states [S, S], ln p(all returns))."""
    states = density.shape[1]
    alpha, value = _forward(density, moves, start)
    beta, gamma = np.zeros(states), np.empty(density.shape)
    counts, after = np.zeros((states, states)), np.empty(states)
    gamma[-1] = alpha[-1] - value
    for t in range(len(density) - 2, -1, -1):
        after[:] = density[t + 1] + beta
        for i in range(states):
            for j in range(states):
                counts[i, j] += math.exp(alpha[t, i] + moves[i, j] + after[j] - value)
        for i in range(states):
            beta[i] = _log_sum(moves[i] + after)
        gamma[t] = alpha[t] + beta - value
    return gamma, counts, value
