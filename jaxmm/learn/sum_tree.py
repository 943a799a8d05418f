"""Sampling in proportion to priorities that change: a binary tree of sums in one array, log₂ C gathers a draw.

Node 1 is the root, node i has children 2i and 2i + 1, leaves are C … 2C − 1; node 0 is unused. Every change recomputes
the sums above it from their children, so rounding does not build up. Letters: C leaves (a power of two), B indices.
"""

import chex
import jax
import jax.numpy as jnp


def new_tree(capacity: int) -> jax.Array:
    """All priorities 0 for at least `capacity` leaves; float32 [2C]."""
    return jnp.zeros(2 << (capacity - 1).bit_length(), jnp.float32)


def leaves(tree: jax.Array) -> jax.Array:
    """The priorities, float32 [C]."""
    return tree[tree.shape[0] // 2 :]


def set_priorities(tree: jax.Array, indices: jax.Array, priorities: jax.Array) -> jax.Array:
    """The tree with `priorities` [B] at the leaves `indices` [B]; an index given twice must come with one priority."""
    chex.assert_rank([tree, indices, priorities], 1)
    node = indices + tree.shape[0] // 2

    def level(_: int, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        tree, node = carry
        node = node // 2
        return tree.at[node].set(tree[2 * node] + tree[2 * node + 1]), node

    return jax.lax.fori_loop(0, _depth(tree), level, (tree.at[node].set(priorities), node))[0]


def find(tree: jax.Array, fractions: jax.Array) -> jax.Array:
    """The leaves [B] at which the running sum of priorities passes `fractions` [B] of the total, each in [0, 1).

    Never a leaf of priority 0 unless all are, whatever rounding does.
    """
    chex.assert_rank([tree, fractions], 1)

    def level(_: int, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        node, left_over = carry
        left, right = tree[2 * node], tree[2 * node + 1]
        go_right = ((left_over >= left) & (right > 0)) | (left == 0)
        return 2 * node + go_right, jnp.where(go_right, left_over - left, left_over)

    root = jnp.ones(fractions.shape, jnp.int32), fractions * tree[1]
    return jax.lax.fori_loop(0, _depth(tree), level, root)[0] - tree.shape[0] // 2


def _depth(tree: jax.Array) -> int:
    return (tree.shape[0] // 2).bit_length() - 1
