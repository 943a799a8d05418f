"""What `verify.py` says of calibration: estimates on simulated markets with known numbers, over many seeds.

Every estimator must be right on average and as uncertain as it says: `z` is (estimate − truth)/standard error, whose
standard deviation is 1 where the errors are honest. Run by itself it prints the figures of docs/models/calibration.md.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jaxmm.calibrate.hawkes import fit_hawkes
from jaxmm.calibrate.orders import market_orders
from jaxmm.calibrate.queue_reactive import queue_reactive
from jaxmm.calibrate.quoting import fill_intensity, volatility
from jaxmm.calibrate.regimes import fit_regimes
from jaxmm.markets.hawkes import Hawkes
from tests.calibrate import test_queue_reactive, test_quoting, test_regimes

Claim = tuple[str, bool, str]

PUBLISHED = Hawkes.of(0.5, 0.8, 1.0)
TWO = Hawkes.of([0.3, 0.2], [[0.5, 0.2], [0.1, 0.9]], [1.0, 2.0])
HAWKES_SEEDS, SEEDS, QUEUE_SEEDS = 100, 40, 6


def claims() -> Iterator[Claim]:
    """All of them."""
    yield from hawkes_moments()
    yield from hawkes_recovery()
    yield from bivariate_recovery()
    yield from sigma()
    yield from fills()
    yield from queues()
    yield from regimes()


def hawkes_moments() -> Iterator[Claim]:
    """The published moments, and simulated ones."""
    fano = [float(PUBLISHED.fano(window)[0]) for window in (1, 10, 100)]
    exact = [float(f"{value:.6f}") for value in fano] == [3.247690, 14.624023, 23.8]
    holds = exact and round(PUBLISHED.branching_ratio, 9) == 0.8 and round(float(PUBLISHED.rate[0]), 9) == 2.5
    said = f"branching {PUBLISHED.branching_ratio:.6f}, rate {PUBLISHED.rate[0]:.6f}, Fano {np.round(fano, 6).tolist()}"
    yield "calibration: Hawkes moments are the published ones", holds, said
    for window in (1.0, 10.0, 100.0):
        found = []
        for seed in range(SEEDS):
            windows = 200 if window > 10 else 2000
            times = PUBLISHED.simulate(windows * window, seed).times
            counts = np.bincount(np.minimum((times / window).astype(int), windows - 1), minlength=windows)
            found.append(np.mean((counts - 2.5 * window) ** 2) / (2.5 * window))
        mean, error = np.mean(found), np.std(found, ddof=1) / SEEDS**0.5
        off = abs(mean - PUBLISHED.fano(window)[0]) / error
        yield f"calibration: simulated Fano({window:g})", off < 4, f"{mean:.3f} ± {error:.3f}, {off:.1f} errors away"


def hawkes_recovery() -> Iterator[Claim]:
    """Branching on T = 4000."""
    fits = [fit_hawkes(PUBLISHED.simulate(4000, seed), 4000.0) for seed in range(HAWKES_SEEDS)]
    found = np.array([fit.branching_ratio for fit in fits])
    errors = np.array([fit.branching_ratio_se for fit in fits])
    rejected = np.mean([fit.residuals[0].p_value < 0.05 for fit in fits])
    within = np.abs(found - 0.8) < 0.03
    said = (
        f"{within.sum()} of {len(fits)} seeds within .03, worst {np.abs(found - 0.8).max():.4f}; bias "
        f"{found.mean() - 0.8:+.4f}, sd {found.std(ddof=1):.4f}, mean standard error {errors.mean():.4f}, "
        f"residuals rejected at 5 %: {rejected:.0%}"
    )
    holds = within.mean() >= 0.95 and abs(found.mean() - 0.8) < 0.005 and rejected <= 0.12
    yield "calibration: Hawkes branching is recovered on T = 4000", holds, said


def bivariate_recovery() -> Iterator[Claim]:
    """All ten parameters' errors, and the branching ratio."""
    fits = [fit_hawkes(TWO.simulate(4000, seed), 4000.0, components=2) for seed in range(SEEDS)]
    z = np.array([
        np.concatenate([
            (np.array(fit.model.mu) - TWO.mu) / fit.mu_se,
            ((np.array(fit.model.alpha) - TWO.alpha) / fit.alpha_se).ravel(),
            (np.array(fit.model.beta) - TWO.beta) / fit.beta_se,
        ])
        for fit in fits
    ])  # fmt: skip
    ratios = np.array([fit.branching_ratio for fit in fits])
    said = f"branching {ratios.mean():.4f} ± {ratios.std(ddof=1):.4f}, truth {TWO.branching_ratio:.4f}; {_z(z)}"
    yield "calibration: a bivariate Hawkes process is recovered", _honest(z), said


def sigma() -> Iterator[Claim]:
    """σ through noise, and what the plain realised volatility makes of it."""
    for noise in (0.0, 0.5, 2.0):
        found, plain = [], []
        for seed in range(SEEDS):
            ts, mid = test_quoting.bouncing_walk(4000, 1.5, noise, seed)
            found.append(volatility(ts, mid))
            plain.append(np.sqrt(np.sum(np.diff(mid) ** 2) / 4000))
        estimates, errors = np.array([(one.sigma, one.sigma_se) for one in found]).T
        z = (estimates - 1.5) / errors
        said = (
            f"{estimates.mean():.4f} ± {estimates.std(ddof=1):.4f}, truth 1.5, plain {np.mean(plain):.3f}; "
            f"noise found {np.sqrt(np.mean([one.noise**2 for one in found])):.3f}; {_z(z)}"
        )
        holds = abs(estimates.mean() - 1.5) < 0.03 and 0.7 < z.std() < 1.4
        yield f"calibration: σ through noise of {noise:g} ticks at 10 Hz", holds, said


def fills() -> Iterator[Claim]:
    """A and k."""
    for rate, decay in ((0.9, 0.3), (3.0, 1.5)):
        found = []
        for seed in range(SEEDS):
            orders = market_orders(*test_quoting.printed_orders(4000, rate, decay, seed))
            found.append(fill_intensity(orders.reach, 4000, depths=20))
        a, k, a_se, k_se = np.array(found).T
        z = np.stack([(a - rate) / a_se, (k - decay) / k_se])
        said = f"A {a.mean():.4f} ± {a.std(ddof=1):.4f}, k {k.mean():.4f} ± {k.std(ddof=1):.4f}; {_z(z)}"
        yield f"calibration: fill intensity A {rate:g}, k {decay:g}", _honest(z), said


def queues() -> Iterator[Claim]:
    """Queue-reactive rates by level and size."""
    z = []
    for seed in range(QUEUE_SEEDS):
        found = queue_reactive(test_queue_reactive.simulated(3000, seed), levels=2, sizes=7)
        known = (found.seconds > 20)[None] & (found.events > 0)
        z.append((found.rates - test_queue_reactive.RATES)[known] / found.rates_se[known])
    every = np.concatenate(z)
    yield "calibration: queue-reactive rates", _honest(every), f"{len(every)} rates; {_z(every)}"


def regimes() -> Iterator[Claim]:
    """σ and stays of a chain of two volatilities."""
    z, truth = [], test_regimes.TWO
    for seed in range(SEEDS):
        fit = fit_regimes(test_regimes.simulated(truth, 4000, seed)[0], 2, 1.0)
        z.append((fit.chain.sigma - truth.sigma) / fit.sigma_se)
        z.append((np.diag(fit.chain.transition) - np.diag(truth.transition)) / np.diag(fit.transition_se))
    yield "calibration: volatility regimes", _honest(np.array(z)), f"{np.size(z)} numbers; {_z(np.array(z))}"


def _honest(z: np.ndarray) -> bool:
    return bool(abs(np.mean(z)) < 0.35 and 0.8 < np.std(z) < 1.25 and np.abs(z).max() < 5)


def _z(z: np.ndarray) -> str:
    return f"z {np.mean(z):+.2f} ± {np.std(z):.2f}, largest {np.abs(z).max():.1f}"


if __name__ == "__main__":
    for what, holds, figures in claims():
        print(f"{'holds' if holds else 'FAILS':6} {what}: {figures}", flush=True)
