"""Processes of the mid price, stepped by `dt`. Each names its source.

S mid · σ volatility a root time unit · dt step · Z standard normal.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.components import Array, MidProcess, Number, Signals, Trades, Uniforms
from jaxmm.markets.randomness import normal


class Volatility(NamedTuple):
    """Of a mid with one number."""

    sigma: Number  # float32 [], of price a root time unit


@dataclass(frozen=True)
class RandomWalk(MidProcess):
    """±σ√dt with even odds (Avellaneda & Stoikov 2008, section 3.3)."""

    coins = 1

    def move(
        self, params: Volatility, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """A step up on heads."""
        del mid, trades
        step = params.sigma * jnp.sqrt(dt)
        return state, jnp.where(uniforms[0], step, -step)


@dataclass(frozen=True)
class Brownian(MidProcess):
    """dS = σ dW (Bachelier 1900), exact at any dt."""

    draws = 1

    def move(
        self, params: Volatility, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """A normal of variance σ²dt."""
        del mid, trades
        return state, params.sigma * jnp.sqrt(dt) * normal(uniforms[0])


class Growth(NamedTuple):
    """Of a geometric mid."""

    mu: Number  # float32 [], drift a time unit
    sigma: Number  # float32 [], of the price's logarithm a root time unit


@dataclass(frozen=True)
class Geometric(MidProcess):
    """dS = μS dt + σS dW (Samuelson 1965), exact at any dt."""

    draws = 1

    def move(
        self, params: Growth, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """S (e^{(μ − σ²/2)dt + σ√dt Z} − 1)."""
        del trades
        drift = (params.mu - 0.5 * jnp.square(params.sigma)) * dt
        return state, mid * jnp.expm1(drift + params.sigma * jnp.sqrt(dt) * normal(uniforms[0]))


class Reversion(NamedTuple):
    """Of a mean-reverting mid."""

    mean: Number  # float32 []
    speed: Number  # float32 [], ζ above zero, a time unit
    sigma: Number  # float32 []


@dataclass(frozen=True)
class OrnsteinUhlenbeck(MidProcess):
    """dS = ζ(m − S)dt + σ dW (Uhlenbeck & Ornstein 1930), exact at any dt; it pulls back what other parts move too."""

    draws = 1
    positive = ("speed",)

    def move(
        self, params: Reversion, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """(m − S)(1 − e^{−ζdt}) + Z √(σ²(1 − e^{−2ζdt})/2ζ)."""
        del trades
        pull = -jnp.expm1(-params.speed * dt) * (params.mean - mid)
        sd = params.sigma * jnp.sqrt(-jnp.expm1(-2.0 * params.speed * dt) / (2.0 * params.speed))
        return state, pull + sd * normal(uniforms[0])


class JumpSizes(NamedTuple):
    """Of a jump part."""

    rate: Number  # float32 [], jumps a time unit
    mean: Number  # float32 [], of a jump
    sd: Number  # float32 []


@dataclass(frozen=True)
class Jumps(MidProcess):
    """Normal jumps at Poisson times, at most one a step: beside `Brownian`, a jump diffusion (Merton 1976)."""

    draws = 2

    def move(
        self, params: JumpSizes, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """A jump with probability 1 − e^{−rate·dt}."""
        del mid, trades
        jumps = uniforms[0] < -jnp.expm1(-params.rate * dt)
        return state, jnp.where(jumps, params.mean + params.sd * normal(uniforms[1]), 0.0)


class StochasticVariance(NamedTuple):
    """Of Heston's mid."""

    start: Number  # float32 [], v₀
    mean: Number  # float32 [], θ, of the log price's variance a time unit
    speed: Number  # float32 [], κ
    sigma: Number  # float32 [], volatility of the variance
    rho: Number  # float32 [], correlation of price and variance


@dataclass(frozen=True)
class Heston(MidProcess):
    """dS = √v S dW, dv = κ(θ − v)dt + σ_v √v dB (Heston 1993); full truncation (Lord, Koekkoek & van Dijk 2010)."""

    draws = 2
    positive = ("mean",)

    def check(self, params: StochasticVariance, dt: float) -> None:
        """A correlation is one."""
        super().check(params, dt)
        if not -1 <= params.rho <= 1:
            raise InputError(f"Heston: rho is {params.rho}; it is a correlation, −1 to 1")

    def start(self, params: StochasticVariance) -> Array:
        """The variance."""
        return params.start

    def move(
        self, params: StochasticVariance, state: Array, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Array, Array]:
        """A log-normal step at the variance before it."""
        del trades
        z, own = normal(uniforms[0]), normal(uniforms[1])
        variance = jnp.maximum(state, 0.0)
        sd = jnp.sqrt(variance * dt)
        shock = params.rho * z + jnp.sqrt(1.0 - jnp.square(params.rho)) * own
        after = state + params.speed * (params.mean - variance) * dt + params.sigma * sd * shock
        return after, mid * jnp.expm1(sd * z - 0.5 * variance * dt)

    def signals(self, params: StochasticVariance, state: Array) -> Signals:
        """Volatility by its long-run level, less one."""
        return (jnp.sqrt(jnp.maximum(state, 0.0) / params.mean) - 1.0,)


class Regimes(NamedTuple):
    """Of K regimes."""

    rates: Number  # float32 [K, K], of switching from row to column a time unit; the diagonal is not read
    mu: Number  # float32 [K], drift of price a time unit
    sigma: Number  # float32 [K], of price a root time unit


@dataclass(frozen=True)
class RegimeSwitching(MidProcess):
    """dS = μ_k dt + σ_k dW, k a hidden Markov chain that starts in regime 0 (Hamilton 1989); the quoter is not told k.

    One switch a step at most, with probability rate·dt, before the move.
    """

    draws = 2

    def check(self, params: Regimes, dt: float) -> None:
        """All tables are of one number of regimes, and at most one switch a step is likely."""
        rates, regimes = np.asarray(params.rates, float), len(params.mu)
        if rates.shape != (regimes, regimes) or len(params.sigma) != regimes:
            raise InputError(f"RegimeSwitching: rates {rates.shape}, mu and sigma must be of one number of regimes")
        leaving = (rates.sum(axis=1) - np.diag(rates)).max()
        if leaving * dt > 1:
            raise InputError(
                f"RegimeSwitching: dt is {dt:g}; a regime is left {leaving:g} times a time unit, "
                f"so it must be {1 / leaving:g} at most"
            )

    def start(self, params: Regimes) -> Array:
        """Regime 0."""
        del params
        return jnp.int32(0)

    def move(
        self, params: Regimes, state: Array, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Array, Array]:
        """The uniform falls into one regime's stretch of rate·dt, or past all of them: no switch."""
        del mid, trades
        regimes = jnp.arange(len(params.mu))
        ends = jnp.cumsum(jnp.where(regimes == state, 0.0, params.rates[state] * dt))
        after = jnp.where(uniforms[0] < ends[-1], jnp.searchsorted(ends, uniforms[0], side="right"), state)
        after = after.astype(jnp.int32)
        return after, params.mu[after] * dt + params.sigma[after] * jnp.sqrt(dt) * normal(uniforms[1])


class AlphaSignal(NamedTuple):
    """Of a short-term alpha."""

    decay: Number  # float32 [], ζ above zero
    noise: Number  # float32 [], η
    kick: Number  # float32 [], ε, by one market order
    scale: Number  # float32 [], the alpha that is observed as 1


@dataclass(frozen=True)
class ShortTermAlpha(MidProcess):
    """dS = α dt, dα = −ζα dt + η dW + ε(dM⁺ − dM⁻), M± market orders (Cartea, Jaimungal & Penalva 2015, section 10.4).

    A drift beside another process; order flow feeds it and it can be seen.
    """

    draws = 1
    positive = ("decay", "scale")

    def start(self, params: AlphaSignal) -> Array:
        """No alpha."""
        return jnp.zeros_like(params.decay)

    def move(
        self, params: AlphaSignal, state: Array, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Array, Array]:
        """The alpha before the step drives it; then it decays, is shaken and kicked."""
        del mid
        sd = params.noise * jnp.sqrt(-jnp.expm1(-2.0 * params.decay * dt) / (2.0 * params.decay))
        pressure = jnp.float32(trades.arrived.ask) - jnp.float32(trades.arrived.bid)
        after = state * jnp.exp(-params.decay * dt) + sd * normal(uniforms[0]) + params.kick * pressure
        return after, state * dt

    def signals(self, params: AlphaSignal, state: Array) -> Signals:
        """The alpha, scaled."""
        return (state / params.scale,)
