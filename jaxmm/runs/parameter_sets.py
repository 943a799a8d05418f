"""Sets of parameters as the command line writes them: grids of lists and ranges, and samples between bounds."""

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError, nearest
from jaxmm.evaluate.sweep import MOST_SETS
from jaxmm.strategies.registry import STRATEGIES, strategy_from


class ParameterSets(NamedTuple):
    """B sets of one strategy."""

    strategies: Any  # a strategy whose fields are numpy arrays [B], float64 or int64
    swept: tuple[str, ...]  # the fields that vary, in the order asked for
    grid: bool  # every combination of values, not a sample


def grid(name: str, settings: Mapping[str, Any], axes: Sequence[str]) -> ParameterSets:
    """Every combination of `field=a,b,c` and `field=first:last:step` (both ends included), the last axis fastest.

    Raises `InputError` on a field that the strategy lacks, a value outside its range, a range that is none, and more
    than `MOST_SETS` combinations.
    """
    values: dict[str, list[float]] = {}
    for axis in axes:
        where, field, text = _named("--grid", axis, name, settings, values)
        numbers = _range(where, text) if ":" in text else _list(where, text)
        values[field] = [_checked(where, name, field, number) for number in numbers]
        if len(set(values[field])) < len(values[field]):
            raise InputError(f"{where}: a value stands there twice; name each once")
    count = math.prod(map(len, values.values()))
    if count > MOST_SETS:
        sizes = " × ".join(str(len(column)) for column in values.values())
        raise InputError(f"--grid: {sizes} are {count} sets; a sweep runs up to {MOST_SETS}, so take coarser steps")
    columns = zip(*itertools.product(*values.values()), strict=True)
    return _sets(name, settings, dict(zip(values, columns, strict=True)), True)


def sample(name: str, settings: Mapping[str, Any], count: int, ranges: Sequence[str], seed: int) -> ParameterSets:
    """`count` sets drawn between the bounds of `field=low:high`, or `field=low:high:log` for even odds a decade.

    A Latin hypercube (McKay, Beckman & Conover 1979): each field has one value in each of `count` equal parts of its
    range. The same seed draws the same sets. Raises `InputError` as `grid` does.
    """
    if not 1 <= count <= MOST_SETS:
        raise InputError(f"--sample {count}: a sweep runs 1 to {MOST_SETS} sets")
    if not ranges:
        raise InputError("--sample: name what is drawn with --range, as in --range half_spread_ticks=.5:3")
    random = np.random.default_rng(seed)
    columns: dict[str, list[float]] = {}
    for text in ranges:
        where, field, bounds = _named("--range", text, name, settings, columns)
        low, high, log = _bounds(where, name, field, bounds)
        part = (random.permutation(count) + random.random(count)) / count
        columns[field] = [_between(low, high, log, _counts(name, field), u) for u in part.tolist()]
    return _sets(name, settings, columns, False)


def _sets(
    name: str, settings: Mapping[str, Any], columns: Mapping[str, Sequence[float]], is_grid: bool
) -> ParameterSets:
    base = strategy_from(name, {**settings, **{field: column[0] for field, column in columns.items()}})
    size = len(next(iter(columns.values())))
    fields = (
        np.asarray(columns.get(field, [value] * size), np.int64 if _counts(name, field) else np.float64)
        for field, value in base._asdict().items()
    )
    return ParameterSets(type(base)(*fields), tuple(columns), is_grid)


def _named(option: str, text: str, name: str, settings: Mapping[str, Any], so_far: Mapping) -> tuple[str, str, str]:
    """Where, which field, and what it says of it."""
    where = f"{option} {text}"
    if name not in STRATEGIES:
        raise InputError(
            f"{option}: {name!r} is no strategy, whose settings could be swept; {nearest(name, STRATEGIES)}"
        )
    field, equals, values = text.partition("=")
    if not equals or not values:
        raise InputError(f"{where}: write it as {_EXAMPLES[option]}")
    if field not in STRATEGIES[name]._fields:
        raise InputError(f"{where}: {name} has no setting {field!r}; {nearest(field, STRATEGIES[name]._fields)}")
    if field in so_far:
        raise InputError(f"{where}: {field} stands there twice; name it once")
    if field in settings:
        raise InputError(f"{where}: --set gives {field} too; leave one of them out")
    return where, field, values


_EXAMPLES = {
    "--grid": "half_spread_ticks=.5:3:.25 or skew_ticks=0,.1,.2",
    "--range": "half_spread_ticks=.5:3 or gamma=1e-4:1e-1:log",
}


def _checked(where: str, name: str, field: str, number: Fraction) -> float:
    """The number as the field takes it."""
    value = int(number) if _counts(name, field) and number.denominator == 1 else float(number)
    try:
        strategy_from(name, {field: value})
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return value


def _number(where: str, text: str) -> Fraction:
    try:
        return Fraction(text.strip())
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"{where}: {text.strip()!r} is no number") from error


def _list(where: str, text: str) -> list[Fraction]:
    return [_number(where, part) for part in text.split(",")]


def _range(where: str, text: str) -> list[Fraction]:
    numbers = _list(where, text.replace(":", ","))
    if len(numbers) != 3 or "," in text:
        raise InputError(f"{where}: a range is first:last:step, as in .5:3:.25")
    first, last, step = numbers
    if step <= 0:
        raise InputError(f"{where}: the step is {float(step):g}; it is above 0")
    if last < first:
        raise InputError(f"{where}: the range ends below its start; write it upwards, as in .5:3:.25")
    count = (last - first) // step + 1
    if count > MOST_SETS:
        raise InputError(f"{where}: {count} values; a sweep runs up to {MOST_SETS} sets, so take a coarser step")
    return [first + i * step for i in range(count)]


def _bounds(where: str, name: str, field: str, text: str) -> tuple[float, float, bool]:
    low_text, _, rest = text.partition(":")
    high_text, _, scale = rest.partition(":")
    if not high_text or scale not in ("", "log"):
        raise InputError(f"{where}: bounds are low:high, or low:high:log")
    low, high = (_checked(where, name, field, _number(where, end)) for end in (low_text, high_text))
    if low >= high:
        raise InputError(f"{where}: {low:g} is not below {high:g}; the lower bound comes first")
    if scale and low <= 0:
        raise InputError(f"{where}: a logarithmic range starts above 0")
    return low, high, bool(scale)


def _between(low: float, high: float, log: bool, whole: bool, u: float) -> float:
    """The value at share `u` of a range, both ends of which a whole number may be."""
    least, most = (low - 0.5, high + 0.5) if whole else (low, high)
    value = least * (most / least) ** u if log else least + (most - least) * u
    return int(min(max(round(value), low), high)) if whole else value


def _counts(name: str, field: str) -> bool:
    """Whether a setting is a whole number."""
    return isinstance(STRATEGIES[name]._field_defaults[field], int)
