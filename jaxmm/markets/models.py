"""The models with known answers: their parameters, by the names the field gives them, and the published sets of them.

Solvers (`jaxmm.solve`) and environments (`jaxmm.envs`) read the same parameters. Prices in the model's own unit, T its
time unit, N steps of dt = T/N, inventory q in units. Sources: `docs/models.md`.
"""

import dataclasses
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from jaxmm.errors import InputError, nearest
from jaxmm.markets.parameter_file import SUFFIXES, read_parameters

MOST_STEPS = 100_000
"""Of a model: what its tables take stays within a machine's memory."""


@dataclass(frozen=True)
class Model:
    """Parameters of one model; frozen, hashable, checked when made."""

    name: ClassVar[str]
    signed: ClassVar[frozenset[str]] = frozenset()
    """Parameters that may be below zero; all others are zero or more."""
    positive: ClassVar[frozenset[str]] = frozenset({"T", "N", "Q", "k", "kappa", "A", "tick"})
    """Parameters that may not be zero."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                if not math.isfinite(number):
                    raise InputError(f"{self.name}: {field.name} is {number}; it must be a finite number")
                if number < 0 and field.name not in self.signed:
                    raise InputError(f"{self.name}: {field.name} is {number:g}; it must be zero or more")
                if number == 0 and field.name in self.positive:
                    raise InputError(f"{self.name}: {field.name} is 0; it must be above zero")


class InSteps(Model):
    """A model of N steps over the horizon T."""

    T: float
    N: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.N > MOST_STEPS:
            raise InputError(f"{self.name}: N is {self.N}; a policy's table holds at most {MOST_STEPS} steps")

    @property
    def dt(self) -> float:
        """Length of a step."""
        return self.T / self.N


@dataclass(frozen=True)
class AvellanedaStoikov(InSteps):
    """Avellaneda & Stoikov (2008), in their discrete simulation: the mid moves ±σ√dt after the fills."""

    name: ClassVar[str] = "as"
    T: float = 1.0
    N: int = 200
    sigma: float = 2.0
    k: float = 1.5
    A: float = 140.0
    gamma: float = 0.1


@dataclass(frozen=True)
class Glft(Model):
    """Guéant, Lehalle & Fernandez-Tapia (2013), in continuous time; |q| ≤ Q."""

    name: ClassVar[str] = "glft"
    sigma: float = 0.3
    A: float = 0.9
    k: float = 0.3
    gamma: float = 0.01
    T: float = 600.0
    Q: int = 30


@dataclass(frozen=True)
class CarteaJaimungal(Model):
    """Cartea & Jaimungal (Cartea, Jaimungal & Penalva 2015, §10.2), in continuous time; |q| ≤ Q."""

    name: ClassVar[str] = "cj"
    T: float = 1.0
    Q: int = 10
    lam: float = 40.0
    kappa: float = 1.5
    phi: float = 0.5
    alpha: float = 0.1
    sigma: float = 1.0


@dataclass(frozen=True)
class CarteaJaimungalSteps(InSteps):
    """The same in N steps, each a Bernoulli fill a side; depths within [0, d_max], or one of `actions` a side."""

    name: ClassVar[str] = "cj-dt"
    T: float = 1.0
    N: int = 200
    Q: int = 10
    lam: float = 40.0
    kappa: float = 1.5
    phi: float = 0.5
    alpha: float = 0.1
    sigma: float = 1.0
    d_max: float = 3.0
    actions: tuple[float, ...] = ()


@dataclass(frozen=True)
class Spm(Model):
    """The tabular benchmark of Carlsson & Regnell (2022): T steps, depths of 0 to 3 ticks around the mid."""

    name: ClassVar[str] = "spm"
    T: int = 20
    phi: float = 1e-4
    alpha: float = 1e-4
    Q: int = 3
    kappa: float = 100.0
    tick: float = 0.01
    sigma: float = 0.01
    lam: float = 1.0
    depths: int = 3


@dataclass(frozen=True)
class Internalise(InSteps):
    """A dealer in N steps: hedge u ∈ −U … U at cost ψ|u| + ηu², then a client fill a side, λdt/(1 + e^(a + bδ))."""

    name: ClassVar[str] = "int-dt"
    signed: ClassVar[frozenset[str]] = frozenset({"a", "quotes"})
    T: float = 1.0
    N: int = 200
    Q: int = 20
    sigma: float = 2.0
    lam: float = 60.0
    a: float = -1.0
    b: float = 2.0
    psi: float = 0.4
    eta: float = 0.1
    U: int = 10
    phi: float = 0.05
    alpha: float = 0.5
    quotes: tuple[float, ...] = tuple(-0.5 + 0.25 * i for i in range(13))


@dataclass(frozen=True)
class Bbg(Model):
    """Internalise or externalise (Barzykin, Bergault & Guéant): bp, millions, days; client sizes z at rates λ⁰.

    Clients of G tiers differ in a, b [G] and in λ⁰ [G·n], n sizes of the first tier, then of the next.
    """

    name: ClassVar[str] = "bbg"
    signed: ClassVar[frozenset[str]] = frozenset({"a"})
    positive: ClassVar[frozenset[str]] = frozenset({"T", "Q", "b", "z", "eta", "dq"})
    z: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
    lam0: tuple[float, ...] = (2000.0, 800.0, 600.0, 400.0, 100.0, 50.0)
    a: tuple[float, ...] = (-1.0,)
    b: tuple[float, ...] = (7.0,)
    sigma: float = 100.0
    gamma: float = 1e-3
    psi: float = 0.2
    eta: float = 1.5  # bp·s/M
    k: float = 0.005
    T: float = 0.05
    Q: float = 100.0
    dq: float = 1.0


@dataclass(frozen=True)
class Triangle(InSteps):
    """Three pairs of two assets (x, y), |x|, |y| ≤ Q: hedges −U … U in every pair, then at most one client a step."""

    name: ClassVar[str] = "tri-dt"
    signed: ClassVar[frozenset[str]] = frozenset({"a", "rho"})
    T: float = 1.0
    N: int = 100
    Q: int = 6
    sigma: tuple[float, float] = (2.0, 3.0)
    rho: float = 0.7
    lam: tuple[float, float, float] = (20.0, 20.0, 10.0)
    a: float = -1.0
    b: float = 2.0
    quotes: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
    psi: tuple[float, float, float] = (0.25, 0.35, 0.5)
    eta: float = 0.05
    U: int = 2
    phi: float = 0.02
    alpha: float = 0.3


@dataclass(frozen=True)
class PriceSkew(Model):
    """The dealer's first model: quotes around a market of spread S, worth Σ βᵗ (P&L − r·Risk), Risk = (QᵀΩQ)^u.

    Depths are counted in spreads from the mid. What follows `limit` extends the base model, which is the default.
    """

    name: ClassVar[str] = "price-skew"
    signed: ClassVar[frozenset[str]] = frozenset({"omega", "fee"})
    positive: ClassVar[frozenset[str]] = frozenset({"S", "k", "limit", "N", "dt", "curvature"})
    S: float = 1.0
    k: float = 1.0
    r: float = 0.05
    beta: float = 0.95
    limit: int = 10  # inventory allowed in each currency, ± units
    N: int = 400  # steps after which an episode is cut
    u: float = 0.5  # with omega = 1: Risk = |Q|
    omega: tuple[float, ...] = (1.0,)  # Ω by rows; as many currencies as it has rows
    sigma: float = 0.0  # the mids move with covariance σ²Ω·dt a step
    dt: float = 1.0  # of a step; small, with arrival = rate·dt: continuous time
    arrival: float = 1.0  # probability of an order a step and side
    curvature: float = 1.0  # p = exp(−k·((a − A)/S)^curvature)
    best: float = 1.0  # p where we improve the market
    size: float = 0.0  # mean units of an order beyond the first, geometric
    partial: float = 0.0  # probability that an execution is for a part of the order
    spread_sd: float = 0.0  # of ln S a √dt
    spread_reversion: float = 0.1  # of ln S to its mean, a dt
    boost: float = 0.0  # memory: relative rise of the arrival on a side by an execution there
    forget: float = 0.2  # decay of that rise, a dt
    fee: float = 0.0  # a unit traded
    delay: int = 0  # steps from decision to effect, 0 to 2

    @property
    def currencies(self) -> int:
        """How many Ω has."""
        return math.isqrt(len(self.omega))


MODELS: dict[str, type[Model]] = {
    kind.name: kind
    for kind in (
        PriceSkew,
        AvellanedaStoikov,
        Glft,
        CarteaJaimungal,
        CarteaJaimungalSteps,
        Spm,
        Internalise,
        Bbg,
        Triangle,
    )
}
RL_A = CarteaJaimungalSteps()
RL_B = CarteaJaimungalSteps(Q=5, lam=20.0, phi=2.0, alpha=0.5, N=100, sigma=2.0)
PRESETS: dict[str, Model] = {
    "as-2008": AvellanedaStoikov(),
    "rl-a": RL_A,
    "rl-b": RL_B,
    "rl-a-49": dataclasses.replace(RL_A, actions=(0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0)),
    "rl-b-49": dataclasses.replace(RL_B, actions=(0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0)),
    "rl-b-9": dataclasses.replace(RL_B, actions=(0.25, 0.75, 1.5)),
    "int-dt-b": Internalise(phi=1.0, psi=0.2, lam=30.0, eta=0.05, alpha=1.0),
}
"""Published sets under their own names; a model's own name means its defaults."""


def model_of(name: str, settings: dict[str, Any] | None = None) -> Model:
    """The model, preset or parameter file `name` with some of its parameters replaced.

    Raises `InputError` where there is no such model or parameter, or a value is of the wrong kind.
    """
    if name.endswith(SUFFIXES):
        return model_from_yaml(name, settings)
    if name in PRESETS:
        base = PRESETS[name]
    elif name in MODELS:
        base = MODELS[name]()
    else:
        raise InputError(f"there is no model {name!r}; {nearest(name, [*MODELS, *PRESETS])}")
    kinds = {field.name: type(getattr(base, field.name)) for field in fields(base)}
    given = {}
    for setting, value in (settings or {}).items():
        if setting not in kinds:
            raise InputError(f"{name} has no parameter {setting!r}; {nearest(setting, kinds)}")
        given[setting] = _read(f"{name}: {setting}", value, kinds[setting])
    return dataclasses.replace(base, **given)


def model_from_yaml(path: str | Path, settings: dict[str, Any] | None = None) -> Model:
    """The model of a file that `jaxmm calibrate` wrote, with some of its parameters replaced.

    Raises `InputError` where the file is none, or holds a market's parameters and not a model's.
    """
    file = read_parameters(path, MODELS)
    return model_of(file.model, file.settings | (settings or {}))


def _read(what: str, value: Any, kind: type) -> Any:
    """`value` as `kind`: a whole number, a number, or a tuple of numbers, which text writes with commas."""
    if kind is tuple:
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
        return tuple(_read(what, part, float) for part in parts if part != "")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r}; it must be a number") from None
    if kind is float:
        return number
    if number != int(number):
        raise InputError(f"{what} is {value!r}; it must be a whole number")
    return int(number)
