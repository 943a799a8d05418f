"""Our engines under the quoters that the peer runs too: compiled runs over a replay of either engine.

D decisions of the replay · T decisions of a run · B environments side by side.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from jaxmm.exchange.rules import Rules
from jaxmm.policy.types import Quoter, within_position

Array = Any


class Path(NamedTuple):
    """What one quoter knew at each decision after the first, [T]."""

    position: Array  # int32 lots
    traded: Array  # int32 lots, bought or sold since the decision before
    pnl: Array  # int32 half-tick·lots since the decision before
    outside: Array  # int32, quotes whose fills are not exact


class Total(NamedTuple):
    """What one quoter did over a run."""

    position: Array  # int32 lots, at the end
    traded: Array  # int32 lots
    outside: Array  # int32, quotes whose fills are not exact


def path(replay: Any, quoter: Quoter, limit: Array, rules: Rules, orders: int = 1) -> Path:
    """One quoter over the whole replay. Without `limit` checks for ladders: these keep to theirs themselves."""

    def body(carry: tuple, k: Array) -> tuple:
        venue, step = _step(replay, quoter, limit, rules, *carry, k)
        return (venue, step.position), Path(step.position, step.bought + step.sold, step.pnl, step.outside)

    start = (replay.empty_venue(rules, orders), jnp.int32(0))
    return jax.lax.scan(body, start, jnp.arange(replay.decisions - 1, dtype=jnp.int32))[1]


def total(replay: Any, quoter: Quoter, limit: Array, start: Array, rules: Rules, decisions: int) -> Total:
    """One quoter over `decisions` decisions from `start` on."""

    def body(carry: tuple, k: Array) -> tuple:
        venue, done = carry
        venue, step = _step(replay, quoter, limit, rules, venue, done.position, start + k)
        traded, outside = done.traded + step.bought + step.sold, done.outside + step.outside
        return (venue, Total(step.position, traded, outside)), None

    none = Total(*(jnp.int32(0) for _ in Total._fields))
    ks = jnp.arange(decisions, dtype=jnp.int32)
    return jax.lax.scan(body, (replay.empty_venue(rules), none), ks)[0][1]


def _step(replay: Any, quoter: Quoter, limit: Array, rules: Rules, venue: Any, position: Array, k: Array) -> tuple:
    quotes = quoter.quote(replay.view(venue, position, k, jnp.float32(1)), jnp)
    return replay.step(venue, position, within_position(quotes, position, limit, jnp), k, rules)


class Compiled(NamedTuple):
    """A run that is ready to be timed."""

    run: Callable[[], Any]
    compile_s: float
    state_bytes: float  # of an environment

    def wall(self) -> float:
        """Seconds of one run."""
        began = time.perf_counter()
        self.run()
        return time.perf_counter() - began


def compiled_path(replay: Any, quoter: Quoter, limit: int, rules: Rules, orders: int = 1) -> Compiled:
    """One quoter over the whole replay; running it returns a `Path`."""
    arguments = (replay, jax.tree.map(jnp.asarray, quoter), jnp.int32(limit), rules)
    began = time.perf_counter()
    program = jax.jit(partial(path, orders=orders)).lower(*arguments).compile()
    took = time.perf_counter() - began
    return Compiled(lambda: jax.block_until_ready(program(*arguments)), took, _state_bytes(replay, rules, orders))


def compiled_totals(
    replay: Any, quoters: Quoter, limits: np.ndarray, starts: np.ndarray | None, rules: Rules, decisions: int
) -> Compiled:
    """B quoters (leaves [B]) side by side, split among the devices; running it returns a `Total` of arrays [B].

    `starts` int32 [B]: where each begins; None: all at the first decision, so that they share what they read.
    """
    mesh = jax.make_mesh((jax.device_count(),), ("core",), axis_types=(jax.sharding.AxisType.Auto,))
    shared, split = PartitionSpec(), PartitionSpec("core")
    begin = jnp.int32(0) if starts is None else jnp.asarray(starts, jnp.int32)
    one = partial(total, decisions=decisions)
    many = jax.vmap(one, (None, 0, 0, None if starts is None else 0, None))
    sharded = jax.shard_map(
        many,
        mesh=mesh,
        in_specs=(shared, split, split, shared if starts is None else split, shared),
        out_specs=split,
        check_vma=False,
    )
    quoters = jax.tree.map(jnp.asarray, quoters)
    arguments = (replay, quoters, jnp.asarray(limits, jnp.int32), begin, rules)
    specs = (shared, split, split, shared if starts is None else split, shared)
    arguments = tuple(
        jax.device_put(argument, jax.sharding.NamedSharding(mesh, spec))
        for argument, spec in zip(arguments, specs, strict=True)
    )
    began = time.perf_counter()
    program = jax.jit(sharded).lower(*arguments).compile()
    took = time.perf_counter() - began
    return Compiled(lambda: jax.block_until_ready(program(*arguments)), took, _state_bytes(replay, rules, 1))


def _state_bytes(replay: Any, rules: Rules, orders: int) -> float:
    """Bytes of an environment's orders, position and cursor."""
    return float(sum(leaf.nbytes for leaf in jax.tree.leaves(replay.empty_venue(rules, orders))) + 8)
