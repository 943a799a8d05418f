"""When a funding of the tape becomes known, and what it costs a lot: what the ledger and a backtest charge.

D decisions · P fundings. A funding is a cash flow at the exchange like a fill: known as late as a report of that
moment is.
"""

from typing import Any

import numpy as np

from jaxmm.exchange.account import decimal
from jaxmm.exchange.latency import Latency, response_delays
from jaxmm.tape.tape import Tape


def known_at(tape: Tape, latency: Latency) -> np.ndarray:
    """The first decision that knows of each funding, int64 [P]; D where none does, 0 where it was before the tape."""
    told = tape.funding_ts + response_delays(tape.funding_ts, tape.ts_ns, tape.lag_ns, latency)
    return np.searchsorted(tape.ts_ns, told, side="left").astype(np.int64)


def funding_due(tape: Tape, latency: Latency) -> Any | None:
    """Ledger units that one lot held at decision k pays by the next, float32 [D]; None where the tape has no funding.

    The device charges the position known at decision k. A report charges the position at the exchange at the time of
    the funding, which differs by the fills of that one step.
    """
    if not len(tape.funding_ts):
        return None
    rate, mark = tape.funding.T
    half_ticks = mark / float(decimal(tape.instrument.tick_size) / 2)
    each = rate / half_ticks if tape.instrument.kind == "inverse" else rate * half_ticks
    due = np.bincount(known_at(tape, latency), weights=each, minlength=tape.decisions + 1)
    return np.append(due[1 : tape.decisions], 0.0).astype(np.float32)
