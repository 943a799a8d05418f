import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.learn.normaliser import CLIP, RunningStats


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 20), min_size=1, max_size=4), st.floats(-1e3, 1e3))
def test_statistics_of_batches_are_the_statistics_of_all_values(seed, sizes, shift):
    values = np.random.default_rng(seed).normal(shift, 3, (sum(sizes), 2)).astype(np.float32)
    stats = RunningStats.start((2,))
    for batch in np.split(values, np.cumsum(sizes)[:-1]):
        stats = stats.update(jnp.asarray(batch))
    np.testing.assert_allclose(stats.mean, values.mean(0, dtype=np.float64), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(stats.var, values.var(0, dtype=np.float64), rtol=1e-2, atol=1e-2)
    assert stats.seen == sum(sizes)


def test_before_any_value_normalising_only_clips():
    normalised = RunningStats.start((3,)).normalise(jnp.array([-0.5, 2.0, 1e6]))
    np.testing.assert_allclose(normalised, [-0.5, 2.0, CLIP], rtol=1e-6)


def test_normalised_values_have_mean_0_and_deviation_1():
    values = jnp.asarray(np.random.default_rng(0).normal(5, 3, (1000, 2)), jnp.float32)
    normalised = RunningStats.start((2,)).update(values).normalise(values)
    np.testing.assert_allclose(normalised.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(normalised.std(0), 1, rtol=1e-5)


def test_the_scale_of_returns_that_never_vary_is_their_size():
    assert RunningStats.start(()).update(jnp.full(10, 4.0)).root_mean_square() == 4.0


def test_measuring_ends_after_the_steps_it_was_given():
    before, values = RunningStats.start(()).update(jnp.full(10, 4.0)), jnp.full(10, 8.0)
    longer = before.update(values)
    for limit, steps, after in ((None, 99, longer), (100.0, 99, longer), (100.0, 100, before)):
        assert before.update_until(limit, jnp.int32(steps), values) == after
