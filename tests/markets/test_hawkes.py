"""The Hawkes process has the moments that its formulas say, and the published ones."""

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.hawkes import Hawkes

PUBLISHED = Hawkes.of(0.5, 0.8, 1.0)
TWO = Hawkes.of([0.3, 0.2], [[0.5, 0.2], [0.1, 0.9]], [1.0, 2.0])


def test_rate_and_fano_factors_are_the_published_ones():
    assert PUBLISHED.branching_ratio == pytest.approx(0.8, abs=1e-12)
    assert PUBLISHED.rate == pytest.approx([2.5], abs=1e-12)
    fano = [float(PUBLISHED.fano(window)[0]) for window in (1, 10, 100)]
    assert np.round(fano[:2], 6).tolist() == [3.247690, 14.624023]
    assert fano[2] == pytest.approx(23.8, abs=1e-7)
    assert float(PUBLISHED.fano(1e6)[0]) == pytest.approx(1 / (1 - 0.8) ** 2, rel=1e-3)


def test_two_components_that_ignore_each_other_are_two_processes():
    apart = Hawkes.of([0.5, 0.1], [[0.8, 0], [0, 0.3]], [1.0, 5.0])
    assert apart.fano(3)[0] == pytest.approx(PUBLISHED.fano(3)[0])
    assert apart.fano(3)[1] == pytest.approx(Hawkes.of(0.1, 0.3, 5.0).fano(3)[0])
    assert apart.count_covariance(3)[0, 1] == pytest.approx(0)


@pytest.mark.parametrize(("model", "window"), [(PUBLISHED, 1.0), (PUBLISHED, 10.0), (TWO, 2.0)])
def test_simulated_counts_have_the_exact_mean_and_covariance(model, window):
    repeats, windows = 40, 1000
    found = []
    for seed in range(repeats):
        times, components = model.simulate(windows * window, seed)
        at = np.minimum((times / window).astype(int), windows - 1)
        counts = np.stack([np.bincount(at[components == i], minlength=windows) for i in range(len(model.mu))])
        centred = counts - (model.rate * window)[:, None]
        found.append(np.concatenate([counts.mean(1), (centred @ centred.T / windows).ravel()]))
    exact = np.concatenate([model.rate * window, model.count_covariance(window).ravel()])
    off = (np.mean(found, axis=0) - exact) / (np.std(found, axis=0, ddof=1) / repeats**0.5)
    assert np.abs(off).max() < 4


def test_an_empty_past_starts_at_the_base_rate():
    counts = [len(PUBLISHED.simulate(0.2, seed, stationary=False).times) for seed in range(4000)]
    # E N(t) = Λt − (Λ − μ)(1 − e^{−(β−α)t})/(β − α)
    expected = 2.5 * 0.2 - 2.0 * (1 - np.exp(-0.2 * 0.2)) / 0.2
    assert np.mean(counts) == pytest.approx(expected, abs=4 * np.std(counts) / 4000**0.5)


def test_the_same_seed_gives_the_same_events_and_another_one_others():
    first, again, other = (TWO.simulate(50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.times, again.times)
    assert len(other.times) != len(first.times) or (other.times != first.times).any()
    assert (np.diff(first.times) > 0).all()


def test_an_explosive_process_has_no_rate_and_bad_numbers_are_refused():
    with pytest.raises(InputError, match=r"branching ratio is 1\.100"):
        Hawkes.of(0.5, 1.1, 1.0).simulate(1, 0)
    with pytest.raises(InputError, match="beta needs as many"):
        Hawkes.of([0.5, 0.5], [[0.1, 0.1], [0.1, 0.1]], 1.0)
    with pytest.raises(InputError, match="above zero"):
        Hawkes.of(0.0, 0.5, 1.0)
    with pytest.raises(InputError, match="'many'; it must be numbers"):
        Hawkes.of(0.5, "many", 1.0)
    with pytest.raises(InputError, match="seconds is 0"):
        PUBLISHED.simulate(0, 0)
