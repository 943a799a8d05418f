"""Training, validation and test in that order of time, with a gap between, so that nothing learned reaches forward."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from jaxmm.errors import InputError
from jaxmm.tape.tape import Tape


def split(tape: Tape, fractions: Sequence[float] = (0.6, 0.2, 0.2), gap_s: float = 10.0) -> list[Tape]:
    """Consecutive slices of a tape, each covering its fraction of the time span.

    Args:
        tape: what is split.
        fractions: of the span from the first decision to the last; positive, adding up to 1.
        gap_s: seconds left out at the start of every slice but the first.

    Raises:
        InputError: bad fractions, a negative gap, or a slice that would have fewer than two decisions.
    """
    if not fractions or min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise InputError(f"fractions are {list(fractions)}; they must be positive and add up to 1, as 0.6, 0.2, 0.2 do")
    if not gap_s >= 0:
        raise InputError(f"gap_s is {gap_s}; it must be 0 or more seconds")
    first, last = int(tape.ts_ns[0]), int(tape.ts_ns[-1])
    edges = [first + round(share * (last - first)) for share in np.cumsum([0.0, *fractions])]
    edges[-1] = last + 1
    gap_ns = round(gap_s * 1e9)
    parts = []
    for part, (begin, end) in enumerate(itertools.pairwise(edges)):
        begin += gap_ns if part else 0
        start, stop = np.searchsorted(tape.ts_ns, [begin, end], side="left").tolist()
        if stop - start < 2:
            raise InputError(
                f"part {part + 1} of the split has {max(stop - start, 0)} decisions in {(end - begin) / 1e9:g} s; "
                f"shorten the gap of {gap_s:g} s, change the fractions, or record for longer"
            )
        parts.append(tape.slice(start, stop, after_ns=min(gap_ns, 1_000_000_000)))
    return parts
