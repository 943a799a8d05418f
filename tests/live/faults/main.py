"""Many trials; see `scripts/faults`."""

import argparse
import asyncio
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.live.faults.plan import plan_of
from tests.live.faults.trial import Outcome, run_trial


def main() -> int:
    """Runs the seeds, prints a line each, and for a failing one how to see it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--market", choices=["spot", "usdm"], help="instead of the seed's own")
    parser.add_argument("--kind", action="append", default=[], help="instead of the seed's own; may be repeated")
    parser.add_argument("--at-once", type=int, default=1, help="trials at the same time")
    parser.add_argument("--keep", type=Path, help="where journals and logs of broken trials stay")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    outcomes = asyncio.run(_all(seeds, asked))
    broken = [outcome for outcome in outcomes if outcome.broken]
    backs = [outcome.back_s for outcome in outcomes if not outcome.broken and not outcome.halted]
    halted = [outcome for outcome in outcomes if outcome.halted]
    middle = f"{statistics.median(backs):.1f} s, at most {max(backs):.1f} s" if backs else "never"
    print(f"{len(outcomes)} trials: {len(broken)} broken, {len(halted)} halted; back in {middle} (median)")
    return 1 if broken else 0


async def _all(seeds: Iterable[int], asked: argparse.Namespace) -> list[Outcome]:
    places = asyncio.Semaphore(asked.at_once)

    async def one(seed: int) -> Outcome:
        async with places:
            return await _one(seed, asked)

    return await asyncio.gather(*(one(seed) for seed in seeds))


async def _one(seed: int, asked: argparse.Namespace) -> Outcome:
    keep = None if asked.keep is None else asked.keep / str(seed)
    outcome = await run_trial(plan_of(seed, asked.market, asked.kind), keep)
    print(report(outcome, asked.market, asked.kind), flush=True)
    return outcome


def report(outcome: Outcome, market: str | None = None, kinds: Sequence[str] = ()) -> str:
    """A line for a trial that went well; for another one all that is broken, and how to see it again."""
    if not outcome.broken:
        return outcome.line
    forced = (["--market", market] if market else []) + [f"--kind {kind}" for kind in kinds]
    again = " ".join(["./scripts/faults --seed", str(outcome.plan.seed), *forced])
    return "\n".join([outcome.line, *(f"  {sentence}" for sentence in outcome.broken), f"  again: {again}"])


if __name__ == "__main__":
    sys.exit(main())
