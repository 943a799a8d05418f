"""The linear system that both GLFT and Cartea–Jaimungal come down to, to full precision however small its entries.

v(τ) = exp((C − D)τ)·v(0) with D = diag(penalty) and C = η on both neighbouring diagonals; inventory q = −Q … Q.
At large q entries are 10⁻⁴⁰ of the largest, below float32 and below what an eigendecomposition leaves correct. Here
only positive terms are added, so every entry keeps its digits. S = 2Q+1 entries.
"""

import math

import numpy as np

from jaxmm.errors import InputError

_LONGEST_STEP = 20.0  # largest norm of one step's exponent: bounds the number of series terms


def log_solutions(penalty: np.ndarray, eta: float, log_start: np.ndarray, taus: np.ndarray) -> np.ndarray:
    """ln v(τ) at every τ, entry by entry, float64 [len(taus), S].

    −D + C + cI, c = max(penalty), has no negative entry, so its series adds positive terms only (uniformisation;
    Moler & Van Loan 2003, section 3).

    Args:
        penalty: diagonal of D, float64 [S].
        eta: neighbours' coupling.
        log_start: ln v(0), float64 [S].
        taus: ascending, from 0 on.

    Raises `InputError` where an entry is too small for float64.
    """
    shift, scale = penalty.max(), log_start.max()
    v, reached = np.exp(log_start - scale), 0.0
    found = np.empty((len(taus), len(penalty)))
    for i, tau in enumerate(taus):
        steps = math.ceil((shift + 2 * eta) * (tau - reached) / _LONGEST_STEP)
        for _ in range(steps):
            dt = (tau - reached) / steps
            v = _positive_exponential(v, (shift - penalty) * dt, eta * dt)
            peak = v.max()
            scale += math.log(peak) - shift * dt
            v = v / peak
            if not v.all():
                raise InputError(f"an inventory of {len(v) // 2} is so unlikely that float64 has no number; lower Q")
        reached = tau
        found[i] = np.log(v) + scale if tau > 0 else log_start
    return found


def endless(penalty: np.ndarray, eta: float) -> tuple[float, np.ndarray]:
    """Growth rate of v as τ → ∞, the largest eigenvalue of C − D, and ln v up to a constant, float64 [S].

    `penalty` is symmetric around q = 0 and rises with |q|. The ratio of neighbours follows from the outermost inwards,
    v_q/v_(q−1) = η/(penalty_q + rate − η·v_(q+1)/v_q): the stable direction, in which no digit is lost.
    """
    limit = len(penalty) // 2
    off = np.full(len(penalty) - 1, eta)
    rate = float(np.linalg.eigvalsh(np.diag(off, 1) + np.diag(off, -1) - np.diag(penalty))[-1])
    log_v, ratio = np.zeros(limit + 1), 0.0
    for q in range(limit, 0, -1):
        ratio = eta / (penalty[limit + q] + rate - eta * ratio)
        log_v[q] = math.log(ratio)
    half = np.cumsum(log_v)
    return rate, np.concatenate([half[:0:-1], half])


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
