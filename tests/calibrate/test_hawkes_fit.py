"""Maximum likelihood finds the Hawkes process that was simulated, and says how sure it is."""

import numpy as np
import pytest

from jaxmm.calibrate.hawkes import fit_hawkes, likelihood, residual_test
from jaxmm.errors import InputError
from jaxmm.markets.hawkes import Events, Hawkes

PUBLISHED = Hawkes.of(0.5, 0.8, 1.0)
TWO = Hawkes.of([0.3, 0.2], [[0.5, 0.2], [0.1, 0.9]], [1.0, 2.0])


def plain_likelihood(events: Events, seconds: float, i: int, point: np.ndarray) -> float:
    """The definition, term by term."""
    mu, alpha, beta = point[0], point[1:-1], point[-1]
    total = -mu * seconds
    for t, mark in zip(events.times, events.components, strict=True):
        total -= alpha[mark] / beta * (1 - np.exp(-beta * (seconds - t)))
        if mark == i:
            earlier = events.times < t
            total += np.log(
                mu + (alpha[events.components[earlier]] * np.exp(-beta * (t - events.times[earlier]))).sum()
            )
    return float(total)


def test_the_likelihood_is_its_definition_and_its_derivatives_are_those_of_its_values():
    events = TWO.simulate(60, 1)
    for i in range(2):
        point = np.array([0.4, 0.3, 0.25, 1.3])
        found = likelihood(events, 60.0, i, point)
        assert found.value == pytest.approx(plain_likelihood(events, 60.0, i, point), rel=1e-12)
        for p in range(4):
            step = np.zeros(4)
            step[p] = 1e-5
            up, down = likelihood(events, 60.0, i, point + step), likelihood(events, 60.0, i, point - step)
            assert found.gradient[p] == pytest.approx((up.value - down.value) / 2e-5, rel=1e-6, abs=1e-5)
            np.testing.assert_allclose(found.hessian[p], (up.gradient - down.gradient) / 2e-5, rtol=1e-6, atol=1e-4)


def test_branching_is_recovered_on_4000_seconds_within_what_the_errors_say():
    fits = [fit_hawkes(PUBLISHED.simulate(4000, seed), 4000.0) for seed in range(6)]
    off = np.array([fit.branching_ratio - 0.8 for fit in fits])
    assert np.abs(off).max() < 0.03
    scaled = np.array(
        [(off[i] / fit.branching_ratio_se, (fit.model.beta[0] - 1) / fit.beta_se[0]) for i, fit in enumerate(fits)]
    )
    assert np.abs(scaled).max() < 4
    assert 0.4 < scaled.std() < 1.7


def test_a_bivariate_process_is_recovered():
    fit = fit_hawkes(TWO.simulate(4000, 3), 4000.0, components=2)
    for name, errors in (("mu", fit.mu_se), ("alpha", fit.alpha_se), ("beta", fit.beta_se)):
        assert np.abs((np.array(getattr(fit.model, name)) - getattr(TWO, name)) / errors).max() < 4
    assert abs(fit.branching_ratio - TWO.branching_ratio) < 4 * fit.branching_ratio_se
    assert min(test.p_value for test in fit.residuals) > 0.01


def test_an_excitement_that_is_not_there_is_found_at_its_bound_without_an_error():
    apart = Hawkes.of([0.5, 0.5], [[0.5, 0], [0, 0.5]], [1.0, 1.0])
    fits = [fit_hawkes(apart.simulate(1000, seed), 1000.0, components=2) for seed in range(3)]
    cross = np.array([(fit.model.alpha[0][1], fit.alpha_se[0, 1]) for fit in fits])
    assert (cross[:, 0] < 0.1).all()
    assert (np.isnan(cross[:, 1]) == (cross[:, 0] < 1e-6)).all()
    assert all(np.isfinite(fit.branching_ratio_se) for fit in fits)


def test_residuals_accept_the_true_model_and_reject_a_poisson_process():
    events = PUBLISHED.simulate(4000, 7)
    true, wrong = residual_test(events, PUBLISHED, 0), residual_test(events, Hawkes.of(2.5, 0.0, 1.0), 0)
    assert true.p_value > 0.01
    assert true.mean == pytest.approx(1, abs=0.05)
    assert wrong.p_value < 1e-6
    assert true.events == len(events.times)


def test_too_few_events_and_times_outside_the_span_are_refused():
    with pytest.raises(InputError, match="at least 100"):
        fit_hawkes(PUBLISHED.simulate(10, 1), 10.0)
    with pytest.raises(InputError, match="ascend within"):
        fit_hawkes(PUBLISHED.simulate(200, 1), 100.0)
