"""`jaxmm backtest`: one strategy or bundle over one tape, to scores and a table of fills."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from jaxmm.errors import InputError, nearest
from jaxmm.evaluate.backtest import backtest as run_backtest
from jaxmm.evaluate.metrics import metrics
from jaxmm.evaluate.result import Backtest
from jaxmm.exchange.account import LOWEST_TIER, Margin, Terms
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.policy.bundle import Bundle
from jaxmm.policy.types import Quoter
from jaxmm.strategies.registry import STRATEGIES, strategy_from
from jaxmm.tape.tape import Tape


class Conditions(NamedTuple):
    """What a backtest or a sweep takes beside a tape and a quoter."""

    model: FillModel
    latency: Latency
    order_type: OrderType = OrderType.POST_ONLY
    limits: Limits | None = None
    terms: Terms = LOWEST_TIER

    @classmethod
    def parse(cls, fills: str, latency: str, order_type: str, limits: dict[str, Any], terms: Terms) -> "Conditions":
        """From the words of a command line; without `limits` the venue takes every order."""
        limited = Limits.parse(limits) if limits else None
        return cls(FillModel.parse(fills), Latency.parse(latency), OrderType.parse(order_type), limited, terms)


def backtest(
    quoter: str,
    tape: Path,
    conditions: Conditions,
    settings: dict[str, Any],
    max_position_lots: int | None = None,
    fills_out: Path | None = None,
) -> dict[str, Any]:
    """Runs `quoter`, a strategy's name or a bundle's folder, and returns its scores as plain values."""
    if fills_out is not None and (fills_out.is_dir() or not fills_out.parent.is_dir()):
        raise InputError(f"--fills-out {fills_out}: no file can be there; name one in a folder that exists")
    opened = Tape.open(tape)
    chosen, limit = _quoter(quoter, opened, settings, max_position_lots)
    result = run_backtest(opened, chosen, name=quoter, max_position_lots=limit, **conditions._asdict())
    if fills_out is not None:
        _write_fills(result, fills_out)
    return {
        "quoter": quoter,
        "fills_model": result.fills_model,
        "latency": result.latency,
        "decisions": len(result.ts_ns),
        "position_lots": int(result.position[-1]),
        **metrics(result).to_dict(),
    }


def parse_margin(text: str) -> Margin:
    """`balance`, `balance,leverage` or `balance,leverage,maintenance rate`, in settlement currency."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"margin {text!r}: write numbers, as in 0.5,20,0.004") from error
    if len(numbers) > 3:
        raise InputError(f"margin {text!r}: give balance,leverage,maintenance rate")
    return Margin(*numbers)


def _quoter(name: str, tape: Tape, settings: dict[str, Any], limit: int | None) -> tuple[Quoter, int]:
    if Path(name).is_dir():
        return _bundle(name, tape, settings, limit)
    if name not in STRATEGIES:
        raise InputError(f"{name!r} is neither a bundle's folder nor a strategy; {nearest(name, STRATEGIES)}")
    if limit is not None:
        settings = {"max_position_lots": limit} | settings
    strategy = strategy_from(name, settings)
    return strategy, int(strategy.max_position_lots)


def _bundle(name: str, tape: Tape, settings: dict[str, Any], limit: int | None) -> tuple[Quoter, int]:
    bundle = Bundle.load(name)
    if settings:
        raise InputError(f"--set {next(iter(settings))}: a bundle has no settings; they were fixed when it was trained")
    observing = bundle.observing
    for what, made, given in (
        ("symbol", bundle.instrument.symbol, tape.instrument.symbol),
        ("tick_size", bundle.instrument.tick_size, tape.instrument.tick_size),
        ("lot_size", bundle.instrument.lot_size, tape.instrument.lot_size),
        ("clock", observing.clock, tape.meta.clock),
        ("levels", observing.levels, tape.levels),
    ):
        if made != given:
            raise InputError(f"{name}: the policy was trained with {what} {made!r}, the tape has {given!r}")
    return bundle.policy, observing.max_position_lots if limit is None else min(limit, observing.max_position_lots)


def _write_fills(result: Backtest, path: Path) -> None:
    table = pa.table(result.fills._asdict()).replace_schema_metadata({"currency": result.instrument.currency})
    partial = path.with_name(path.name + ".partial")
    try:
        pq.write_table(table, partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: {error.strerror or error}; choose another place for --fills-out") from error
