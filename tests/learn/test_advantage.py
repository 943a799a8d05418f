import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.learn.advantage import generalised_advantage


def plain_advantage(reward, value, next_value, terminated, truncated, discount, trace_decay):
    """Σ (γλ)^k δ_{t+k} to the end of the episode, written as the sum that it is."""
    advantages = []
    for t in range(len(reward)):
        total, weight = 0.0, 1.0
        for k in range(t, len(reward)):
            bootstrap = 0.0 if terminated[k] else next_value[k]
            total += weight * (reward[k] + discount * bootstrap - value[k])
            weight *= discount * trace_decay
            if terminated[k] or truncated[k]:
                break
        advantages.append(total)
    return np.array(advantages)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1))
def test_advantages_are_the_discounted_sums_of_errors_within_episodes(seed, discount, trace_decay):
    rng = np.random.default_rng(seed)
    reward, value, next_value = rng.normal(size=(3, 12)).astype(np.float32)
    terminated, truncated = rng.random((2, 12)) < 0.2
    arguments = reward, value, next_value, terminated, truncated, discount, trace_decay
    np.testing.assert_allclose(generalised_advantage(*arguments), plain_advantage(*arguments), rtol=1e-4, atol=1e-5)


def test_a_truncated_step_counts_the_value_it_reached_and_a_terminated_one_does_not():
    ones, no, yes = np.ones(1, np.float32), np.array([False]), np.array([True])
    assert generalised_advantage(ones, ones, 10 * ones, no, yes, 0.5, 0.9)[0] == 1 + 0.5 * 10 - 1
    assert generalised_advantage(ones, ones, 10 * ones, yes, no, 0.5, 0.9)[0] == 0
    assert generalised_advantage(ones, ones, 10 * ones, yes, yes, 0.5, 0.9)[0] == 0
