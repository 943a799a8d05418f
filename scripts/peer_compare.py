"""Our event engine against hftbacktest: position, balance, fee, trades and quotes at every decision, on every feed.

Prints one JSON line a comparison: [what, whether it is equal, figures]. `scripts/verify --only peers` reads them. Runs
with 64-bit floats, which the probabilistic queues need to agree to the last fill.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from peer_client import ROOT, Peer, two_quotes
from peer_feed import LocalEvents, local_events, write_feed
from peer_grid import GridParams
from peer_ours import compiled_path

sys.path.insert(0, str(ROOT))
from jaxmm.data.store import open_store
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.replay import replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel
from jaxmm.markets.synthetic import BENCHMARK_SECONDS, SyntheticMarket, SyntheticStore
from jaxmm.tape.build import build_tape
from jaxmm.tape.rows import EventStore
from jaxmm.tape.tape import Tape
from tests.exchange.peer_cases import LATENCY, stamped
from tests.exchange.two_quotes import MODELS, Params, difference, our_run, peers_run, tape_of_ties

TIES = tuple(Latency(*pair) for pair in ((0, 0), (3, 20), (20, 3), (10, 15), (60, 25)))
NEAR, SHY, INSIDE, DEEP = Params(1, 1, 5, 50), Params(3, 2, 7, 70), Params(-3, 1, 5, 25), Params(40, 1, 3, 30)


class Feed(NamedTuple):
    """A market, how it is cut, and who quotes there."""

    name: str
    clock: str
    params: tuple[Params, ...]


GRID = GridParams(half_spread=1, skew=1, interval=1, orders=20, lots=5, max_position_lots=150)
GRID_MODELS = ("risk_averse", "power3(3)")
SYNTHETIC = Feed("synthetic", "100ms", (NEAR, SHY, INSIDE))
RECORDED = (
    Feed("binance_usdm_btcusdt", "100ms", (NEAR, SHY, INSIDE, DEEP)),
    Feed("binance_usdm_btcusdt", "10ms", (NEAR, DEEP)),
    Feed("binance_usdm_btcusdt", "7ev", (NEAR, DEEP)),
    Feed("binance_usdm_ethusdt", "100ms", (NEAR, SHY, INSIDE, DEEP)),
    Feed("binance_usdm_ethusdt", "10ms", (NEAR, DEEP)),
    Feed("binance_coinm_btcusd_perp", "100ms", (NEAR, SHY, INSIDE, DEEP)),
    Feed("binance_coinm_btcusd_perp", "10ms", (NEAR, DEEP)),
)


Answer = tuple[str, bool, str]  # what, whether it is equal, figures


def on_feed(peer: Peer, feed: Feed, store: EventStore, work: Path, models: Sequence[str]) -> Iterator[Answer]:
    """All parameter sets of a feed under all queue models."""
    name = f"{feed.name}, {feed.clock}"
    tape = build_tape(store, work / f"{feed.name}-{feed.clock}", feed.clock, 20)
    folder = write_feed(tape, local_events(store), work / f"{feed.name}-{feed.clock}-feed")
    for model in models:
        for params in feed.params:
            yield compared(peer, name, tape, folder, model, params, LATENCY)


def on_grid(peer: Peer, feed: Feed, work: Path, models: Sequence[str]) -> Iterator[Answer]:
    """Twenty orders a side on the feed that `on_feed` left: position, trades and (linear) cash at every decision."""
    tape, folder = Tape.open(work / f"{feed.name}-{feed.clock}"), work / f"{feed.name}-{feed.clock}-feed"
    levels = min(10_000_000 // tape.decisions, 300)  # where a recording's grid may rest, and what memory holds
    replay, mid = replay_of(tape, LATENCY, levels), tape.book_price[1:, :, 0].sum(axis=1, dtype=np.int64)
    for model in models:
        rules = Rules.of(FillModel.parse(model), orders=GRID.orders)
        known = compiled_path(replay, GRID.quoter, GRID.max_position_lots, rules, GRID.orders).run()
        position, traded, pnl, outside = (np.asarray(values).astype(np.int64) for values in known)
        job = two_quotes(folder, model, LATENCY, [GRID]) | {"strategy": "grid"}
        theirs = peers_run(tape, *peer.records(**job))
        wrong = position != theirs.position[1:]
        wrong |= np.cumsum(traded) != GRID.lots * theirs.trades[1:]
        if tape.instrument.kind == "linear":  # an inverse contract's increments are floats
            wrong |= np.cumsum(pnl) - position * mid != 2 * theirs.cash[1:]
        figures = f"{tape.decisions} decisions, {theirs.trades[-1]} trades, {outside.sum()} unknown queues"
        different = f"; differs at {wrong.sum()} decisions, first {np.argmax(wrong) + 1}" if wrong.any() else ""
        yield (
            f"{feed.name}, {feed.clock}, grid of 40, {model}",
            not different and not outside.any(),
            figures + different,
        )


def on_coarse_clock(peer: Peer, store: EventStore, work: Path, models: Sequence[str]) -> Iterator[Answer]:
    """The exchange stamps whole ms: decisions of whole ms and whole delays arrive at the very time of events."""
    tape = stamped(build_tape(store, work / "coarse", "10ms", 20), 1_000_000)
    folder = write_feed(tape, local_events(store), work / "coarse-feed")
    for model in models:
        for params in (NEAR, SHY):
            yield compared(peer, "synthetic, stamped in ms, 10ms", tape, folder, model, params, LATENCY)


def on_ties(peer: Peer, work: Path, models: Sequence[str], seeds: int = 2) -> Iterator[Answer]:
    """Random markets of jumps and empty levels, full of ties; what we see is the exchange's book of the same time.

    Levels are thin there, so the queue models hardly matter: two of them suffice.
    """
    for seed in range(seeds):
        tape = tape_of_ties(seed)
        folder = write_feed(tape, LocalEvents(tape.exch_ts, tape.event), work / f"ties-{seed}")
        for latency in TIES:
            name = f"ties, seed {seed}, {latency.entry_ns} ns + {latency.response_ns} ns"
            for model in set(models) & {"risk_averse", "power3(3)"}:
                yield compared(peer, name, tape, folder, model, (NEAR, INSIDE)[seed % 2], latency)


def compared(peer: Peer, name: str, tape: Tape, feed: Path, model: str, params: Params, latency: Latency) -> Answer:
    """One run on either engine."""
    theirs = peers_run(tape, *peer.records(**two_quotes(feed, model, latency, [params])))
    different = difference(our_run(tape, model, params, latency), theirs)
    figures = f"{tape.decisions} decisions, {theirs.trades[-1]} trades"
    return f"{name}, {model}, {tuple(params)}", not different, "; ".join(filter(None, (figures, different)))


def main() -> None:
    """Compares what was asked for and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="folder for tapes and feeds")
    parser.add_argument("--store", type=Path, nargs="*", default=[], help="stores of recordings, as NAME=FOLDER")
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--seconds", type=float, default=BENCHMARK_SECONDS, help="length of the synthetic feed")
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    stores = dict(str(text).split("=", 1) for text in asked.store)
    with tempfile.TemporaryDirectory() as temporary, Peer() as peer:
        work = asked.work or Path(temporary)
        made = SyntheticStore(SyntheticMarket.benchmark(), seed=1, seconds=asked.seconds)
        found = [(SYNTHETIC, made)] if asked.seconds else []
        found += [(feed, open_store(stores[feed.name])) for feed in RECORDED if feed.name in stores]
        busy = SyntheticStore(SyntheticMarket.benchmark(), seed=2, seconds=300)
        runs = [on_ties(peer, work, asked.models), on_coarse_clock(peer, busy, work, asked.models)]
        for feed, store in found:
            runs.append(on_feed(peer, feed, store, work, asked.models))
            if feed.clock == "100ms":
                runs.append(on_grid(peer, feed, work, [model for model in GRID_MODELS if model in asked.models]))
        for answer in chain.from_iterable(runs):
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
