import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxmm.errors import InputError
from jaxmm.learn.distributions import Categorical, DiagonalGaussian
from jaxmm.learn.networks import ActorCritic, QNetwork, averaged, branch_sums, check_network


def layers(network, entries: int = 3) -> set[str]:
    return set(jax.eval_shape(network.init, jax.random.key(0), jnp.zeros(entries))["params"])


def test_layer_names_are_those_the_exporter_reads():
    critic = {"critic_0", "critic_1", "critic_out"}
    assert layers(ActorCritic((8, 8), "tanh", 2, False)) == {"actor_0", "actor_1", "actor_out"} | critic
    assert layers(ActorCritic((8,), "relu", 2, True)) == {"actor_0", "actor_out", "critic_0", "critic_out", "log_std"}
    assert layers(QNetwork((8,), "tanh", 2, False)) == {"q_0", "q_out"}
    assert layers(QNetwork((8,), "tanh", 2, True)) == {"q_0", "value_out", "advantage_out"}


def test_dueling_values_average_to_the_state_value():
    network = QNetwork((4,), "tanh", 3, True)
    variables = jax.jit(network.init)(jax.random.key(0), jnp.zeros(2))
    x = jnp.array([0.3, -0.7])
    torso = jnp.tanh(x @ variables["params"]["q_0"]["kernel"] + variables["params"]["q_0"]["bias"])
    value = torso @ variables["params"]["value_out"]["kernel"] + variables["params"]["value_out"]["bias"]
    np.testing.assert_allclose(network.apply(variables, x).mean(), value[0], rtol=1e-5)


def test_an_action_s_advantage_is_the_sum_of_its_choices():
    network = QNetwork((4,), "tanh", 6, True, (2, 3))
    variables = jax.jit(network.init)(jax.random.key(0), jnp.zeros(2))
    assert variables["params"]["advantage_out"]["kernel"].shape == (4, 5)
    values = np.asarray(network.apply(variables, jnp.array([0.3, -0.7]))).reshape(2, 3)
    np.testing.assert_allclose(values[1] - values[0], np.full(3, values[1, 0] - values[0, 0]), atol=1e-6)
    np.testing.assert_allclose(values[:, 2] - values[:, 0], np.full(2, values[0, 2] - values[0, 0]), atol=1e-6)
    assert branch_sums((2, 3))[:, 4].tolist() == [0, 1, 0, 1, 0]


def test_an_average_of_rate_one_is_the_last_to_the_bit_and_else_forgets_at_its_rate():
    steps = [{"w": jnp.float32(x)} for x in (0.1, 0.7, -3.3)]
    last, slow = steps[0], steps[0]
    for step in steps[1:]:
        last, slow = averaged(last, step, 1.0), averaged(slow, step, 0.25)
    assert last["w"] == steps[-1]["w"]
    np.testing.assert_allclose(slow["w"], 0.75 * (0.75 * 0.1 + 0.25 * 0.7) + 0.25 * -3.3, rtol=1e-6)


def test_a_fresh_policy_prefers_no_action():
    network = ActorCritic((64, 64), "tanh", 5, False)
    observations = jax.random.normal(jax.random.key(1), (100, 3))
    fresh = jax.jit(lambda key: network.apply(network.init(key, jnp.zeros(3)), observations))
    policy, _ = fresh(jax.random.key(0))
    np.testing.assert_allclose(jax.nn.softmax(policy.logits), 0.2, atol=0.01)


def test_unknown_activations_and_empty_networks_are_refused():
    with pytest.raises(InputError, match="did you mean 'tanh'"):
        check_network((64,), "tahn")
    with pytest.raises(InputError, match="at least one layer"):
        check_network((), "tanh")


def test_categorical_is_scipys():
    probabilities = np.array([0.1, 0.2, 0.7], np.float32)
    policy = Categorical(jnp.log(probabilities) + 3)
    np.testing.assert_allclose(policy.entropy(), stats.entropy(probabilities), rtol=1e-5)
    np.testing.assert_allclose(policy.log_prob(jnp.int32(1)), np.log(0.2), rtol=1e-5)
    assert policy.mode() == 2
    drawn = jax.vmap(policy.sample)(jax.random.split(jax.random.key(0), 5000))
    np.testing.assert_allclose(np.bincount(drawn) / 5000, probabilities, atol=0.03)


def test_diagonal_gaussian_is_scipys():
    mean, std = np.array([1.0, -2.0], np.float32), np.array([0.5, 2.0], np.float32)
    policy = DiagonalGaussian(jnp.asarray(mean), jnp.log(std))
    action = np.array([0.7, 0.1], np.float32)
    np.testing.assert_allclose(policy.log_prob(action), stats.norm.logpdf(action, mean, std).sum(), rtol=1e-5)
    np.testing.assert_allclose(policy.entropy(), stats.norm.entropy(mean, std).sum(), rtol=1e-5)
    np.testing.assert_array_equal(policy.mode(), mean)
    drawn = np.asarray(jax.vmap(policy.sample)(jax.random.split(jax.random.key(0), 5000)))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.1)
    np.testing.assert_allclose(drawn.std(0), std, rtol=0.05)
