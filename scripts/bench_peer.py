"""Us and hftbacktest on the same feed in the same run: speed, ratios and, beside them, whether the fills are the same.

The peer runs as fast as it can: the faster of its two books, one compiled process for all runs, its events loaded and
merged beforehand. Runs alternate, and each ratio is of two runs that followed each other. Its clock and ours are wall
time; two of its processes stand against our run over two cores. B environments side by side.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from bench_measure import Figure, Plan, single, spread
from peer_client import Peer, two_quotes
from peer_feed import local_events, write_feed
from peer_grid import GridParams
from peer_ours import Compiled, compiled_path, compiled_totals

from jaxmm.exchange.engine import Reading
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.replay import BATCH, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel
from jaxmm.exchange.window import window_replay_of
from jaxmm.exchange.window_table import MODELS as OF_WINDOWS
from jaxmm.exchange.window_table import Levels
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape

LATENCY = Latency(10_000_000, 10_000_000)
ALONE = Reading(block=1, tells=False)
"""For one run whose fills are counted, not listed: as the peer's."""
LEVELS = 20
NAMED = Levels(behind=14, inside=10)
"""Prices that the quoters here ever name: they lean by 10 ticks at most, and wide spreads leave room for all of it."""
MOST = {"event engine": 8_000_000, "window engine": 80_000_000}
"""Decisions of one timed run of a batch, about; of a whole feed where that is less."""
TIMED_SETS = 20
"""Parameter sets of a sweep that two processes of the peer really run; the time of all is extrapolated from them."""


class Quoting(NamedTuple):
    """The two-sided quoter in whole half-ticks, as the peer takes it."""

    half_spread: int
    skew: int  # a clip of inventory
    lots: int
    max_position_lots: int


ONE = Quoting(1, 1, 5, 50)
GRID = GridParams(half_spread=1, skew=1, interval=1, orders=20, lots=5, max_position_lots=150)
Runs = dict[str, Callable[[], float]]  # what, and how to time it once


class Feed(NamedTuple):
    """A market cut at decisions, for us and for the peer."""

    tape: Tape
    folder: Path

    @property
    def facts(self) -> tuple[int, int]:
        """(events, decisions)."""
        return self.tape.events, self.tape.decisions


def feed_of(plan: Plan, clock: str) -> Feed:
    """The benchmark's feed, made once: at 10 ms a tenth of it, so that decisions are as many."""
    seconds = plan.sizes.feed_seconds / (10 if clock == "10ms" else 1)
    folder, store = plan.work / f"feed-{clock}", SyntheticStore(SyntheticMarket.benchmark(), seed=1, seconds=seconds)
    if not folder.exists():
        write_feed(build_tape(store, plan.work / f"peer-{clock}", clock, LEVELS), local_events(store), folder)
    return Feed(Tape.open(plan.work / f"peer-{clock}"), folder)


def sets_of(count: int) -> list[Quoting]:
    """Parameter sets that quote within the levels of the window engine."""
    rng = np.random.default_rng(11)
    columns = (rng.integers(low, high, count).tolist() for low, high in ((0, 7), (0, 3), (1, 10), (4, 11)))
    return [Quoting(half, skew, lots, lots * clips) for half, skew, lots, clips in zip(*columns, strict=True)]


def quoter_of(sets: list[Quoting]) -> SkewedSpread:
    """The same as strategies of ours, leaves [B]."""
    half, skew, lots, most = np.array(sets, np.int32).T
    return SkewedSpread(np.float32(half / 2), np.float32(skew / 2), lots, most)


def replays_of(feed: Feed, model: FillModel, reading: Reading = ALONE) -> dict[str, Any]:
    """Our engines on a feed: those that know the fill model."""
    found = {"event engine": replay_of(feed.tape, LATENCY, reading=reading)}
    if model.queue in OF_WINDOWS:
        found["window engine"] = window_replay_of(feed.tape, LATENCY, model, NAMED)
    return found


# --- the peer ----------------------------------------------------------------------------------------------------


class Opponent:
    """The peer in one or more processes, on the faster of its books; each job is timed inside its process."""

    def __init__(self, feed: Feed, model: str, processes: int = 1, params: Any = ONE, strategy: str = "two_quotes"):
        self.job = two_quotes(feed.folder, model, LATENCY, [params]) | {"strategy": strategy}
        self._peers = [Peer() for _ in range(processes)]
        walls = {}
        for depth in ("hashmap", "roivector"):
            first, *again = self._peers[0].run(**self.job | {"params": 3 * self.job["params"]}, depth=depth)["walls"]
            walls[min(again)], self.compile_s = depth, first - min(again)
        self.depth = walls[min(walls)]
        for peer in self._peers[1:]:
            peer.run(**self.job, depth=self.depth)
        self.last: list[dict[str, Any]] = []

    def __enter__(self) -> "Opponent":
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._peers:
            peer.__exit__()

    def wall(self, sets: list[Quoting] | None = None) -> float:
        """Seconds of one run of each process at once, or of `sets` dealt out to them: those of the slowest."""
        jobs = [self.job] * len(self._peers)
        if sets is not None:
            dealt = [sets[i :: len(self._peers)] for i in range(len(self._peers))]
            jobs = [self.job | {"params": [one._asdict() for one in own]} for own in dealt]
        for peer, job in zip(self._peers, jobs, strict=True):
            peer.send(**job, depth=self.depth)
        self.last = [peer.answer() for peer in self._peers]
        return max(sum(answer["walls"]) for answer in self.last)

    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """(position in lots, trades) at every decision."""
        ints, _ = self._peers[0].records(**self.job, depth=self.depth)
        return ints[:, 0], ints[:, 1]

    @property
    def peak_mib(self) -> float:
        """Peak memory of the first process."""
        return float(self.last[0]["peak_mib"])


def alternating(runs: Runs, repeats: int) -> dict[str, list[float]]:
    """Seconds of each run by name: all once without counting, then one after another, `repeats` times."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(repeats + 1):
        for name, wall in runs.items():
            seconds = wall()
            if i:
                taken[name].append(seconds)
    return taken


# --- figures -----------------------------------------------------------------------------------------------------


def rates(section: str, name: str, walls: list[float], events: float, decisions: float) -> list[Figure]:
    """Events and decisions a second."""
    return [
        spread(section, f"{name}, events", "events/s", (events / wall for wall in walls)),
        spread(section, f"{name}, decisions", "decisions/s", (decisions / wall for wall in walls)),
    ]


def ratio(section: str, name: str, unit: str, ours: list[float], theirs: list[float], work: float = 1.0) -> Figure:
    """How many times the peer's speed, run by run; `work`: what ours did, in units of what the peer did."""
    return spread(section, name, unit, (work * their / our for our, their in zip(ours, theirs, strict=True)))


def quoting_figures(plan: Plan, clock: str, name: str) -> list[Figure]:
    """One two-sided quoter over the whole feed: one process of the peer, and one environment of each engine."""
    section, model, feed = f"two quotes, {clock}, {name}", FillModel.parse(name), feed_of(plan, clock)
    rules, limit = Rules.of(model), ONE.max_position_lots
    quoter = SkewedSpread(ONE.half_spread / 2, ONE.skew / 2, ONE.lots, limit)
    mine = {engine: compiled_path(one, quoter, limit, rules) for engine, one in replays_of(feed, model).items()}
    return _against(plan, section, feed, mine, ONE, "two_quotes", name)


def grid_figures(plan: Plan) -> list[Figure]:
    """The grid of 40 orders: one process of the peer and one environment of the event engine."""
    feed, model = feed_of(plan, "100ms"), FillModel()
    rules = Rules.of(model, orders=GRID.orders)
    replay = replay_of(feed.tape, LATENCY, 2 * LEVELS)
    mine = {"event engine": compiled_path(replay, GRID.quoter, GRID.max_position_lots, rules, GRID.orders)}
    return _against(plan, "grid of 40, 100ms", feed, mine, GRID, "grid", model.name)


def _against(
    plan: Plan, section: str, feed: Feed, mine: dict[str, Compiled], params: Any, strategy: str, model: str
) -> list[Figure]:
    """Our compiled paths and one process of the peer, in turn; and where what they know differs."""
    events, decisions = feed.facts
    with Opponent(feed, model, 1, params, strategy) as peer:
        runs: Runs = {"hftbacktest": peer.wall} | {engine: one.wall for engine, one in mine.items()}
        taken = alternating(runs, plan.sizes.repeats)
        position, trades = peer.known()
        figures = [single(section, "events", "", events), single(section, "decisions", "", decisions)]
        figures += rates(section, f"hftbacktest ({peer.depth})", taken["hftbacktest"], events, decisions)
        figures += [
            single(section, "hftbacktest, compile", "s", peer.compile_s),
            single(section, "hftbacktest, peak memory", "MiB", peer.peak_mib),
            single(section, "hftbacktest, fills", "", trades[-1]),
        ]
    for engine, one in mine.items():
        known = jax.tree.map(np.asarray, one.run())
        wrong = (known.position != position[1:]) | (np.cumsum(known.traded) != params.lots * trades[1:])
        figures += rates(section, engine, taken[engine], events, decisions)
        figures += [
            ratio(section, f"{engine} / hftbacktest", "×", taken[engine], taken["hftbacktest"]),
            single(section, f"{engine}, fills", "", known.traded.sum() // params.lots),
            single(section, f"{engine}, decisions that differ", "", wrong.sum()),
            single(section, f"{engine}, unknown queues", "", known.outside.sum()),
            single(section, f"{engine}, compile", "s", one.compile_s),
            single(section, f"{engine}, state", "bytes", one.state_bytes),
        ]
    return figures


def batch_figures(plan: Plan, batch: int, random_starts: bool) -> list[Figure]:
    """Many environments, each with parameters of its own, against two processes of the peer, on the same cores."""
    section = f"batch {batch}, {'random starts' if random_starts else 'in step'}"
    feed, model = feed_of(plan, "100ms"), FillModel()
    sets, figures = sets_of(batch), []
    events, decisions = feed.facts
    mine, done = {}, {}
    for engine, replay in replays_of(feed, model, BATCH).items():
        whole = decisions - 1
        done[engine] = max(min(MOST[engine] // batch, whole // 2 if random_starts else whole), 1)
        starts = np.random.default_rng(12).integers(0, whole - done[engine], batch) if random_starts else None
        limits = np.array([one.max_position_lots for one in sets])
        mine[engine] = compiled_totals(replay, quoter_of(sets), limits, starts, Rules.of(model), done[engine])
    with Opponent(feed, model.name, 2) as peer:
        runs: Runs = {"peer": peer.wall} | {engine: one.wall for engine, one in mine.items()}
        taken = alternating(runs, plan.sizes.repeats)
    figures += rates(section, "hftbacktest, two processes", taken["peer"], 2 * events, 2 * decisions)
    for engine, one in mine.items():
        work = batch * done[engine]
        figures += rates(section, engine, taken[engine], work * events / decisions, work)
        figures += [
            ratio(section, f"{engine} / two hftbacktest", "×", taken[engine], taken["peer"], work / (2 * decisions)),
            single(section, f"{engine}, unknown queues", "", np.asarray(one.run().outside).sum()),
            single(section, f"{engine}, compile", "s", one.compile_s),
        ]
    return figures


def sweep_figures(plan: Plan) -> list[Figure]:
    """A sweep of parameter sets over the whole feed, against a loop over the same sets in two processes of the peer."""
    feed, model, count = feed_of(plan, "100ms"), FillModel(), plan.sizes.feed_sets
    section, sets = f"sweep of {count} sets", sets_of(count)
    asked = sets[:TIMED_SETS]
    limits = np.array([one.max_position_lots for one in sets])
    mine = {
        engine: compiled_totals(replay, quoter_of(sets), limits, None, Rules.of(model), feed.tape.decisions - 1)
        for engine, replay in replays_of(feed, model, BATCH).items()
    }
    with Opponent(feed, model.name, 2) as peer:
        runs: Runs = {"peer": lambda: peer.wall(asked) * count / len(asked)}
        taken = alternating(runs | {engine: one.wall for engine, one in mine.items()}, plan.sizes.repeats)
        ends: list[Any] = [None] * len(asked)
        for i, answer in enumerate(peer.last):  # the sets were dealt out in turn
            ends[i :: len(peer.last)] = answer["ends"]
    figures = [spread(section, f"two hftbacktest, from {len(asked)} sets", "s", taken["peer"])]
    for engine, one in mine.items():
        total = jax.tree.map(np.asarray, one.run())
        wrong = sum(
            [position, traded] != [end[0], end[1] * params.lots]
            for position, traded, end, params in zip(total.position, total.traded, ends, asked, strict=False)
        )
        figures += [
            spread(section, engine, "s", taken[engine]),
            ratio(section, f"{engine} / two hftbacktest", "×", taken[engine], taken["peer"]),
            single(section, f"{engine}, sets that differ of {len(asked)}", "", wrong),
            single(section, f"{engine}, unknown queues", "", total.outside.sum()),
            single(section, f"{engine}, compile", "s", one.compile_s),
        ]
    return figures
