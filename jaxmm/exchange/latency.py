"""When what we send reaches the venue and when its reports reach us: host side, exact in int64 ns.

Requests travel on one connection: of one decision cancels come first, then amends, then places, and nothing overtakes
its own kind of an earlier decision. Reports do not overtake each other either. D decisions · N events.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.tape.delays import REQUEST, RESPONSE, Constant, Delay, LogNormal, Recorded, parse_delay

__all__ = ["Constant", "Delay", "Latency", "LogNormal", "Recorded", "Requests", "requests_arrive"]


@dataclass(frozen=True, init=False)
class Latency:
    """A delay for each kind of request, and one for the venue's reports.

    `Latency(entry_ns=5_000_000, response_ns=5_000_000)` is constant, the same for all requests; the keywords `place`,
    `amend`, `cancel` and `response` take any `Delay`, where amends and cancels are as late as places if not given.
    """

    place: Delay
    amend: Delay
    cancel: Delay
    response: Delay

    def __init__(
        self,
        entry_ns: int = 0,
        response_ns: int = 0,
        *,
        place: Delay | None = None,
        amend: Delay | None = None,
        cancel: Delay | None = None,
        response: Delay | None = None,
    ) -> None:
        of_place = place or Constant(entry_ns)
        for name, delay in (
            ("place", of_place),
            ("amend", amend or of_place),
            ("cancel", cancel or of_place),
            ("response", response or Constant(response_ns)),
        ):
            object.__setattr__(self, name, delay)

    @property
    def entry_ns(self) -> int:
        """The constant delay of requests. Raises `InputError` where they have more than one."""
        if isinstance(self.place, Constant) and self.place == self.amend == self.cancel:
            return self.place.ns
        raise InputError(f"latency {self.name}: requests do not all have one constant delay")

    @property
    def response_ns(self) -> int:
        """The constant delay of reports. Raises `InputError` where it is none."""
        if isinstance(self.response, Constant):
            return self.response.ns
        raise InputError(f"latency {self.name}: reports have no constant delay")

    @property
    def name(self) -> str:
        """As `parse` reads it."""
        if self.place == self.amend == self.cancel:
            return f"{self.place.name},{self.response.name}"
        return ",".join(f"{kind}={getattr(self, kind).name}" for kind in ("place", "amend", "cancel", "response"))

    @classmethod
    def parse(cls, text: str) -> "Latency":
        """One delay both ways, `entry,response`, or names: `entry=10ms,cancel=5ms,response=lognormal(10ms,0.5,7)`.

        Names are entry (all requests), place, amend, cancel and response; a request that is not named is as late as a
        place. Delays are written as `jaxmm.tape.delays.parse_delay` reads them.
        """
        where = f"latency {text!r}"
        parts = _split(text)
        if not any("=" in part for part in parts):
            if len(parts) > 2:
                raise InputError(f"{where}: give one delay, or entry,response, or names: place=5ms,response=9ms")
            delays = [parse_delay(part, where) for part in parts]
            return cls(place=delays[0], response=delays[-1])
        given: dict[str, Delay] = {}
        for part in parts:
            kind, _, delay = part.partition("=")
            if kind.strip() not in ("entry", "place", "amend", "cancel", "response") or kind.strip() in given:
                raise InputError(f"{where}: {part.strip()!r}; give entry=, place=, amend=, cancel=, response= once")
            given[kind.strip()] = parse_delay(delay, where)
        entry = given.pop("entry", None)
        if "response" not in given or not ("place" in given or entry):
            raise InputError(f"{where}: name at least place= (or entry=, for all requests) and response=")
        return cls(**({"place": entry, "amend": entry, "cancel": entry} if entry else {}) | given)  # type: ignore[arg-type]


class Requests(NamedTuple):
    """When what is sent at each decision reaches the venue, int64 [D] ns."""

    cancel: np.ndarray
    amend: np.ndarray
    place: np.ndarray


def requests_arrive(ts_ns: np.ndarray, lag_ns: np.ndarray, latency: Latency) -> Requests:
    """Arrivals of what is sent at `ts_ns` int64 [D]; `lag_ns` int64 [D] is the feed's lag, see `Tape`."""
    cancel, amend, place = (
        np.maximum.accumulate(ts_ns + delay.at(ts_ns, lag_ns, REQUEST))
        for delay in (latency.cancel, latency.amend, latency.place)
    )
    amend = np.maximum(amend, cancel)
    return Requests(cancel, amend, np.maximum(place, amend))


def response_delays(exch_ts: np.ndarray, ts_ns: np.ndarray, lag_ns: np.ndarray, latency: Latency) -> np.ndarray:
    """How late a report of each event at `exch_ts` int64 [N] is by itself, before the order of reports counts; ns.

    The feed's lag at an event is that of the latest decision up to it, or of the first.
    """
    latest = np.maximum(np.searchsorted(ts_ns, exch_ts, side="right") - 1, 0)
    return latency.response.at(exch_ts, lag_ns[latest], RESPONSE)


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
