"""`jaxmm live compare`: the day that a journal holds, once more through the event engine with the decisions taken."""

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import orjson

from jaxmm.data.store import open_store
from jaxmm.errors import InputError
from jaxmm.evaluate.backtest import Backtest
from jaxmm.evaluate.live_compare import LiveComparison, compare_days
from jaxmm.evaluate.live_day import executed, simulated, table_of
from jaxmm.evaluate.live_fit import ModelFit, fit_latency, fit_model, latency_drift, models_to_try
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.live.journal.export import export
from jaxmm.policy.types import Quotes
from jaxmm.runs.journal_day import JournalDay, read_day
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape

DEFAULT_MODEL = FillModel.parse("risk_averse:partial")
REPORT = "compare.json"


def compare_journal(
    journal: Path,
    *,
    out: Path | None = None,
    latency: Latency | None = None,
    model: FillModel | None = None,
    exponents: Sequence[float] = (),
    tolerance_ms: float = 1000.0,
) -> dict[str, Any]:
    """Compares a day traded with its simulation; everything as plain values, `gap` first.

    Args:
        journal: the quoter's journal.
        out: a folder that keeps store, tape and report; by default nothing is kept.
        latency: of the simulator; by default the medians that the journal's own requests had.
        model: what fills in the simulator; by default the paper venue's own, or else what explains the day best.
        exponents: n of `power3` to try beside the three models without one; none: no model is fitted.
        tolerance_ms: how far apart the two executions of a pair may be.

    Raises:
        InputError: the journal is damaged or holds no decision, no market data or no answer.
    """
    day = read_day(journal)
    fit = None if latency is not None and not len(day.answers.sent) else fit_latency(day.answers, day.skew_ns)
    if out is not None and out.exists():
        raise InputError(f"{out}: exists already; name a new folder")
    with tempfile.TemporaryDirectory() if out is None else nullcontext(out) as folder:
        room = _Room(day, Path(folder), journal, latency or fit.constant)  # type: ignore[union-attr]
        chosen = model or _own_model(day)
        fits = room.fits(exponents, chosen or DEFAULT_MODEL, int(tolerance_ms * 1e6))
        chosen = chosen or (fits[0].model if fits else DEFAULT_MODEL)
        comparison = room.compared(chosen, int(tolerance_ms * 1e6))
        told = _told(day, comparison, fits) | {"latency_fit": fit.to_dict() if fit else None}
        if out is not None:
            (out / REPORT).write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    return told


class _Room:
    """The day's tape and table of decisions, under any fill model."""

    def __init__(self, day: JournalDay, folder: Path, journal: Path, latency: Latency) -> None:
        export(journal, folder / "store", day.instrument)
        store = open_store(folder / "store")
        self.tape: Tape = build_tape(store, folder / "tape", day.observing.clock, day.observing.levels)
        self._day, self._latency = day, latency
        self._table: Quotes = table_of(day.taken, self.tape, day.pauses_ns)

    def simulated(self, model: FillModel) -> Backtest:
        """The decisions under a fill model."""
        paper = self._day.config.paper
        return simulated(
            self.tape,
            self._table,
            latency=self._latency,
            model=model,
            order_type=OrderType.parse(self._day.config.order_type),
            limits=Limits.parse(paper.limits) if paper and paper.limits else None,
        )

    def compared(self, model: FillModel, tolerance_ns: int) -> LiveComparison:
        """Live beside it."""
        sim = self.simulated(model)
        return compare_days(executed(self.tape, self._day.executed, sim), sim, tolerance_ns)

    def fits(self, exponents: Sequence[float], like: FillModel, tolerance_ns: int) -> list[ModelFit]:
        """How well each model explains the day, the best first; none without exponents."""
        if not exponents:
            return []
        live = executed(self.tape, self._day.executed, self.simulated(like))
        return fit_model(live, self.simulated, models_to_try(exponents), tolerance_ns)


def _own_model(day: JournalDay) -> FillModel | None:
    """The model of a paper venue."""
    return FillModel.parse(day.config.paper.fills) if day.paper and day.config.paper else None


def _told(day: JournalDay, comparison: LiveComparison, fits: list[ModelFit]) -> dict[str, Any]:
    told = comparison.to_dict()
    flags = [*told["drift"].pop("flags")]
    if (moved := latency_drift(day.answers)) is not None:
        flags.append(moved)
    if day.other_fees:
        flags.append(f"fees in {', '.join(day.other_fees)} are not counted")
    return told | {"flags": flags, "models": [fit.to_dict() for fit in fits]}
