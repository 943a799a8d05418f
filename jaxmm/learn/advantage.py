"""Generalised advantage estimation that knows the end of an episode from the end of the data.

Letters: T steps; callers vmap over environments.
"""

import chex
import jax
import jax.numpy as jnp


def generalised_advantage(
    reward: jax.Array,
    value: jax.Array,
    next_value: jax.Array,
    terminated: jax.Array,
    truncated: jax.Array,
    discount: jax.Array | float,
    trace_decay: jax.Array | float,
) -> jax.Array:
    """Advantages [T] by δ_t = r_t + γ(1 − terminated_t)v'_t − v_t, A_t = δ_t + γλ(1 − ended_t)A_{t+1}.

    A terminated step is worth its reward alone; a truncated one still counts the value of where it stood, but nothing
    of the episode that follows (Schulman et al. 2016, eq. 16; Pardo et al. 2018 on time limits).

    Args:
        reward: float32 [T].
        value: v_t, the value of the observation that was acted on, float32 [T].
        next_value: v'_t, the value of the observation reached, before any reset, float32 [T].
        terminated: bool [T].
        truncated: bool [T].
        discount: γ.
        trace_decay: λ.
    """
    chex.assert_rank([reward, value, next_value, terminated, truncated], 1)
    chex.assert_equal_shape([reward, value, next_value, terminated, truncated])
    delta = reward + discount * jnp.where(terminated, 0.0, next_value) - value
    decay = discount * trace_decay * jnp.where(terminated | truncated, 0.0, 1.0)

    def backwards(advantage: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        advantage = step[0] + step[1] * advantage
        return advantage, advantage

    return jax.lax.scan(backwards, jnp.zeros((), delta.dtype), (delta, decay), reverse=True)[1]
