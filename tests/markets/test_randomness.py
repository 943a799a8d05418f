"""The random numbers of a step: the cipher by its published vectors, and what is made of its words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.markets.randomness import draw, fan, normal, threefry

ONES = 0xFFFFFFFF
PI = (0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3)  # key, counter


@pytest.mark.parametrize(
    ("rounds", "key", "counter", "block"),
    [
        (13, (0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        (20, (0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        (20, (ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
        (20, *PI, (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_the_cipher_gives_its_authors_vectors(rounds, key, counter, block):
    word = lambda pair: (jnp.uint32(pair[0]), jnp.uint32(pair[1]))  # noqa: E731
    assert tuple(int(x) for x in threefry(word(key), word(counter), rounds)) == block


def many(keys, uniforms: int, coins: int) -> tuple[np.ndarray, np.ndarray]:
    numbers, heads = jax.jit(jax.vmap(lambda key: tuple(jnp.stack(part) for part in draw(key, uniforms, coins))))(keys)
    return np.asarray(numbers, np.float64), np.asarray(heads, np.float64)


def unrelated(columns: np.ndarray) -> bool:
    """Whether no two columns are correlated by more than 5 standard errors."""
    found = np.corrcoef(columns, rowvar=False) - np.eye(columns.shape[1])
    return bool(np.abs(found).max() < 5 / np.sqrt(len(columns)))


@pytest.mark.parametrize("keys_of", [jax.random.split, fan])
def test_uniforms_and_coins_are_fair_and_know_nothing_of_each_other(keys_of):
    size = 200_000
    numbers, heads = many(keys_of(jax.random.key(1), size), 3, 12)
    assert 0 < numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() < 1
    for column in numbers.T:
        counts = np.histogram(column, 256, (0, 1))[0]
        assert np.sum((counts - size / 256) ** 2) / (size / 256) < 255 + 5 * np.sqrt(2 * 255)
    assert np.abs(heads.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(size)
    assert unrelated(np.hstack([numbers, heads]))
    assert unrelated(
        np.column_stack([numbers[:-1], numbers[1:], heads[:-1, :2], heads[1:, :2]])
    )  # nor neighbours' keys


def test_a_word_is_used_up_once():
    """The upper 23 bits are the uniform's and the lower 9 the coins'."""
    key = jax.random.key(11)
    numbers, heads = draw(key, 2, 18)
    words = threefry(tuple(jax.random.key_data(key)), (jnp.uint32(0), jnp.uint32(0x6A61786D)))
    for i, word in enumerate(words):
        coins = sum(int(head) << bit for bit, head in enumerate(heads[9 * i : 9 * (i + 1)]))
        assert (int(float(numbers[i]) * 2**23) << 9) + coins == int(word)


def test_a_key_draws_what_it_neither_splits_into_nor_gives_as_bits():
    key = jax.random.key(5)
    drawn = {int(float(u) * 2**23) for u in draw(key, 4)[0]}
    others = [*jax.random.bits(key, (64,)), *jax.random.key_data(jax.random.split(key, 32)).ravel()]
    assert not drawn & {int(word) >> 9 for word in others}


def test_other_kinds_of_key_draw_too():
    rbg, old = jax.random.key(3, impl="rbg"), jax.random.PRNGKey(3)
    assert all(0 < float(u) < 1 for u in draw(rbg, 3, 1)[0])
    np.testing.assert_array_equal(jnp.stack(draw(old, 3)[0]), jnp.stack(draw(jax.random.key(3), 3)[0]))


def test_a_fan_is_of_distinct_keys_even_past_the_end_of_a_word():
    start = jax.random.wrap_key_data(jnp.array([7, ONES - 3], jnp.uint32))
    assert len({tuple(data) for data in np.asarray(jax.random.key_data(fan(start, 100))).tolist()}) == 100


def test_normals_are_finite_at_the_outermost_uniforms():
    outermost = normal(jnp.float32([2**-24, 0.5, 1 - 2**-24]))
    np.testing.assert_allclose(outermost, [-5.29, 0.0, 5.29], atol=0.1)
