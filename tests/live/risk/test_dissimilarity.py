"""How unlike training an observation is."""

import numpy as np
import pytest

from jaxmm.features.observation import OBSERVATION
from jaxmm.live.risk.dissimilarity import Dissimilarity

D = len(OBSERVATION)


@pytest.fixture
def trained():
    rng = np.random.default_rng(3)
    return Dissimilarity(rng.normal(size=D).astype(np.float32), rng.uniform(0.5, 2, D).astype(np.float32), 10.0)


def test_observations_of_training_are_about_1_away(trained):
    rng = np.random.default_rng(4)
    seen = trained.mean + trained.std * rng.normal(size=(2000, D)).astype(np.float32)
    distances = [trained.of(one) for one in seen]
    assert np.mean(np.square(distances)) == pytest.approx(1, abs=0.02)
    assert max(distances) < 2


def test_the_mean_of_training_is_at_0_and_k_standard_deviations_are_at_k(trained):
    assert trained.of(trained.mean) == 0
    assert trained.of(trained.mean + 3 * trained.std) == pytest.approx(3)


def test_an_entry_counts_no_more_than_the_network_lets_it(trained):
    far = trained.mean.copy()
    far[2] += np.float32(1e6)
    assert trained.of(far) == pytest.approx(10 / D**0.5)


def test_an_entry_that_is_no_number_makes_the_whole_none(trained):
    broken = trained.mean.copy()
    broken[0] = np.nan
    assert np.isnan(trained.of(broken))


def test_the_entries_furthest_off_are_named(trained):
    seen = trained.mean.copy()
    seen[4] -= 5 * trained.std[4]
    seen[1] += 2 * trained.std[1]
    names = trained.furthest(seen, 2)
    assert [name for name, _ in names] == [OBSERVATION[4], OBSERVATION[1]]
    assert [z for _, z in names] == pytest.approx([-5, 2], abs=1e-4)
