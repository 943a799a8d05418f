"""Hawkes processes from event times: maximum likelihood with standard errors, and the test of time-rescaled residuals.

Given all events, the parameters of component i enter one factor of the likelihood only, so each component is fitted by
itself: θ = (μᵢ, αᵢ₁ … αᵢ_D, βᵢ), log L = Σ ln λᵢ(tₖ) − ∫λᵢ (Ozaki 1979), with value, gradient and Hessian in one pass
of O(D) sums: Rⱼ = Σ e^{−βΔ} over earlier events of j, Sⱼ = ΣΔe^{−βΔ}, Qⱼ = ΣΔ²e^{−βΔ}.
D components · N events · P = D + 2 parameters a component.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from scipy import optimize, stats

from jaxmm.errors import InputError
from jaxmm.markets.hawkes import Events, Hawkes

FEWEST_EVENTS = 100
_STARTS = (0.3, 3.0, 30.0, 300.0)  # β per mean rate: nobody knows the time scale beforehand
_LARGEST = 1e7  # β per mean rate
_NONE = 1e-7  # a branching as small as this is on the bound


class Likelihood(NamedTuple):
    """log L of one component with its derivatives in (μ, α …, β)."""

    value: float
    gradient: np.ndarray  # float64 [P]
    hessian: np.ndarray  # float64 [P, P]


class Residuals(NamedTuple):
    """Kolmogorov–Smirnov test of the integrated rates between the events of one component against Exp(1)."""

    events: int
    mean: float
    statistic: float
    p_value: float


@dataclass(frozen=True)
class HawkesFit:
    """Estimates with standard errors (NaN where a parameter is on its bound) and one residual test a component."""

    model: Hawkes
    mu_se: np.ndarray  # float64 [D]
    alpha_se: np.ndarray  # float64 [D, D]
    beta_se: np.ndarray  # float64 [D]
    branching_ratio: float
    branching_ratio_se: float
    log_likelihood: float
    residuals: tuple[Residuals, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "settings": {
                "mu": list(self.model.mu),
                "alpha": [list(row) for row in self.model.alpha],
                "beta": list(self.model.beta),
            },
            "standard_errors": {
                "mu": self.mu_se.tolist(),
                "alpha": self.alpha_se.tolist(),
                "beta": self.beta_se.tolist(),
            },
            "branching_ratio": self.branching_ratio,
            "branching_ratio_se": self.branching_ratio_se,
            "log_likelihood": self.log_likelihood,
            "residuals": [test._asdict() for test in self.residuals],
        }


def fit_hawkes(events: Events, seconds: float, components: int = 1) -> HawkesFit:
    """The most likely parameters of events seen in (0, `seconds`], the past before 0 taken for empty.

    Raises `InputError` where a component has too few events or times do not ascend within the span.
    """
    times, marks = np.asarray(events.times, np.float64), np.asarray(events.components, np.int64)
    if len(times) and (times[0] < 0 or times[-1] > seconds or (np.diff(times) < 0).any()):
        raise InputError(f"hawkes: times must ascend within 0 … {seconds:g} s")
    counts = np.bincount(marks, minlength=components)
    if counts.min() < FEWEST_EVENTS:
        raise InputError(f"hawkes: {counts.min()} events of a kind in this span; at least {FEWEST_EVENTS} are needed")
    best = [_fit_component(times, marks, seconds, i, components) for i in range(components)]
    points, errors = np.array([fit[0] for fit in best]), np.array([fit[1] for fit in best])
    model = Hawkes.of(points[:, 0], points[:, 1:-1], points[:, -1])
    return HawkesFit(
        model=model,
        mu_se=_roots(errors)[:, 0],
        alpha_se=_roots(errors)[:, 1:-1],
        beta_se=_roots(errors)[:, -1],
        branching_ratio=model.branching_ratio,
        branching_ratio_se=_branching_error(points, errors),
        log_likelihood=float(sum(fit[2] for fit in best)),
        residuals=tuple(residual_test(events, model, i) for i in range(components)),
    )


def residual_test(events: Events, model: Hawkes, component: int) -> Residuals:
    """Whether ∫λᵢ between events is Exp(1), as it is for the true parameters (Ogata 1988)."""
    waits = rescaled_waits(
        events.times, events.components, component, np.array(model.mu), np.array(model.alpha), np.array(model.beta)
    )
    test = stats.kstest(waits, "expon")
    return Residuals(len(waits), float(waits.mean()), float(test.statistic), float(test.pvalue))


def likelihood(events: Events, seconds: float, component: int, point: np.ndarray) -> Likelihood:
    """log L of a component at `point` = (μ, α₁ … α_D, β), float64 [P]."""
    return Likelihood(*_likelihood(events.times, events.components, seconds, component, point))


def _fit_component(
    times: np.ndarray, marks: np.ndarray, seconds: float, i: int, d: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """(point [P], its covariance [P, P], log L) of component i; time in mean waits, sought over (ln μ, α/β, ln β)."""
    rate = float(np.count_nonzero(marks == i)) / seconds
    scaled, span = times * rate, seconds * rate

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        mu, norms, beta = math.exp(x[0]), x[1:-1], math.exp(x[-1])
        value, slope, _ = _likelihood(scaled, marks, span, i, np.concatenate([[mu], norms * beta, [beta]]))
        inner = slope[-1] * beta + (slope[1:-1] * norms).sum() * beta
        return -value / span, -np.concatenate([[slope[0] * mu], slope[1:-1] * beta, [inner]]) / span

    bounds = [(math.log(1e-6), 2.0), *[(0.0, 20.0)] * d, (math.log(1e-4), math.log(_LARGEST))]

    def sought(start: np.ndarray, ftol: float) -> Any:
        options = {"ftol": ftol, "gtol": 1e-9, "maxiter": 1000, "maxfun": 5000}
        return optimize.minimize(loss, start, jac=True, bounds=bounds, options=options)

    rough = [sought(np.array([math.log(0.5), *[0.5 / d] * d, math.log(start)]), 1e-7) for start in _STARTS]
    x = sought(min(rough, key=lambda result: float(result.fun)).x, 1e-14).x
    point = np.concatenate([[math.exp(x[0])], x[1:-1] * math.exp(x[-1]), [math.exp(x[-1])]]) * rate
    at = _likelihood(times, marks, seconds, i, point)
    free = np.concatenate([[True], x[1:-1] > _NONE, [True]])
    return point, _covariance(at[2], free), float(at[0])


def _covariance(hessian: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Inverse of the observed information over the free parameters, NaN elsewhere and where it is none."""
    covariance = np.full(hessian.shape, np.nan)
    information = -hessian[np.ix_(free, free)]
    if np.linalg.eigvalsh(information).min() > 0:
        covariance[np.ix_(free, free)] = np.linalg.inv(information)
    return covariance


def _roots(covariances: np.ndarray) -> np.ndarray:
    """Square roots of the diagonals, float64 [D, P]."""
    return np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))


def _branching_error(points: np.ndarray, covariances: np.ndarray) -> float:
    """Standard error of the spectral radius of α/β: with left and right eigenvectors u, v, dρ = uᵀ dK v / uᵀv."""
    beta = points[:, -1]
    norms = points[:, 1:-1] / beta[:, None]
    values, right = np.linalg.eig(norms)
    values_left, left = np.linalg.eig(norms.T)
    v = right[:, np.argmax(np.abs(values))].real
    u = left[:, np.argmax(np.abs(values_left))].real
    variance = 0.0
    for i, covariance in enumerate(covariances):
        slope = u[i] / (u @ v) * np.concatenate([[0.0], v / beta[i], [-(norms[i] @ v) / beta[i]]])
        used = ~np.isnan(np.diag(covariance))
        variance += float(slope[used] @ covariance[np.ix_(used, used)] @ slope[used])
    return math.sqrt(variance) if variance > 0 else math.nan


@numba.njit(cache=True)
def _likelihood(
    times: np.ndarray, marks: np.ndarray, seconds: float, component: int, point: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    d = len(point) - 2
    mu, alpha, beta = point[0], point[1:-1], point[-1]
    r, s, q = np.zeros(d), np.zeros(d), np.zeros(d)
    value, last = -mu * seconds, 0.0
    gradient, hessian, slope = np.zeros(d + 2), np.zeros((d + 2, d + 2)), np.empty(d + 2)
    gradient[0] = -seconds
    slope[0] = 1.0
    for k in range(len(times)):
        wait, last = times[k] - last, times[k]
        decay = math.exp(-beta * wait)
        rate, bend = mu, 0.0
        slope[-1] = 0.0
        for j in range(d):
            q[j] = decay * (q[j] + 2 * wait * s[j] + wait * wait * r[j])
            s[j] = decay * (s[j] + wait * r[j])
            r[j] = decay * r[j]
            rate += alpha[j] * r[j]
            slope[1 + j] = r[j]
            slope[-1] -= alpha[j] * s[j]
            bend += alpha[j] * q[j]
        if marks[k] == component:
            value += math.log(rate)
            for a in range(d + 2):
                gradient[a] += slope[a] / rate
                for b in range(d + 2):
                    hessian[a, b] -= slope[a] * slope[b] / (rate * rate)
            for j in range(d):
                hessian[1 + j, -1] -= s[j] / rate
                hessian[-1, 1 + j] -= s[j] / rate
            hessian[-1, -1] += bend / rate
        j = marks[k]
        r[j] += 1.0
        left = seconds - times[k]
        decay = math.exp(-beta * left)
        # g = (1 − e^{−βτ})/β, what an event of j adds to ∫λ per unit of α, and its derivatives in β
        g = (1 - decay) / beta
        g1 = (left * decay - g) / beta
        g2 = (-left * left * decay - 2 * g1) / beta
        value -= alpha[j] * g
        gradient[1 + j] -= g
        gradient[-1] -= alpha[j] * g1
        hessian[1 + j, -1] -= g1
        hessian[-1, 1 + j] -= g1
        hessian[-1, -1] -= alpha[j] * g2
    return value, gradient, hessian


@numba.njit(cache=True)
def rescaled_waits(
    times: np.ndarray, marks: np.ndarray, component: int, mu: np.ndarray, alpha: np.ndarray, beta: np.ndarray
) -> np.ndarray:
    """∫λᵢ from each event of component i to the next, the first from time 0: float64 [events of i]."""
    waits = np.empty(np.count_nonzero(marks == component))
    n, gathered, excess, last = 0, 0.0, 0.0, 0.0
    for k in range(len(times)):
        wait, last = times[k] - last, times[k]
        decay = math.exp(-beta[component] * wait)
        gathered += mu[component] * wait + excess * (1 - decay) / beta[component]
        excess *= decay
        if marks[k] == component:
            waits[n] = gathered
            n += 1
            gathered = 0.0
        excess += alpha[component, marks[k]]
    return waits
