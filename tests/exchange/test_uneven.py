"""The loop of unequal turns against plain Python, alone and under one or two `vmap`s."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.exchange.uneven import uneven_loop

SHARED = jnp.asarray(np.random.default_rng(0).integers(1, 9, 64), jnp.int32)


def body(turn, carry, own, shared):
    """Not commutative, so that a turn out of place shows."""
    return (carry[0] * 3 + own * shared[turn]) % 1009, turn


@jax.jit
def alone(turns, own, shared=SHARED):
    return uneven_loop(body, turns, (own, jnp.int32(-1)), own, shared)


def expected(turns, own, shared=SHARED):
    carry = (int(own), -1)
    for turn in range(int(turns)):
        carry = body(turn, carry, int(own), np.asarray(shared))
    return tuple(map(int, carry))


@pytest.mark.parametrize("size", [1, 7, 37, 300])
def test_every_environment_gets_its_own_number_of_turns(size):
    rng = np.random.default_rng(size)
    turns = jnp.asarray(rng.integers(0, 60, size) * (rng.random(size) < 0.7), jnp.int32)
    own = jnp.asarray(rng.integers(1, 1000, size), jnp.int32)
    got = jax.vmap(alone)(turns, own)
    for i in range(size):
        assert (int(got[0][i]), int(got[1][i])) == expected(turns[i], own[i])


def test_batches_of_batches_and_constants_of_the_batch_give_the_same():
    rng = np.random.default_rng(3)
    turns = jnp.asarray(rng.integers(0, 60, (3, 40)), jnp.int32)
    own = jnp.asarray([5, 6, 7], jnp.int32)
    got = jax.vmap(jax.vmap(alone, (0, None)))(turns, own)
    for s in range(3):
        for i in range(40):
            assert (int(got[0][s, i]), int(got[1][s, i])) == expected(turns[s, i], own[s])


def test_environments_with_a_market_each_give_the_same():
    shared = jnp.stack([SHARED, SHARED[::-1]])
    turns, own = jnp.asarray([11, 50], jnp.int32), jnp.asarray([3, 4], jnp.int32)
    got = jax.vmap(alone)(turns, own, shared)
    for i in range(2):
        assert (int(got[0][i]), int(got[1][i])) == expected(turns[i], own[i], shared[i])
