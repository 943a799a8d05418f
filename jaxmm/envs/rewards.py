"""Named reward terms and their weights; a reward is their weighted sum, and each is reported on its own.

Money terms are in the contract's settlement currency, float32 of the ledger's increments, so a weight of 1 means money
itself.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.exchange.ledger import Step, net_pnl

Array = Any


class RewardWeights(NamedTuple):
    """Weight of each term; all float32 scalars. The default reward is the P&L after fees and funding."""

    pnl: Array = 1.0
    """Change of cash and marked position, before fees and funding."""
    fees: Array = 1.0
    """Minus the fees paid; rebates count positive."""
    funding: Array = 1.0
    """Minus the funding paid; what was received counts positive."""
    spread: Array = 0.0
    """What fills earned against the mid at which they became known, a part of `pnl`."""
    dampened: Array = 0.0
    """Minus the gains (not the losses) of holding a position while the mid moves: asymmetric dampening,
    Spooner et al., "Market Making via Reinforcement Learning", AAMAS 2018."""
    inventory: Array = 0.0
    """Minus (position / max position)², each step."""
    terminal_inventory: Array = 0.0
    """Minus (position / max position)², on an episode's last step."""
    utility: Array = 0.0
    """(1 − exp(−a·x)) / a of the step's P&L after fees and funding x, with a = `risk_aversion`."""
    sharpe: Array = 0.0
    """Differential Sharpe ratio: Moody & Saffell, "Learning to Trade via Direct Reinforcement", IEEE TNN 2001."""


TERMS = RewardWeights._fields


class Moments(NamedTuple):
    """Running means that the differential Sharpe ratio needs."""

    mean: Array  # float32, of the step's P&L after fees and funding
    square: Array  # float32, of its square


def no_moments() -> Moments:
    """At the start of an episode."""
    return Moments(jnp.float32(0), jnp.float32(0))


class Settings(NamedTuple):
    """Numbers that the terms share, all scalars."""

    unit: Array  # float32, settlement currency of one ledger unit
    max_position_lots: Array  # int32
    risk_aversion: Array  # float32, per settlement currency
    sharpe_rate: Array  # float32, adaptation rate of the running moments


def reward_terms(step: Step, moments: Moments, last: Array, settings: Settings) -> tuple[RewardWeights, Moments]:
    """Each term's value, float32, under its name; and the moments moved on."""
    net = net_pnl(step) * settings.unit
    carried = step.carried.astype(jnp.float32)
    share = step.position.astype(jnp.float32) / settings.max_position_lots.astype(jnp.float32)
    ratio, moments = _differential_sharpe(net, moments, settings.sharpe_rate)
    terms = RewardWeights(
        pnl=step.pnl.astype(jnp.float32) * settings.unit,
        fees=-step.fee * settings.unit,
        funding=-step.funding * settings.unit,
        spread=step.spread.astype(jnp.float32) * settings.unit,
        dampened=-jnp.maximum(carried, 0.0) * settings.unit,
        inventory=-jnp.square(share),
        terminal_inventory=jnp.where(last, -jnp.square(share), 0.0),
        utility=-jnp.expm1(-settings.risk_aversion * net) / settings.risk_aversion,
        sharpe=ratio,
    )
    return terms, moments


def weighted(terms: RewardWeights, weights: RewardWeights) -> Array:
    """The reward, float32."""
    return sum((w * t for w, t in zip(weights, terms, strict=True)), jnp.float32(0))


def _differential_sharpe(value: Array, moments: Moments, rate: Array) -> tuple[Array, Moments]:
    """D = (B·ΔA − A·ΔB/2) / (B − A²)^{3/2} with A, B the running mean and mean square before; 0 while B = A²."""
    delta_mean, delta_square = value - moments.mean, jnp.square(value) - moments.square
    variance = moments.square - jnp.square(moments.mean)
    safe = jnp.where(variance > 1e-12, variance, 1.0)
    ratio = (moments.square * delta_mean - 0.5 * moments.mean * delta_square) / safe**1.5
    moved = Moments(moments.mean + rate * delta_mean, moments.square + rate * delta_square)
    return jnp.where(variance > 1e-12, ratio, 0.0), moved
