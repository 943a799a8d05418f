"""A quoter's journal as the arrays that a comparison with the simulator reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from jaxmm.errors import InputError
from jaxmm.evaluate.live_day import Executed, Taken
from jaxmm.evaluate.live_fit import Answers
from jaxmm.instrument import Instrument
from jaxmm.live.config import Observing, QuoteConfig
from jaxmm.live.journal.bodies import said_in
from jaxmm.live.journal.journal import OPENED
from jaxmm.live.journal.market import MARKET
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.journal.rows import Row
from jaxmm.live.messages import BID, Amend, Answered, Cancel, Fill, Place, Skew, Stream

DECISION, SWEPT = "decision", "swept"
KINDS = {Place: "place", Amend: "amend", Cancel: "cancel"}


@dataclass(frozen=True)
class JournalDay:
    """What one journal says.

    Attributes:
        config: of the last run.
        observing: how it looked at the market.
        paper: whether its orders went to a venue that was played.
        instrument: what was traded.
        taken: decisions.
        pauses_ns: when all orders were or would be gone: a start, a sweep, a broken user stream; int64.
        executed: executions.
        answers: answered requests.
        skew_ns: how far the venue's clock was ahead, the median.
        other_fees: currencies of fees that are not counted, because nothing says what they are worth.
    """

    config: QuoteConfig
    observing: Observing
    paper: bool
    instrument: Instrument
    taken: Taken
    pauses_ns: np.ndarray
    executed: Executed
    answers: Answers
    skew_ns: int
    other_fees: tuple[str, ...]


def read_day(journal: Path) -> JournalDay:
    """Reads and checks a journal. Raises `InputError` where it is damaged, or holds no decision."""
    opened: Row | None = None
    decisions, fills, pauses, skews = list[Row](), dict[str, Fill](), list[int](), list[int]()
    sent, answered = dict[int, tuple[str, int]](), list[tuple[str, int, int, int]]()
    for row in read_rows(journal):
        if row.kind == MARKET:
            continue
        said = said_in(row)
        if row.kind == DECISION:
            decisions.append(row)
        elif row.kind in (OPENED, SWEPT) or (isinstance(said, Stream) and said.name == "user" and not said.up):
            pauses.append(row.ts_ns)
            opened = row if row.kind == OPENED else opened
        elif isinstance(said, Fill):
            fills.setdefault(said.trade_id, said)
        elif isinstance(said, Skew):
            skews.append(said.skew_ns)
        elif isinstance(said, Place | Amend | Cancel):
            sent[said.request_id] = KINDS[type(said)], row.ts_ns
        elif isinstance(said, Answered) and said.request_id in sent:
            kind, ts_ns = sent.pop(said.request_id)
            answered.append((kind, ts_ns, said.order.exch_ts if said.order else 0, said.recv_ts))
    if opened is None or not decisions:
        raise InputError(f"{journal}: no decision was taken; compare a journal of a quoter that has quoted")
    instrument = Instrument.from_dict(opened.body["instrument"], where=f"{journal}: row {opened.seq}: instrument")
    executed, other = _executed(fills.values(), instrument)
    return JournalDay(
        config=QuoteConfig.model_validate(yaml.safe_load(opened.body["config"])),
        observing=Observing.model_validate(opened.body["observing"]),
        paper=opened.body["mode"] == "paper",
        instrument=instrument,
        taken=_taken(decisions),
        pauses_ns=np.array(pauses, np.int64),
        executed=executed,
        answers=_answers(answered),
        skew_ns=int(np.median(skews)) if skews else 0,
        other_fees=other,
    )


def _taken(rows: list[Row]) -> Taken:
    """Decisions as columns, all as wide as the widest ladder."""
    wanted = [[np.ravel(column) for column in row.body["wanted"]] for row in rows]
    most = max(max(len(column) for column in one[:4]) for one in wanted)
    columns = [np.zeros((len(rows), most), np.int32) for _ in range(4)]
    for k, one in enumerate(wanted):
        for into, column in zip(columns, one[:4], strict=True):
            into[k, : len(column)] = column
    ts_ns, flatten = np.array([row.ts_ns for row in rows], np.int64), np.array([bool(one[4][0]) for one in wanted])
    return Taken._make([ts_ns, *columns, flatten])


def _executed(fills: Iterable[Fill], instrument: Instrument) -> tuple[Executed, tuple[str, ...]]:
    """Executions as columns, in the order of knowing; and the currencies of fees that are left out."""
    tick, other, rows = instrument.tick_size, set[str](), []
    for fill in sorted(fills, key=lambda fill: fill.recv_ts):
        worth = {instrument.currency: 1.0}
        if instrument.kind == "linear":
            worth[instrument.base] = fill.price_ticks * tick
        if fill.fee and fill.fee_currency not in worth:
            other.add(fill.fee_currency)
        fee = float(fill.fee) * worth.get(fill.fee_currency, 0.0)
        side = 1 if fill.side == BID else -1
        rows.append((fill.recv_ts, fill.exch_ts, side, fill.price_ticks, fill.qty_lots, fill.maker, fee))
    types = (np.int64, np.int64, np.int8, np.int64, np.int64, bool, np.float64)
    columns = zip(*rows, strict=True) if rows else ((),) * len(types)
    return Executed(*(np.array(c, t) for c, t in zip(columns, types, strict=True))), tuple(sorted(other))


def _answers(rows: list[tuple[str, int, int, int]]) -> Answers:
    kind, *times = zip(*rows, strict=True) if rows else ((),) * 4
    return Answers._make([np.array(kind, "U6"), *(np.array(column, np.int64) for column in times)])
