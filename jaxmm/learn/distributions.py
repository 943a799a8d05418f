"""What a stochastic policy says about an action: the categorical and the diagonal Gaussian.

Letters: ... any leading axes, A actions (choices of a categorical, entries of a continuous action).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Categorical(NamedTuple):
    """One of A choices."""

    logits: jax.Array  # [..., A], unnormalised log-probabilities

    def sample(self, key: jax.Array) -> jax.Array:
        """A choice, int32 [...]."""
        return jax.random.categorical(key, self.logits).astype(jnp.int32)

    def log_prob(self, action: jax.Array) -> jax.Array:
        """Log-probability of the choices `action` [...]."""
        chosen = jnp.take_along_axis(jax.nn.log_softmax(self.logits), action[..., None], axis=-1)
        return chosen[..., 0]

    def entropy(self) -> jax.Array:
        """Entropy in nats, [...]."""
        log_probs = jax.nn.log_softmax(self.logits)
        return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)

    def mode(self) -> jax.Array:
        """The likeliest choice, int32 [...]; the first of equals."""
        return jnp.argmax(self.logits, axis=-1).astype(jnp.int32)


class DiagonalGaussian(NamedTuple):
    """A independent normals. The action is clipped into its space outside; densities are of the unclipped one."""

    mean: jax.Array  # [..., A]
    log_std: jax.Array  # [..., A]

    def sample(self, key: jax.Array) -> jax.Array:
        """An action, float32 [..., A]."""
        return self.mean + jnp.exp(self.log_std) * jax.random.normal(key, self.mean.shape)

    def log_prob(self, action: jax.Array) -> jax.Array:
        """Log-density of `action` [..., A], summed over A."""
        return jnp.sum(jax.scipy.stats.norm.logpdf(action, self.mean, jnp.exp(self.log_std)), axis=-1)

    def entropy(self) -> jax.Array:
        """Differential entropy in nats, [...]."""
        return jnp.sum(self.log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e), axis=-1)

    def mode(self) -> jax.Array:
        """The mean, [..., A]."""
        return self.mean
