"""The chain of volatility regimes that was simulated is found again, within its standard errors."""

import itertools

import numpy as np
import pytest

from jaxmm.calibrate.regimes import Chain, chosen_step_s, fit_regimes, log_likelihood, mid_returns, posterior
from jaxmm.errors import InputError

TWO = Chain(np.array([1.0, 3.0]), np.array([[0.98, 0.02], [0.05, 0.95]]), np.array([0.7, 0.3]))
THREE = Chain(
    np.array([1.0, 3.0, 10.0]),
    np.array([[0.98, 0.02, 0.0], [0.02, 0.96, 0.02], [0.0, 0.1, 0.9]]),
    np.array([1.0, 0.0, 0.0]),
)


def simulated(chain: Chain, length: int, seed: int):
    """(returns, states)."""
    rng = np.random.default_rng(seed)
    up_to, states = chain.transition.cumsum(axis=1), np.zeros(length, int)
    draws = rng.random(length)
    for t in range(1, length):
        states[t] = np.searchsorted(up_to[states[t - 1]], draws[t])
    return rng.normal(size=length) * chain.sigma[states], states


def test_two_regimes_are_recovered_within_their_errors():
    off = []
    for seed in range(5):
        fit = fit_regimes(simulated(TWO, 4000, seed)[0], 2, 1.0)
        off.append((fit.chain.sigma - TWO.sigma) / fit.sigma_se)
        off.append((np.diag(fit.chain.transition) - np.diag(TWO.transition)) / np.diag(fit.transition_se))
    assert np.abs(off).max() < 4
    assert 0.5 < np.std(off) < 1.6
    assert fit.log_likelihood > fit.log_likelihood_of_one + 100
    np.testing.assert_allclose(fit.shares @ fit.chain.transition, fit.shares, atol=1e-12)


def test_three_regimes_are_recovered_with_moves_that_never_happen():
    fit = fit_regimes(simulated(THREE, 8000, 1)[0], 3, 1.0)
    assert np.abs((fit.chain.sigma - THREE.sigma) / fit.sigma_se).max() < 4
    assert fit.chain.transition[0, 2] < 0.01
    assert fit.chain.transition[2, 0] < 0.01
    assert np.abs(np.diag(fit.chain.transition) - np.diag(THREE.transition)).max() < 0.05


def test_the_likelihood_and_the_posterior_are_sums_over_all_paths():
    returns = np.array([0.5, -2.0, 0.1, 4.0, -0.3])
    total, at = 0.0, np.zeros((5, 2))
    for path in itertools.product(range(2), repeat=5):
        p = TWO.start[path[0]] * np.prod([TWO.transition[a, b] for a, b in itertools.pairwise(path)])
        sigma = TWO.sigma[list(path)]
        p *= np.prod(np.exp(-0.5 * (returns / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)))
        total += p
        at[np.arange(5), path] += p
    assert log_likelihood(returns, TWO) == pytest.approx(np.log(total), rel=1e-12)
    np.testing.assert_allclose(posterior(returns, TWO), at / total, rtol=1e-10)


def test_states_are_told_apart_and_a_long_record_does_not_underflow():
    returns, states = simulated(TWO, 50_000, 3)
    chances = posterior(returns, TWO)
    assert np.isfinite(chances).all()
    assert (chances.argmax(axis=1) == states).mean() > 0.93


def test_the_step_is_the_shortest_over_which_the_mid_moves():
    ts = np.arange(0, 2000, dtype=np.int64) * 10**9
    still = np.repeat(np.cumsum(np.random.default_rng(1).normal(size=400)), 5)  # moves every 5 s
    assert chosen_step_s(ts, still, 2) == 5.0
    assert chosen_step_s(ts, np.cumsum(np.ones(2000)), 2) == 1.0
    assert len(mid_returns(ts, still, 5.0)) == 399


def test_a_mid_that_stands_still_half_of_the_time_gives_no_state_of_no_volatility():
    returns = simulated(TWO, 2000, 4)[0] * (np.random.default_rng(5).random(2000) < 0.5)
    fit = fit_regimes(returns, 2, 1.0)
    assert fit.chain.sigma[0] >= 0.05 * np.sqrt(np.mean(returns**2)) * (1 - 1e-12)
    assert np.isnan(fit.sigma_se).tolist() == [True, False]  # on its bound
    assert np.isfinite(fit.transition_se).all()
    assert fit.still == pytest.approx(0.5, abs=0.05)


def test_too_little_to_tell_is_refused():
    with pytest.raises(InputError, match="2 states need 100"):
        fit_regimes(np.ones(99), 2, 1.0)
    with pytest.raises(InputError, match="never moves"):
        fit_regimes(np.zeros(500), 2, 1.0)
    with pytest.raises(InputError, match="states is 1"):
        fit_regimes(np.ones(500), 1, 1.0)
