"""Running statistics that put observations and rewards on one scale; the observations' travel with the policy."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

CLIP = 10.0  # normalised observations stay within ± this
EPS = 1e-8  # added to a variance before its root


class RunningStats(NamedTuple):
    """Mean and variance of all that was seen so far."""

    mean: jax.Array  # float32 [...]
    var: jax.Array  # float32 [...]
    seen: jax.Array  # float32 [], how many values

    @classmethod
    def start(cls, shape: tuple[int, ...]) -> "RunningStats":
        """Nothing seen: mean 0, variance 1, so that normalising leaves values as they are."""
        return cls(jnp.zeros(shape, jnp.float32), jnp.ones(shape, jnp.float32), jnp.zeros((), jnp.float32))

    def update(self, values: jax.Array) -> "RunningStats":
        """The statistics with `values` [B, ...] added (Chan, Golub and LeVeque 1983, merging two samples)."""
        chex.assert_shape(values, (None, *self.mean.shape))
        seen = self.seen + values.shape[0]
        weight = values.shape[0] / seen
        shift = jnp.mean(values, axis=0) - self.mean
        var = (1 - weight) * self.var + weight * jnp.var(values, axis=0) + weight * (1 - weight) * shift**2
        return RunningStats(self.mean + weight * shift, var, seen)

    def update_until(self, limit: float | None, steps: jax.Array, values: jax.Array) -> "RunningStats":
        """The same as long as fewer than `limit` steps are done, and unchanged from then on; None is no limit.

        What is learnt on a scale has to be learnt again when the scale moves: where a task's scales are known, or soon
        measured, they had better stay.
        """
        after = self.update(values)
        if limit is None:
            return after
        return RunningStats(*(jnp.where(steps < limit, new, old) for new, old in zip(after, self, strict=True)))

    def normalise(self, values: jax.Array) -> jax.Array:
        """`values` [..., D] in standard deviations from the mean, clipped to ± `CLIP`."""
        return jnp.clip((values - self.mean) / jnp.sqrt(self.var + EPS), -CLIP, CLIP)

    def root_mean_square(self) -> jax.Array:
        """√E[x²], the scale of rewards when x are discounted returns: positive even where returns never vary."""
        return jnp.sqrt(self.var + self.mean**2 + EPS)
