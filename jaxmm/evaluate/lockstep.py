"""Many quoters over one tape in lockstep: the decision is the same for all, so a row or an event is read once for all.

What a quoter did is added up on the way, over stretches of decisions: memory does not grow with the tape. Integers that
may leave int32 are summed modulo 2³² beside an estimate that tells the multiple: the totals are exact.
B quoters · C stretches · D decisions.
"""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.exchange.engine import Filled
from jaxmm.exchange.ledger import Linear, Step, net_pnl
from jaxmm.exchange.rules import Rules
from jaxmm.policy.types import Quoter, within_position

Array = Any

FUSE_OUTPUTS = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"
"""Without it XLA's CPU compiler computes a step again for each of its sums: 38 against 15 M decisions/s (4096 sets)."""
LONGEST = 1024
"""Decisions of a stretch, at most."""
_FLOAT_BITS = 24
_SLACK = 8  # roundings of one addend


class Sum(NamedTuple):
    """A sum of ledger units: exact modulo 2³², and about. Of an inverse contract only about, for its units are floats.

    Each of n addends is rounded to float32 and so is each sum on the way, which is wrong by less than
    (n + `_SLACK`)·Σ|addend|/2²⁴; while that is below 2³⁰ there is one integer with this residue so close.
    """

    residue: Array  # int32
    about: Array  # float32

    def plus(self, exact: Array, about: Array) -> "Sum":
        """With one addend, modulo 2³² and about."""
        return Sum(self.residue + exact, self.about + about)


class Stretch(NamedTuple):
    """What one quoter did over a stretch of decisions; money in ledger units."""

    pnl: Sum  # before fees and funding
    maker: Sum  # notional of fills while resting
    taker: Sum  # notional of takings
    funding: Array  # float32, paid
    net: Array  # float32, P&L after fees and funding
    high: Array  # float32, the highest it was, 0 at the start
    low: Array  # float32, the lowest
    fall: Array  # float32, its largest fall from the highest so far
    maker_fills: Array  # int32, resting orders of which something filled, counted in each decision
    lots: Array  # int32, traded
    held: Array  # float32, lot·seconds of |position|
    most: Array  # int32, largest |position|
    outside: Array  # int32, quotes whose queue was not known


class Sets(NamedTuple):
    """B quoters."""

    quoters: Quoter  # its leaves [B]
    limits: Array  # int32 [B], no quote may carry the position beyond it


class Standing(NamedTuple):
    """Where B quoters stand at one decision."""

    venue: Any
    position: Array  # int32 [B]


def fuse_outputs() -> None:
    """Starts JAX with `FUSE_OUTPUTS` if it was not started yet; the environment of child processes stays as it is."""
    before = os.environ.get("XLA_FLAGS")
    if "xla_backend_extra_options" in (before or ""):
        return
    os.environ["XLA_FLAGS"] = f"{before or ''} {FUSE_OUTPUTS}".strip()
    jax.devices()  # reads the flags, once in the life of a process
    if before is None:
        del os.environ["XLA_FLAGS"]
    else:
        os.environ["XLA_FLAGS"] = before


def start(replay: Any, rules: Rules, orders: int, size: int) -> Standing:
    """No orders, with room for `orders` a side, and no position."""
    venue = replay.empty_venue(rules, orders)
    venue = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *jnp.shape(leaf))), venue)
    return Standing(venue, jnp.zeros(size, jnp.int32))


@jax.jit
def run(
    replay: Any, rules: Rules, seconds: Array, sets: Sets, standing: Standing, cuts: Array
) -> tuple[Standing, Stretch]:
    """Stretches of decisions one after another: where all then stand, and a `Stretch` of arrays [C, B].

    Args:
        replay: a `Replay`, or one of windows.
        rules: what counts as a fill.
        seconds: float32 [D − 1], from each decision to the next.
        sets: who quotes.
        standing: at the first decision.
        cuts: int32 [C, 2], first decision of each stretch and its end; those of an empty one are equal.
    """

    def one(sets: Sets, standing: Standing, k: Array) -> tuple[Standing, Step]:
        venue, position = standing
        view = replay.view(venue, position, k, jnp.float32(1))
        quotes = within_position(sets.quoters.quote(view, jnp), position, sets.limits, jnp)
        venue, step = replay.step(venue, position, quotes, k, rules)
        return Standing(venue, step.position), step

    def decide(k: Array, now: tuple[Standing, Stretch], sets: Sets) -> tuple[Standing, Stretch]:
        standing, sums = now
        after, step = one(sets, standing, k)
        return after, _added(sums, step, standing.position, seconds[k], isinstance(replay.money, Linear))

    each = jax.vmap(decide, (None, 0, 0))

    def stretch(standing: Standing, cut: Array) -> tuple[Standing, Stretch]:
        size = standing.position.shape[0]
        nothing = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size,)), _nothing())
        return jax.lax.fori_loop(cut[0], cut[1], lambda k, now: each(k, now, sets), (standing, nothing))

    return jax.lax.scan(stretch, standing, cuts)


def _nothing() -> Stretch:
    whole, real = jnp.int32(0), jnp.float32(0)
    none = Sum(whole, real)
    return Stretch(none, none, none, real, real, real, real, real, whole, whole, real, whole, whole)


def _added(sums: Stretch, step: Step, position: Array, seconds: Array, exact: bool) -> Stretch:
    """The sums after one step from `position`; `exact` where ledger units are integers."""
    resting = (step.bid.leaving, step.bid.working, step.ask.leaving, step.ask.working)
    taking = (step.bid.taking, step.ask.taking)
    zero = jnp.int32(0)
    net = sums.net + net_pnl(step)
    high = jnp.maximum(sums.high, net)
    held = jnp.abs(position)
    return Stretch(
        pnl=sums.pnl.plus(step.pnl if exact else zero, step.pnl.astype(jnp.float32)),
        maker=sums.maker.plus(_notional(resting) if exact else zero, step.maker_notional),
        taker=sums.taker.plus(_notional(taking) if exact else zero, step.taker_notional),
        funding=sums.funding + step.funding,
        net=net,
        high=high,
        low=jnp.minimum(sums.low, net),
        fall=jnp.maximum(sums.fall, high - net),
        maker_fills=sums.maker_fills + _count(resting),
        lots=sums.lots + step.bought + step.sold,
        held=sums.held + held.astype(jnp.float32) * seconds,
        most=jnp.maximum(sums.most, jnp.abs(step.position)),
        outside=sums.outside + step.outside,
    )


def _notional(fills: tuple[Filled, ...]) -> Array:
    """2·Σ lots·price modulo 2³², int32: the same sum as `Linear.notional`."""
    each = (jnp.sum(jnp.abs(f.key) * f.lots + jnp.sign(f.key) * f.extra, dtype=jnp.int32) for f in fills)
    return jnp.int32(2) * sum(each, jnp.int32(0))


def _count(fills: tuple[Filled, ...]) -> Array:
    return sum((jnp.sum(f.lots > 0, dtype=jnp.int32) for f in fills), jnp.int32(0))


# --- on the host --------------------------------------------------------------------------------------------------


def longest_stretch(most_lots: int, highest_half_ticks: int) -> int:
    """Decisions of a stretch over which `whole` finds every sum, for positions of up to `most_lots`.

    Two sides of two orders of up to twice the limit each may fill in one decision; a factor of two is for prices above
    the highest that a decision saw. Raises `InputError` where even one decision is too long.
    """
    each = 16 * most_lots * highest_half_ticks
    longest = min(LONGEST, int((2.0 ** (_FLOAT_BITS + 30) / each) ** 0.5) - _SLACK, 2**31 // (16 * most_lots))
    if longest < 1:
        raise InputError(
            f"sweep: {most_lots} lots at {highest_half_ticks} half-ticks are more money than one decision's sums hold; "
            "use a coarser lot_size"
        )
    return longest


def whole(sums: Sum, addends: int) -> np.ndarray:
    """The integers of `Sum`s of up to `addends` addends, int64, same shape.

    Raises `ValueError` where the estimate of a sum of one sign is too coarse to tell.
    """
    about = np.asarray(sums.about, np.float64)
    if (np.abs(about) * (addends + _SLACK) >= 2.0 ** (_FLOAT_BITS + 30)).any():
        raise ValueError(f"a sum over {addends} decisions is about {np.abs(about).max():g}; its last digits are lost")
    residue = np.asarray(sums.residue, np.int64)
    return residue + (np.rint((about - residue) / 2.0**32).astype(np.int64) << 32)
