"""The random numbers of a step, drawn at once from one key, in a form that compiles into the step that uses them.

On a CPU JAX's own Threefry is a loop over whole arrays, several passes through memory for every draw, and is most of
what a cheap environment costs. Written out, the same cipher fuses with the step; both words of a block are used, and of
a word the upper 23 bits make a uniform and the lower 9 are coins.
"""

import jax
import jax.numpy as jnp

Array = jax.Array
Words = tuple[Array, Array]  # uint32 [...] each

ROUNDS = 13
"""Of the cipher: the least for which its authors know of no statistical flaw (Random123, threefry.h); JAX uses 20."""
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA
_DRAWS = 0x6A61786D  # our second counter, which JAX never reaches: a key's draws are neither its splits nor its bits
_COINS = 9  # lower bits of a word


def draw(key: Array, uniforms: int, coins: int = 0) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Independent numbers: float32 [] in (0, 1), multiples of 2⁻²³ plus a half of that, and fair coins, bool [].

    Two words a block where the key is one of Threefry, whatever `jax.random.bits` does where it is not.
    """
    words = _words(key, max(uniforms, -(-coins // _COINS)))
    numbers = tuple(
        jnp.float32(2**-23) * (word >> _COINS).astype(jnp.float32) + jnp.float32(2**-24) for word in words[:uniforms]
    )
    return numbers, tuple(((words[i // _COINS] >> (i % _COINS)) & 1).astype(bool) for i in range(coins))


def fan(key: Array, count: int) -> Array:
    """`count` keys for as many environments, [count], by counting up from `key` instead of enciphering each.

    They are distinct, and the cipher of each environment's own draw does the rest. `key` must be the fruit of a split,
    and not of another fan, so that no two of its kind overlap.
    """
    words = jax.random.key_data(key)
    lower = words[1] + jax.lax.iota(jnp.uint32, count)
    return jax.random.wrap_key_data(jnp.stack([jnp.full_like(lower, words[0]), lower], axis=-1))


def threefry(key: Words, counter: Words, rounds: int = ROUNDS) -> Words:
    """One block of Threefry-2x32 (Salmon, Moraes, Dror & Shaw 2011, section 3.2)."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = counter[0] + schedule[0], counter[1] + schedule[1]
    for done in range(1, rounds + 1):
        turn = _ROTATIONS[(done - 1) % 8]
        x = x + y
        y = x ^ ((y << jnp.uint32(turn)) | (y >> jnp.uint32(32 - turn)))
        if done % 4 == 0:
            injected = done // 4
            x = x + schedule[injected % 3]
            y = y + schedule[(injected + 1) % 3] + jnp.uint32(injected)
    return x, y


def normal(uniform: Array) -> Array:
    """The standard normal at probability `uniform`."""
    return jnp.float32(jnp.sqrt(2.0)) * jax.lax.erf_inv(2.0 * uniform - 1.0)


def _words(key: Array, count: int) -> list[Array]:
    """`count` random words, uint32 [] each."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        if str(jax.random.key_impl(key)) != "threefry2x32":
            return list(jax.random.bits(key, (count,)))
        key = jax.random.key_data(key)
    blocks = [threefry((key[0], key[1]), (jnp.uint32(i), jnp.uint32(_DRAWS))) for i in range(-(-count // 2))]
    return [word for block in blocks for word in block][:count]
