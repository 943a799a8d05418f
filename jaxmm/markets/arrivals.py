"""Arrivals of market orders on each side of a quote, stepped by `dt`. Each names its source."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.errors import InputError
from jaxmm.markets.components import Array, Arrivals, Number, Sides, Signals, Trades


class Rate(NamedTuple):
    """Of a stream with one number."""

    rate: Number  # float32 [], λ orders a time unit on each side


@dataclass(frozen=True)
class Poisson(Arrivals):
    """λ on each side, with probability λ·dt a step, as the models in steps define it."""

    def chances(self, params: Rate, state: Any, dt: Array) -> Sides:
        """λ·dt on both sides."""
        del state
        return Sides(params.rate * dt, params.rate * dt)


@dataclass(frozen=True)
class NonLinear(Arrivals):
    """λ on each side, with probability 1 − e^{−λdt} a step: that one or more of a Poisson stream came in it."""

    def chances(self, params: Rate, state: Any, dt: Array) -> Sides:
        """The same on both sides."""
        del state
        chance = -jnp.expm1(-params.rate * dt)
        return Sides(chance, chance)


class Wave(NamedTuple):
    """Of a stream with a daily course."""

    rate: Number  # float32 [], the mean of λ on each side
    swing: Number  # float32 [], share of the mean by which it swings, up to 1
    period: Number  # float32 [], in time units


@dataclass(frozen=True)
class Cyclic(Arrivals):
    """λ(1 + a sin 2πt/P) on each side: a Poisson stream with a clock (Lewis & Shedler 1979)."""

    positive = ("period",)

    def start(self, params: Wave) -> Array:
        """Time, in periods."""
        return jnp.zeros_like(params.rate)

    def chances(self, params: Wave, state: Array, dt: Array) -> Sides:
        """Rate at the step's middle."""
        middle = 2.0 * jnp.pi * (state + 0.5 * dt / params.period)
        chance = params.rate * dt * (1.0 + params.swing * jnp.sin(middle))
        return Sides(chance, chance)

    def after(self, params: Wave, state: Array, trades: Trades, dt: Array) -> Array:
        """Time goes on, within the period."""
        del trades
        return (state + dt / params.period) % 1.0

    def signals(self, params: Wave, state: Array) -> Signals:
        """Where in its cycle the rate is."""
        del params
        return jnp.sin(2.0 * jnp.pi * state), jnp.cos(2.0 * jnp.pi * state)


class Excitation(NamedTuple):
    """Of a Hawkes stream; its branching ratio, (own + other)/decay, must be below 1."""

    base: Number  # float32 [], μ on each side
    own: Number  # float32 [], by which an order raises the rate of its own side
    other: Number  # float32 [], and of the other side
    decay: Number  # float32 [], β


@dataclass(frozen=True)
class Hawkes(Arrivals):
    """Bivariate Hawkes with exponential kernels (Hawkes 1971), from its mean; `own` = `other` is the univariate one.

    An order's kernel is averaged over each step that follows it, which keeps the branching ratio, and so the mean rate
    μ/(1 − (own + other)/β) on each side, exact at any dt.
    """

    positive = ("decay",)

    def check(self, params: Excitation, dt: float) -> None:
        """Its orders must not breed more orders than they are."""
        super().check(params, dt)
        branching = (params.own + params.other) / params.decay
        if branching >= 1:
            raise InputError(f"Hawkes: the branching ratio (own + other)/decay is {branching:g}; it must be below 1")

    def start(self, params: Excitation) -> Sides:
        """What past orders add to each side's rate, at its stationary mean."""
        branching = (params.own + params.other) / params.decay
        excited = params.base * branching / (1.0 - branching)
        return Sides(excited, excited)

    def chances(self, params: Excitation, state: Sides, dt: Array) -> Sides:
        """Rate times dt."""
        return Sides((params.base + state.bid) * dt, (params.base + state.ask) * dt)

    def after(self, params: Excitation, state: Sides, trades: Trades, dt: Array) -> Sides:
        """Decays, and jumps by what arrived."""
        kept = jnp.exp(-params.decay * dt)
        share = -jnp.expm1(-params.decay * dt) / (params.decay * dt)
        bid, ask = (jnp.float32(side) * share for side in trades.arrived)
        return Sides(
            state.bid * kept + params.own * bid + params.other * ask,
            state.ask * kept + params.own * ask + params.other * bid,
        )

    def signals(self, params: Excitation, state: Sides) -> Signals:
        """Each side's rate by its mean, less one."""
        mean = params.base / (1.0 - (params.own + params.other) / params.decay)
        return (params.base + state.bid) / mean - 1.0, (params.base + state.ask) / mean - 1.0
