"""Which queue empties first: the exact answer of level-1 markets whose next price move is a race of two queues.

Where the best bid holds n lots and the best ask p, the price moves up if the ask empties first. Cont & de Larrard
(SIAM J. Financial Math. 4(1), 2013) have the answer in closed form where lots come as fast as they go; Cont, Stoikov &
Talreja (Operations Research 58(3), 2010) let lots go faster from a longer queue, which the linear system below solves.
float64. n lots at the bid · p lots at the ask · R largest queue of the system.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.sparse import csc_array
from scipy.sparse.linalg import spsolve

from jaxmm.errors import InputError


def balanced_up(n: int, p: int) -> float:
    """P(the ask's queue empties first) where lots come and go at one constant rate, whatever it is.

    (1/π) ∫₀^π (2 − cos t − √((2 − cos t)² − 1))^p · sin(nt) · cos(t/2) / sin(t/2) dt; Cont & de Larrard, proposition 2.
    """
    _check_queues(n, p)

    def integrand(t: float) -> float:
        wide = 2 - np.cos(t)
        decay = wide - np.sqrt((wide - 1) * (wide + 1))
        return float(decay**p * np.sin(n * t) / np.tan(t / 2))

    value, _ = quad(integrand, 0, np.pi, epsabs=1e-12, epsrel=1e-12, limit=400)
    return float(value / np.pi)


@dataclass(frozen=True)
class QueueRace:
    """Two queues that live by the same rates: a queue of q lots gains one at rate come[q] and loses one at go[q].

    Beyond the last entry the last one holds. `come` and `go` are per second, for q = 0, 1, …; go[0] is not used.
    """

    come: tuple[float, ...]
    go: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("come", "go"):
            rates = getattr(self, name)
            if not rates or not np.isfinite(rates).all() or min(rates) < 0:
                raise InputError(f"queue race: {name} is {rates}; it must be rates by queue size, each zero or more")
        if min(self.go[1:] or self.go) == 0:
            raise InputError("queue race: go is zero for a queue that is not empty; lots must leave every queue")

    def up(self, largest: int = 200) -> np.ndarray:
        """P(the ask's queue empties first), float64 [R − 1, R − 1] at [n − 1, p − 1], for n, p < R = `largest`.

        The value is harmonic for the walk of (n, p), 1 where p = 0 and 0 where n = 0. Where a queue reaches R it is
        taken as (2/π)·atan(n/p), what a balanced race far from its end tends to; a race that lots leave faster than
        they come never gets there.
        """
        n, p = (axis.ravel() for axis in np.meshgrid(*[np.arange(1, largest)] * 2, indexing="ij"))
        here = np.arange(len(n))
        rows, columns, weights = [], [], []
        known = np.zeros(len(n))
        total = np.zeros(len(n))
        for rates, queue, dn, dp in (
            (self.come, n, 1, 0),
            (self.go, n, -1, 0),
            (self.come, p, 0, 1),
            (self.go, p, 0, -1),
        ):
            rate = np.asarray(rates)[np.minimum(queue, len(rates) - 1)]
            total += rate
            to_n, to_p = n + dn, p + dp
            inside = (np.minimum(to_n, to_p) > 0) & (np.maximum(to_n, to_p) < largest)
            rows.append(here[inside])
            columns.append(((to_n - 1) * (largest - 1) + to_p - 1)[inside])
            weights.append(-rate[inside])
            known += np.where(inside, 0, rate * 2 / np.pi * np.arctan2(to_n, to_p))  # 1 at p = 0, 0 at n = 0
        entries = np.concatenate([*weights, total])
        at = np.concatenate([*rows, here]), np.concatenate([*columns, here])
        system = csc_array((entries, at), shape=(len(n), len(n)))
        return np.asarray(spsolve(system, known)).reshape(largest - 1, largest - 1)


def queue_sizes(come: np.ndarray, go: np.ndarray) -> np.ndarray:
    """Long-run probability of each size 0 … Q of one queue, float64 [Q + 1]: π(q) ∝ Π come(j − 1)/go(j), j = 1 … q.

    Huang, Lehalle & Rosenbaum (JASA 110(509), 2015), model I. `come` and `go` are rates by size [Q + 1]; the queue
    holds at most Q (come[Q] is not used).
    """
    come, go = np.asarray(come, float), np.asarray(go, float)
    logs = np.concatenate([[0.0], np.cumsum(np.log(come[:-1]) - np.log(go[1:]))])
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _check_queues(n: int, p: int) -> None:
    if min(n, p) < 1:
        raise InputError(f"queue race: the queues are {n} and {p} lots; each must hold one at least")
