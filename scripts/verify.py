"""Measures what the project claims: prints one line a claim and exits with 1 if one does not hold.

Needs the recordings (../shared/data). Takes about half an hour on two cores; `--only WORD` runs the claims that
contain a word.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from verify_calibration import claims as estimates
from verify_paper import NAMES as ON_PAPER
from verify_paper import claims as on_paper
from verify_solvers import PRINTED, differences

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
JAXMM = str(ROOT / ".venv/bin/jaxmm")

BINANCE = {
    "binance_usdm_btcusdt": ["binance_usdm/btcusdt_20240808.gz"],
    "binance_usdm_ethusdt": ["binance_usdm/ethusdt_20240808.gz"],
    "binance_coinm_btcusd_perp": ["binance_coinm/btcusd_perp_20240808.gz"],
    "binance_spot_btcusdt": ["binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz"],
    "binance_spot_ethusdt": ["binance_spot/ethusdt_20240808.gz", "binance_spot/ethusdt_20240809.gz"],
}
GEMINI = ["gemini/gemini__eth-usd__2021-07-01__market-depth.csv", "gemini/gemini__eth-usd__2021-07-01__trade.csv"]

Claim = tuple[str, bool, str]  # what, whether it holds, figures


def jaxmm(*arguments: object) -> dict:
    """Runs the command line and returns its JSON answer."""
    done = subprocess.run(
        [JAXMM, *map(str, arguments), "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"jaxmm {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def store_of(name: str, files: list[str], format: str, folder: Path, *flags: str) -> Path:
    """Imports a recording."""
    store = folder / f"{name}-store"
    if not store.exists():
        instrument = ROOT / "configs/instruments" / f"{name}.yaml"
        paths = [DATA / file for file in files]
        jaxmm("data", "import", *paths, "--format", format, "--instrument", instrument, "--out", store, *flags)
    return store


def mended_store_of(name: str, folder: Path) -> Path:
    """A Binance recording with its clock mended; `recordings` imports the same days with their clocks as they are."""
    return store_of(name, BINANCE[name], "binance", folder / "mended", "--fix-clock")


def queues(folder: Path) -> Iterator[Claim]:
    """The committed study of queue models is what the order-by-order day gives."""
    del folder
    done = subprocess.run([str(ROOT / "scripts/queue_study"), "--check"], capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()[-200:]
    yield "queues: docs/queue_study.json is reproduced", done.returncode == 0, said


def recordings(folder: Path) -> Iterator[Claim]:
    """Book, id chain and clock of every Binance recording; the counts of the Gemini day."""
    for name, files in BINANCE.items():
        report = jaxmm("data", "check", store_of(name, files, "binance", folder))
        least = 0.9997 if "spot" in name else 1.0
        figures = {
            key: report[key] for key in ("top_match", "top_mismatches", "crossed", "id_breaks", "clock_offset_ms")
        }
        holds = report["top_match"] >= least and report["crossed"] == 0 and report["id_breaks"] == 0
        yield f"recordings: {name} rebuilds to its own quotes", holds, str(figures)
        yield (
            f"recordings: {name} clock offset",
            abs(report["clock_offset_ms"] + 1270) < 10,
            str(report["clock_offset_ms"]),
        )
    report = jaxmm("data", "check", store_of("gemini_ethusd", GEMINI, "gemini", folder))
    counts = (report["quotes"], report["trades"], round(report["max_gap_s"]))
    yield "recordings: gemini counts", counts == (72180, 25222, 38), str(counts)


def engines(folder: Path) -> Iterator[Claim]:
    """Engine = plain venue on whole recordings, in every mode."""
    sys.path.insert(0, str(ROOT))
    import jax

    from jaxmm.data.store import open_store
    from jaxmm.exchange import replay
    from jaxmm.exchange.rules import Rules
    from jaxmm.exchange.types import OrderType
    from jaxmm.tape.build import build_tape
    from tests.exchange.streams import run_engine, run_reference, stack
    from tests.exchange.test_engine_on_recordings import LATENCY, MODELS, quotes_near

    for name in ("binance_usdm_btcusdt", "binance_usdm_ethusdt", "binance_spot_btcusdt"):
        store = mended_store_of(name, folder)
        tape = build_tape(open_store(store), folder / f"{name}-tape", "100ms", 20)
        prepared = replay.replay_of(tape, LATENCY, levels=500)
        for post_only in (True, False):
            for model in MODELS:
                table = quotes_near(tape, 7)
                rules = stack([Rules.of(model, OrderType(post_only))])
                steps = jax.tree.map(np.asarray, run_engine(stack([prepared]), stack([table]), rules))
                run = run_reference(tape, table, LATENCY, model, post_only)
                same = np.array_equal(steps.position[0], run.positions[1:]) and steps.outside.sum() == 0
                lots = int(steps.bought.sum() + steps.sold.sum())
                same &= lots == sum(fill.qty for fill in run.fills)
                what = f"engines: {name}, {model.name}, {'post-only' if post_only else 'crossing allowed'}"
                yield what, bool(same), f"{len(run.fills)} fills, {tape.decisions} decisions"


def peers(folder: Path) -> Iterator[Claim]:
    """Our event engine = hftbacktest at every decision: synthetic feed, the futures' days, markets full of ties."""
    subprocess.run([str(ROOT / "scripts/peer-setup")], check=True)
    futures = [name for name in BINANCE if "spot" not in name]
    stores = [f"{name}={mended_store_of(name, folder)}" for name in futures]
    compare = str(ROOT / "scripts/peer_compare.py")
    command = [sys.executable, compare, "--work", str(folder / "peers"), "--store", *stores]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as compared:
        assert compared.stdout is not None
        for line in compared.stdout:
            what, equal, figures = json.loads(line)
            yield f"peers: {what}", equal, figures
    yield "peers: every comparison was made", compared.returncode == 0, f"exit code {compared.returncode}"


def demo(folder: Path) -> Iterator[Claim]:
    """The demo, from a set-up machine, in under five minutes."""
    run = folder / "demo"
    began = time.perf_counter()
    done = subprocess.run(
        [str(ROOT / "scripts/demo"), "configs/demo.yaml", str(run)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    yield "demo: ends with its paths in under 5 minutes", done.returncode == 0 and took < 300, f"{took:.0f} s"


def learners(folder: Path) -> Iterator[Claim]:
    """PPO and DQN on the recorded days; what they score is reported, not asserted."""
    for config in ("binance_btcusdt", "gemini_ethusd"):
        for algorithm in ("ppo", "dqn"):
            run = folder / f"{config}-{algorithm}"
            jaxmm("train", f"configs/{config}.yaml", *_plain(algorithm), "--out", run)
            results = jaxmm("evaluate", run)
            yield f"learners: {algorithm} on {config}", bool(results["verdict"]), " ".join(results["verdict"])


OPTIMA = {
    "rl_a": 0.995,
    "rl_b": 0.985,
    "rl_a_49": 0.97,
    "rl_b_49": 0.97,
    "rl_b_9": 0.98,
    "spm": 0.98,
    "int_dt_b": 0.97,
}
"""What every seed of a configuration in `configs/models` has to reach, as a share of the known optimum."""


def optima(folder: Path) -> Iterator[Claim]:
    """Learners on models with known answers: the exact score of the worst of five seeds."""
    for name, least in OPTIMA.items():
        told = jaxmm("train", f"configs/models/{name}.yaml", "--out", folder / f"optimum-{name}")
        ratios = ", ".join(f"{row['ratio']:.4f}" for row in told["seeds"])
        yield (
            f"optima: {name}, every seed ≥ {least}",
            told["ratio"] >= least,
            f"{ratios}; {told['wall_s']:.0f} s in all",
        )


def matching(folder: Path) -> Iterator[Claim]:
    """The JAX matching engine = the plain book, outcome by outcome, on ten million messages."""
    del folder
    sys.path.insert(0, str(ROOT))
    from tests.markets.message_streams import differences, random_messages

    wrong, compared, happened = Counter[str](), 0, Counter[str]()
    for seed, slots in enumerate([100] * 8 + [20, 5]):
        differs, messages, outcomes = differences(random_messages(np.random.default_rng(seed), 4000, 256), slots)
        wrong, compared, happened = wrong + differs, compared + messages, happened + outcomes
    figures = f"{compared} messages; differing books {dict(wrong)}; {dict(happened)}"
    yield "matching: equal to the plain book on 10⁷ messages", not wrong and compared >= 10**7, figures


def dealers(folder: Path) -> Iterator[Claim]:
    """Environments of the dealers = their exact solutions on 10⁶ paths, and the paper's numbers on a finer grid."""
    del folder
    sys.path.insert(0, str(ROOT))
    from jaxmm.envs.models import environment_of
    from jaxmm.markets.models import model_of
    from jaxmm.solve.registry import solver_of
    from tests.envs.model_paths import sample

    for name in ("int-dt", "int-dt-b", "tri-dt"):
        solver: Any = solver_of(model_of(name))
        env, params = environment_of(model_of(name))
        for policy, plan in solver.plans().items():
            exact = solver.score(plan.actions)
            found = sample(env, params, plan.actions, 10**6)
            errors = (found.mean - exact.mean) / (exact.sd / found.paths**0.5)
            figures = (
                f"{found.mean:.5f} ± {found.sd:.5f} beside {exact.mean:.5f} ± {exact.sd:.5f}: {errors:+.2f} errors"
            )
            yield f"dealers: {name}, {policy}, {found.paths} paths", abs(errors) < 4, figures
    for k, dq, published, off in ((0.005, 0.5, 12.77, 0.02), (0.0, 1.0, 9.998, 0.0005), (0.0, 0.5, 9.998, 0.01)):
        facts = solver_of(model_of("bbg", {"k": k, "dq": dq})).solve().facts
        holds = abs(facts["threshold"] - published) < off and (k == 0 or round(facts["spread"], 6) == 0.460563)
        figures = f"{facts['threshold']:.4f} M, {facts['spread']:.6f} bp"
        yield f"dealers: bbg on a grid of {dq:g} M, k = {k:g}: {published} ± {off} M", holds, figures


def simulators(folder: Path) -> Iterator[Claim]:
    """Environments of AS, CJ-DT and SPM = their exact solutions on 10⁶ paths."""
    del folder
    from verify_simulators import simulated

    for row, errors, figures in simulated(10**6):
        name = row.model if row.gamma is None else f"{row.model}, γ = {row.gamma:g}"
        yield f"simulators: {name}, {row.policy}, 10⁶ paths", abs(errors) < 4, figures


def solvers(folder: Path) -> Iterator[Claim]:
    """Every published number of the quoting models, to its printed digits."""
    del folder
    for model, printed in PRINTED.items():
        wrong = list(differences(jaxmm("solve", *model.split()), printed))
        figures = "; ".join(wrong) or f"{len(printed)} numbers to their printed digits"
        yield f"solvers: {model}", not wrong, figures


def races(folder: Path) -> Iterator[Claim]:
    """Cont & de Larrard's probabilities, from the queue-level market with the matching engine; a million runs each."""
    del folder
    import jax

    from jaxmm.markets.queue_races import balanced_flow
    from jaxmm.markets.queue_races import races as play
    from jaxmm.solve.queue_race import balanced_up

    published = {(1, 1): 0.5, (1, 2): 0.30235, (2, 3): 0.37671, (3, 1): 0.79061, (5, 1): 0.87287}
    for (n, p), played in zip(published, play(balanced_flow(), list(published), 10**6, jax.random.key(0)), strict=True):
        exact = balanced_up(n, p)
        off = (played.probability - exact) / played.standard_error
        figures = f"{played.probability:.5f} against {exact:.5f}, {off:+.2f} standard errors; {played}"
        yield f"races: {n} bids, {p} asks", abs(off) < 4 and abs(exact - published[n, p]) < 5.1e-6, figures


def paper(folder: Path) -> Iterator[Claim]:
    """Whole recordings traded on paper in virtual time."""
    for name in ON_PAPER:
        yield from on_paper(name, mended_store_of(name, folder), folder, ROOT / "configs/instruments")


def _plain(algorithm: str) -> list[str]:
    """DQN has no use for PPO's settings in the file."""
    if algorithm == "ppo":
        return []
    return [
        "--set",
        "learner={algorithm: dqn, num_envs: 32, num_iterations: 128, discount: 0.98, epsilon_steps: 100000}",
    ]


def calibration(folder: Path) -> Iterator[Claim]:
    """Estimates on simulated markets, parameter files of the recordings, and what is how far from real."""
    yield from estimates()
    stores = {name: mended_store_of(name, folder) for name in BINANCE}
    stores["gemini_ethusd"] = store_of("gemini_ethusd", GEMINI, "gemini", folder)
    for name, store in stores.items():
        for model in ("cj-dt", "hawkes", "regimes", *(["queue-reactive"] if name != "gemini_ethusd" else [])):
            out = folder / f"{name}-{model}.yaml"
            answer = jaxmm("calibrate", store, "--model", model, "--out", out)
            errors = np.concatenate([np.ravel(value) for value in answer["standard_errors"].values()]).astype(float)
            figures = {key: value for key, value in answer["settings"].items() if np.size(value) <= 4}
            known = bool(np.isfinite(errors).mean() > 0.5)
            yield f"calibration: {model} from {name}, with errors", known, str(figures)
        J_star = jaxmm("solve", folder / f"{name}-cj-dt.yaml")["J_star"]
        yield f"calibration: cj-dt starts from {name}", J_star > 0, f"J* {J_star:.1f} ticks a minute, were it the truth"
    real, other = stores["binance_usdm_btcusdt"], stores["binance_spot_btcusdt"]
    near = jaxmm("realism", real, "--against", other, "--out", folder / "realism-spot")["facts"]
    far = jaxmm("realism", real, "--out", folder / "realism-synthetic")["facts"]
    floors = [np.nanmedian([fact["times_the_floor"] for fact in facts.values()]) for facts in (near, far)]
    said = f"median distance over floor: spot {floors[0]:.2f}, synthetic {floors[1]:.2f}"
    yield "calibration: spot is nearer to the futures than the synthetic market is", floors[0] < floors[1], said


CLAIMS: tuple[Callable[[Path], Iterator[Claim]], ...] = (
    recordings,
    engines,
    peers,
    queues,
    demo,
    learners,
    optima,
    matching,
    dealers,
    simulators,
    calibration,
    solvers,
    races,
    paper,
)


def main() -> None:
    """Prints each claim as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the groups whose name contains this")
    parser.add_argument("--keep", type=Path, help="folder to keep stores, tapes and runs in")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"verify: the recordings are not at {DATA}")
    failed = passed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for group in CLAIMS:
            if arguments.only not in group.__name__:
                continue
            for what, holds, figures in group(folder):
                passed, failed = passed + holds, failed + (not holds)
                print(f"{'holds' if holds else 'FAILS':6} {what}: {figures}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
