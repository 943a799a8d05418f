"""Hawkes processes with exponential kernels: events that excite events, as market orders do, with exact moments.

λᵢ(t) = μᵢ + yᵢ(t), and yᵢ jumps by αᵢⱼ at an event of component j and decays at rate βᵢ (Hawkes 1971). So y is Markov,
a step of the simulation costs O(D) (Ogata 1981), and moments are those of a linear system. Times in seconds, or any
unit that the rates are per. D components · N events.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from scipy import linalg

from jaxmm.errors import InputError
from jaxmm.markets.parameter_file import read_parameters

_CHUNK = 1 << 16
_RELAXATIONS = 20.0  # e⁻²⁰ of the empty past is left after as many relaxation times


class Events(NamedTuple):
    """What happened in (0, T]."""

    times: np.ndarray  # float64 [N], ascending
    components: np.ndarray  # int64 [N], 0 … D − 1


@dataclass(frozen=True)
class Hawkes:
    """Parameters, checked when made.

    Attributes:
        mu: [D] rates without excitement.
        alpha: [D][D] jump of the rate of i at an event of j.
        beta: [D] rate at which the excitement of i decays.
    """

    mu: tuple[float, ...]
    alpha: tuple[tuple[float, ...], ...]
    beta: tuple[float, ...]

    def __post_init__(self) -> None:
        d = len(self.mu)
        if len(self.beta) != d or len(self.alpha) != d or any(len(row) != d for row in self.alpha):
            raise InputError(
                f"hawkes: mu has {d} components; beta needs as many, and alpha a row and a column for each"
            )
        if min(self.mu) <= 0 or min(self.beta) <= 0 or min(map(min, self.alpha)) < 0:
            raise InputError("hawkes: mu and beta must be above zero, and alpha zero or more")

    @classmethod
    def of(cls, mu: Any, alpha: Any, beta: Any) -> "Hawkes":
        """From lists or arrays, or plain numbers for one component. Raises `InputError` on anything else."""
        return cls(_tuples("mu", mu, 1), _tuples("alpha", alpha, 2), _tuples("beta", beta, 1))

    @classmethod
    def from_yaml(cls, path: str | Path) -> "Hawkes":
        """From a file that `jaxmm calibrate --model hawkes` wrote. Raises `InputError` where it is none."""
        settings = read_parameters(path, ["hawkes"]).settings
        missing = [name for name in ("mu", "alpha", "beta") if name not in settings]
        if missing:
            raise InputError(f"{path}: {', '.join(missing)} missing; calibrate again")
        return cls.of(settings["mu"], settings["alpha"], settings["beta"])

    @property
    def kernel_norms(self) -> np.ndarray:
        """Expected children of an event of j in i, αᵢⱼ/βᵢ, float64 [D, D]."""
        return np.array(self.alpha) / np.array(self.beta)[:, None]

    @property
    def branching_ratio(self) -> float:
        """Spectral radius of `kernel_norms`: below one the process is stationary."""
        return float(np.abs(np.linalg.eigvals(self.kernel_norms)).max())

    @property
    def rate(self) -> np.ndarray:
        """Stationary rates (I − K)⁻¹μ, float64 [D]. Raises `InputError` where there are none."""
        self._check_stationary()
        return np.linalg.solve(np.eye(len(self.mu)) - self.kernel_norms, np.array(self.mu))

    def count_covariance(self, window: float) -> np.ndarray:
        """Covariance of the numbers of events in a window of the stationary process, float64 [D, D].

        With M = α − diag β and rates Λ the rates' covariance C solves MC + CMᵀ + α diag(Λ) αᵀ = 0, the density of pairs
        s apart is e^{Ms}(C + α diag Λ), and ∫₀ᵗ(t − s)e^{Ms}ds = M⁻²(e^{Mt} − I − Mt). In one component this is
        Λt + Λtα(2β − α)/(β − α)² · (1 − (1 − e^{−(β−α)t})/((β − α)t)).
        """
        alpha, rate = np.array(self.alpha), np.diag(self.rate)
        drift = alpha - np.diag(self.beta)
        pairs = linalg.solve_continuous_lyapunov(drift, -alpha @ rate @ alpha.T) + alpha @ rate
        grown = linalg.expm(drift * window) - np.eye(len(drift)) - drift * window
        within = np.linalg.solve(drift @ drift, grown) @ pairs
        return rate * window + within + within.T

    def fano(self, window: float) -> np.ndarray:
        """Variance over mean of the number of events in a window, of each component, float64 [D]."""
        return np.diag(self.count_covariance(window)) / (self.rate * window)

    def simulate(self, seconds: float, seed: int, *, stationary: bool = True) -> Events:
        """Events in (0, `seconds`] by Ogata's thinning, exact; the same seed gives the same events.

        `stationary` runs the process through 20 relaxation times before 0; without it the past is empty.
        """
        if not 0 < seconds < math.inf:
            raise InputError(f"hawkes: seconds is {seconds}; simulate more than zero and not endlessly")
        before = self._relaxation() * _RELAXATIONS if stationary else 0.0
        excess, clock = np.zeros(len(self.mu)), np.array([-before])
        rng = np.random.Generator(np.random.PCG64(seed))
        parameters = np.array(self.mu), np.array(self.alpha), np.array(self.beta)
        times, components = [np.empty(0)], [np.empty(0, np.int64)]
        more = True
        while more:
            t, c = np.empty(_CHUNK), np.empty(_CHUNK, np.int64)
            n = _run(*parameters, excess, clock, seconds, rng, t, c)
            times.append(t[:n])
            components.append(c[:n])
            more = n == _CHUNK
        t, c = np.concatenate(times), np.concatenate(components)
        return Events(t[t > 0], c[t > 0])

    def _relaxation(self) -> float:
        """The slowest time constant of the rates."""
        self._check_stationary()
        return float(-1 / np.linalg.eigvals(np.array(self.alpha) - np.diag(self.beta)).real.max())

    def _check_stationary(self) -> None:
        if self.branching_ratio >= 1:
            raise InputError(
                f"hawkes: the branching ratio is {self.branching_ratio:.3f}, so that the rate grows without end; "
                "lower alpha or raise beta"
            )


def _tuples(name: str, value: Any, dimensions: int) -> tuple[Any, ...]:
    """`value` as nested tuples of numbers; a plain number is the only component."""
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"hawkes: {name} is {value!r}; it must be numbers") from None
    array = array.reshape((1,) * dimensions) if array.ndim == 0 else array
    if array.ndim != dimensions or array.size == 0 or not np.isfinite(array).all():
        raise InputError(
            f"hawkes: {name} is {value!r}; it must be a {'matrix' if dimensions > 1 else 'list'} of numbers"
        )
    return tuple(tuple(row) for row in array.tolist()) if dimensions > 1 else tuple(array.tolist())


@numba.njit(cache=True)
def _run(
    mu: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
    excess: np.ndarray,
    clock: np.ndarray,
    end: float,
    rng: np.random.Generator,
    times: np.ndarray,
    components: np.ndarray,
) -> int:
    """Fills the buffers up to `end`, changes `excess` and `clock` in place; returns the number of events."""
    n = 0
    while n < len(times):
        bound = mu.sum() + excess.sum()  # rates only fall until the next event
        wait = rng.standard_exponential() / bound
        clock[0] += wait
        if clock[0] > end:
            return n
        excess *= np.exp(-beta * wait)
        left = rng.random() * bound
        for i in range(len(mu)):
            left -= mu[i] + excess[i]
            if left < 0:
                times[n], components[n] = clock[0], i
                excess += alpha[:, i]
                n += 1
                break
    return n
