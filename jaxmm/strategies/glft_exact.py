"""The exact finite-horizon solution of Guéant, Lehalle & Fernandez-Tapia (2013), in float64 on the host.

v(t) = exp(−M(T−t))·1 with M tridiagonal (−η, αq², −η) on q = −Q … Q, α = ½kγσ², η = A(1 + γ/k)^−(1 + k/γ).
Letters and units as in `jaxmm.strategies.glft`.
"""

import math
from typing import NamedTuple

import numpy as np

_LONGEST_STEP = 20.0  # largest norm of one step's exponent: bounds the number of series terms


class ExactGLFT(NamedTuple):
    """What an agent does and is worth at T − t before the end."""

    inventory: np.ndarray  # int64 [2Q+1], −Q … Q clips
    bid_distance: np.ndarray  # float64 [2Q+1], ticks from the mid; inf at +Q, where no bid is allowed
    ask_distance: np.ndarray  # float64 [2Q+1]; inf at −Q
    certainty_equivalent: np.ndarray  # float64 [2Q+1], tick·clips: ln(v)/k


def solve(*, sigma: float, A: float, k: float, gamma: float, horizon_s: float, max_clips: int) -> ExactGLFT:
    """Optimal distances for inventories −Q … Q with `horizon_s` left (Theorem 1)."""
    q = np.arange(-max_clips, max_clips + 1)
    penalty = 0.5 * k * gamma * sigma**2 * q**2.0
    eta = A * math.exp(-(1 + k / gamma) * math.log1p(gamma / k))
    log_v = _log_exponential(penalty, eta, horizon_s)
    base = math.log1p(gamma / k) / gamma
    steps = np.diff(log_v) / k
    return ExactGLFT(
        inventory=q,
        bid_distance=np.append(base - steps, np.inf),
        ask_distance=np.append(np.inf, base + steps),
        certainty_equivalent=log_v / k,
    )


def _log_exponential(penalty: np.ndarray, eta: float, horizon_s: float) -> np.ndarray:
    """ln of exp(−M·horizon)·1, entry by entry.

    −M + c·I, c = max(penalty), has no negative entry, so its series adds positive terms only and even entries
    10⁴⁰ times smaller than the largest keep all their digits (uniformisation; Moler & Van Loan 2003, section 3).
    """
    shift = penalty.max()
    steps = max(1, math.ceil((shift + 2 * eta) * horizon_s / _LONGEST_STEP))
    dt = horizon_s / steps
    v, log_scale = np.ones_like(penalty), 0.0
    for _ in range(steps):
        v = _positive_exponential(v, (shift - penalty) * dt, eta * dt)
        peak = v.max()
        log_scale += math.log(peak) - shift * dt
        v = v / peak
    return np.log(v) + log_scale


def _positive_exponential(v: np.ndarray, diagonal: np.ndarray, off_diagonal: float) -> np.ndarray:
    """exp(P)·v for the tridiagonal P ≥ 0, by its series."""
    total, term = v.copy(), v
    order = 0
    while (term > 1e-18 * total).any():
        order += 1
        product = diagonal * term
        product[1:] += off_diagonal * term[:-1]
        product[:-1] += off_diagonal * term[1:]
        term = product / order
        total += term
    return total
