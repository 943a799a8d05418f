"""How late something is: a constant, a draw, or what the recording itself showed, exact in int64 ns.

A draw depends on the seed and on the moment at which the thing sets out, on nothing else: a slice of a recording sees
the delays of the whole, in any order and in blocks of any size. n moments.
"""

import math
from dataclasses import dataclass

import numpy as np

from jaxmm.errors import InputError

REQUEST, RESPONSE, FEED = range(3)
"""What travels. Each has draws of its own, so that one seed can serve all of them."""

LONGEST_NS = 2**59
"""18 years: a time stamp and a few delays still fit int64."""
UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
SPELLINGS = "such as 10ms, lognormal(10ms,0.5,7), recorded or recorded(1.0,2ms)"
_LARGEST_NORMAL = 8.6  # of a Box-Muller pair of 53 bits


@dataclass(frozen=True)
class Constant:
    """Always `ns`."""

    ns: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.ns <= LONGEST_NS:
            raise InputError(f"delay of {self.ns} ns: a delay cannot be negative, or longer than 18 years")

    @property
    def name(self) -> str:
        """As `parse_delay` reads it."""
        return _written(self.ns)

    def at(self, stamp_ns: np.ndarray, lag_ns: np.ndarray, stream: int) -> np.ndarray:
        """Delay of what sets out at each moment `stamp_ns`, int64 [n] ns.

        `lag_ns` int64 [n] is the feed's lag then; `stream` is REQUEST, RESPONSE or FEED.
        """
        return np.full(len(stamp_ns), self.ns, np.int64)


@dataclass(frozen=True)
class LogNormal:
    """`median_ns` · exp(`sigma` · z) with z standard normal, rounded to the ns."""

    median_ns: int
    sigma: float
    seed: int = 0

    def __post_init__(self) -> None:
        if self.median_ns < 0 or not self.sigma >= 0 or self.seed < 0:
            raise InputError(f"delay {self.name}: median, sigma and seed cannot be negative")
        if self.sigma > 100 or self.median_ns * math.exp(_LARGEST_NORMAL * self.sigma) > LONGEST_NS:
            raise InputError(f"delay {self.name}: a draw can be longer than 18 years; use a smaller sigma")

    @property
    def name(self) -> str:
        """As `parse_delay` reads it."""
        return f"lognormal({_written(self.median_ns)},{self.sigma:g},{self.seed})"

    def at(self, stamp_ns: np.ndarray, lag_ns: np.ndarray, stream: int) -> np.ndarray:
        """As `Constant.at`: what sets out at the same moment has the same delay."""
        normal = _normal(stamp_ns, self.seed, stream)
        return np.rint(self.median_ns * np.exp(self.sigma * normal)).astype(np.int64)


@dataclass(frozen=True)
class Recorded:
    """`scale` · (receiver's time − exchange's time of the latest row received) + `offset_ns`, never below 0."""

    scale: float = 1.0
    offset_ns: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= 1000:
            raise InputError(f"delay {self.name}: scale is {self.scale:g}; it is from 0 to 1000")
        if abs(self.offset_ns) > LONGEST_NS:
            raise InputError(f"delay {self.name}: longer than 18 years")

    @property
    def name(self) -> str:
        """As `parse_delay` reads it."""
        return f"recorded({self.scale:g},{_written(self.offset_ns)})"

    def at(self, stamp_ns: np.ndarray, lag_ns: np.ndarray, stream: int) -> np.ndarray:
        """As `Constant.at`."""
        return np.maximum(np.rint(self.scale * lag_ns).astype(np.int64) + self.offset_ns, 0)


Delay = Constant | LogNormal | Recorded


def parse_delay(text: str, where: str) -> Delay:
    """A delay as it is written; raises `InputError` that begins with `where` and says what is valid.

    `10ms` (ns, us, ms, s) · `lognormal(median,sigma)` or `lognormal(median,sigma,seed)` · `recorded`,
    `recorded(scale)` or `recorded(scale,offset)`, whose offset may be negative.
    """
    name, bracket, inside = text.strip().partition("(")
    values = [value.strip() for value in inside.removesuffix(")").split(",")] if bracket else []
    try:
        if bracket and not inside.endswith(")"):
            raise ValueError
        if name == "lognormal" and len(values) in (2, 3):
            return LogNormal(_nanoseconds(values[0]), float(values[1]), *(int(seed) for seed in values[2:]))
        if name == "recorded" and len(values) <= 2:
            scale, offset = (*values, *("1", "0ms")[len(values) :])
            return Recorded(float(scale), _nanoseconds(offset))
        return Constant(_nanoseconds(text))
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except ValueError as error:
        says = f"{text.strip()!r} is no delay; write a number and ns, us, ms or s, {SPELLINGS}"
        raise InputError(f"{where}: {says}") from error


def _nanoseconds(text: str) -> int:
    for unit, ns in UNITS_NS.items():
        number = text.strip().removesuffix(unit)
        if number != text.strip() and number.lstrip("-").replace(".", "", 1).isdecimal():
            return round(float(number) * ns)
    raise ValueError(text)


def _written(ns: int) -> str:
    for unit in ("s", "ms", "us"):
        if ns and ns % UNITS_NS[unit] == 0:
            return f"{ns // UNITS_NS[unit]}{unit}"
    return f"{ns}ns" if ns else "0ms"


def _normal(stamp_ns: np.ndarray, seed: int, stream: int) -> np.ndarray:
    """Standard normal draws of (moment, seed, stream), float64 [n]: SplitMix64's mixing, then Box and Muller."""
    key = _mixed(np.array([3 * seed + stream], np.uint64))
    first = _mixed(stamp_ns.astype(np.uint64) ^ key)
    second = _mixed(first)
    radius = np.sqrt(-2 * np.log(((first >> np.uint64(11)) + np.uint64(1)) * 2.0**-53))
    return np.asarray(radius * np.cos(2 * np.pi * ((second >> np.uint64(11)) * 2.0**-53)))


def _mixed(bits: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele, Lea and Flood, 2014): one step of the counter, then its finaliser; uint64, same shape."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
