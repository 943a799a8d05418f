"""The one command `jaxmm`. Rooms are imported when a command runs, so that `--help` answers at once.

With `--json` a command prints one JSON object on stdout; progress and logs go to stderr. Whatever goes wrong is said in
one line. Exit codes: 0 done, 2 bad input, 1 our fault, 130 stopped by Ctrl-C.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from jaxmm import cli_journal, cli_live, cli_operate
from jaxmm.answers import Json
from jaxmm.answers import answer as _answer
from jaxmm.errors import InputError
from jaxmm.files import OF_THE_DISK

app = typer.Typer(
    help="A crypto market maker's whole loop: replay recordings, train, evaluate, export a policy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="Recordings: import them into a store, and check a store.", no_args_is_help=True)
tape = typer.Typer(help="Tapes: what a simulator reads, cut at decisions.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(tape, name="tape")
app.add_typer(cli_operate.rollout, name="rollout")
app.add_typer(cli_journal.journal, name="journal")
app.add_typer(cli_live.live, name="live")
app.command("release")(cli_operate.release)
app.command("halt")(cli_operate.halt)

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""What a wrong command, option or argument raises; its home moved between versions of typer."""

Set = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override a value; may be repeated.")]


@data.command("import")
def data_import(
    paths: Annotated[list[Path], typer.Argument(help="Files of one recording, in order.")],
    format: Annotated[str, typer.Option(help="binance, gemini, tardis or tob.")],
    instrument: Annotated[Path, typer.Option(help="Instrument YAML file.")],
    out: Annotated[Path, typer.Option(help="The new store's folder.")],
    fix_clock: Annotated[bool, typer.Option("--fix-clock", help="Mend the recorder's clock.")] = False,
    columns: Annotated[Path | None, typer.Option(help="tob: YAML file that names the columns.")] = None,
    json_out: Json = False,
) -> None:
    """Reads a recording into a store.

    Example: jaxmm data import btcusdt.gz --format binance --instrument configs/instruments/binance_usdm_btcusdt.yaml
    --out store --fix-clock
    """
    from jaxmm.data.store import import_recording
    from jaxmm.instrument import Instrument

    with _progress("importing", "rows") as progress:
        report = import_recording(paths, format, Instrument.from_yaml(instrument), out, fix_clock, progress, columns)
    _answer({"store": str(out), **report.to_dict()}, json_out)


@data.command("check")
def data_check(
    store: Annotated[Path, typer.Argument(help="A store's folder.")],
    json_out: Json = False,
) -> None:
    """Reports on a store: gaps, broken chains, crossed quotes, clocks, and the rebuilt book against the venue's quotes.

    Example: jaxmm data check store --json
    """
    from jaxmm.data.check import check_store
    from jaxmm.data.store import open_store

    report = check_store(open_store(store))
    if json_out:
        _answer(report.to_dict(), json_out)
    else:
        print(report.text())


@tape.command("build")
def tape_build(
    store: Annotated[Path, typer.Argument(help="A store's folder.")],
    out: Annotated[Path, typer.Option(help="The new tape's folder.")],
    clock: Annotated[str, typer.Option(help="Decision clock: an interval (100ms, 1s) or a count of events (50ev).")],
    levels: Annotated[int, typer.Option(help="Book levels a side.", min=1, max=200)] = 20,
    feed: Annotated[str, typer.Option(help="Market data's delay: recorded, 5ms, lognormal(5ms,0.5,7).")] = "recorded",
    json_out: Json = False,
) -> None:
    """Rebuilds the book of a store and cuts it at decisions.

    Example: jaxmm tape build store --clock 100ms --levels 20 --out tape
    """
    from jaxmm.data.store import open_store
    from jaxmm.tape.build import build_tape
    from jaxmm.tape.delays import parse_delay

    delay = parse_delay(feed, f"--feed {feed}")
    with _progress("building", "rows") as progress:
        built = build_tape(open_store(store), out, clock, levels, progress, delay)
    _answer({"tape": str(out), **built.summary()}, json_out)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A YAML file such as those in configs/.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    set_: Set = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    json_out: Json = False,
) -> None:
    """Trains a policy for every seed. Ctrl-C saves a checkpoint; --resume continues from it.

    Example: jaxmm train configs/binance_btcusdt.yaml --set train.total_steps=200000 --out runs/btc
    """
    from jaxmm.config import ModelConfig, load_task

    loaded = load_task(config, tuple(set_ or ()))  # a typo is answered before JAX is loaded
    if isinstance(loaded, ModelConfig):
        from jaxmm.runs.model_training import train_model

        _answer(train_model(loaded, out, resume=resume), json_out)
        return
    from jaxmm.runs.training import train as train_run

    _answer(train_run(loaded, out, resume=resume), json_out)


@app.command()
def evaluate(run: Annotated[Path, typer.Argument(help="A finished run's folder.")], json_out: Json = False) -> None:
    """Scores a run on its test span, once, beside the baselines; writes report, table and bundles.

    Example: jaxmm evaluate runs/btc
    """
    from jaxmm.runs.evaluation import evaluate as evaluate_run

    results = evaluate_run(run)
    if results["scored"] == "before":
        print("jaxmm: this run was scored before; its test span is not scored again", file=sys.stderr)
    if json_out:
        _answer(results, json_out)
    else:
        print(Path(results["table"]).read_text(), *results["verdict"], f"report: {results['report']}", sep="\n")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder.")],
    seed: Annotated[int | None, typer.Option(help="Which seed; the best validated one if not given.")] = None,
    json_out: Json = False,
) -> None:
    """Writes a policy as a bundle that numpy alone reads.

    Example: jaxmm export runs/btc --out bundles/btc
    """
    from jaxmm.runs.export import export as export_run

    _answer(export_run(run, out, seed), json_out)


@app.command()
def backtest(
    quoter: Annotated[str, typer.Argument(help="A strategy's name or a bundle's folder.")],
    tape: Annotated[Path, typer.Option(help="A tape's folder.")],
    fills: Annotated[str, typer.Option(help="risk_averse, touch, power3(3), …, :partial behind it.")] = ("risk_averse"),
    latency: Annotated[str, typer.Option(help="Entry and response delay: 10ms, or 5ms,lognormal(20ms,0.5).")] = "10ms",
    set_: Set = None,
    max_position_lots: Annotated[int | None, typer.Option(help="No quote may carry the position beyond this.")] = None,
    fills_out: Annotated[Path | None, typer.Option(help="Write every fill to this Parquet file.")] = None,
    margin: Annotated[
        str | None, typer.Option(help="Collateral: balance,leverage,maintenance rate, such as 0.5,20,0.004.")
    ] = None,
    volume_30d: Annotated[float, typer.Option(help="Traded in the 30 days before: it picks the fee tier.")] = 0.0,
    order_type: Annotated[str, typer.Option(help="post_only, gtc, ioc, fok or market.")] = "post_only",
    venue_limit: Annotated[
        list[str] | None, typer.Option(metavar="A=NUMBER", help="What the venue rejects, such as max_requests=300.")
    ] = None,
    grid: Annotated[list[str] | None, typer.Option(metavar="A=LIST", help="Sweep: a=1,2,4 or a=1:4:.5.")] = None,
    sample: Annotated[int | None, typer.Option(help="Sweep: draw this many sets from --range.")] = None,
    range_: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="A=LOW:HIGH", help="What is drawn, such as a=1:4 or a=.01:1:log."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Sweep: of --sample.")] = 0,
    engine: Annotated[str | None, typer.Option(help="Sweep: window or event; by itself the fastest exact one.")] = None,
    top: Annotated[int, typer.Option(help="Sweep: run this many of the best again on the event engine.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Sweep: the folder of its table and heat map.")] = None,
    json_out: Json = False,
) -> None:
    """Runs a strategy or a bundle over a tape on the event engine; with --grid or --sample, many settings at once.

    Example: jaxmm backtest fixed_spread --tape tape --set half_spread_ticks=2 --json

    Example: jaxmm backtest skewed_spread --tape tape --grid half_spread_ticks=.5:3:.5 --out sweep
    """
    from jaxmm.exchange.account import Terms
    from jaxmm.runs.backtesting import Conditions, parse_margin
    from jaxmm.runs.backtesting import backtest as run_backtest

    settings, terms = _settings(set_ or []), Terms(volume_30d, None if margin is None else parse_margin(margin))
    conditions = Conditions.parse(fills, latency, order_type, _settings(venue_limit or []), terms)
    if grid or sample is not None or range_:
        from jaxmm.runs.sweeping import Wanted, sweep_settings, text

        if fills_out is not None:
            raise InputError("--fills-out: a sweep keeps no fills; run one of its sets alone")
        if max_position_lots is not None:
            settings = {"max_position_lots": max_position_lots} | settings
        wanted = Wanted(grid or [], sample, range_ or [], seed, engine, top, out)
        with _bar("sweeping") as progress:
            answer = sweep_settings(quoter, tape, conditions, settings, wanted, progress)
        if json_out:
            _answer(answer, json_out)
        else:
            print(text(answer))
        return
    if out is not None or engine is not None:
        raise InputError(f"{'--out' if out else '--engine'} belongs to a sweep; give --grid or --sample")
    _answer(run_backtest(quoter, tape, conditions, settings, max_position_lots, fills_out), json_out)


@app.command()
def solve(
    model: Annotated[str, typer.Argument(help="as, glft, cj, cj-dt, spm, … or a published set such as rl-a, as-2008.")],
    set_: Set = None,
    json_out: Json = False,
) -> None:
    """Solves a model exactly: its best return, the policy that has it, and the scores of reference policies.

    Example: jaxmm solve cj-dt --set Q=5 --set actions=.25,.75,1.5 --json
    """
    settings = _settings(set_ or [])
    from jaxmm.runs.solving import solve_model, text

    answer = solve_model(model, settings)
    if json_out:
        _answer(answer, json_out)
    else:
        print(text(answer))


@app.command()
def calibrate(
    store: Annotated[Path, typer.Argument(help="A store's folder.")],
    model: Annotated[str, typer.Option(help="as, glft, cj, cj-dt, hawkes, queue-reactive or regimes.")],
    out: Annotated[Path, typer.Option(help="The parameter file, YAML; models are read from it by its name.")],
    set_: Set = None,
    json_out: Json = False,
) -> None:
    """Measures a model's parameters on a recording, with standard errors.

    Example: jaxmm calibrate store --model cj-dt --out params.yaml --set Q=5
    """
    settings = _settings(set_ or [])
    from jaxmm.runs.calibrating import calibrate_store, text

    with _bar("reading") as progress:
        answer = calibrate_store(store, model, out, settings, progress)
    if json_out:
        _answer(answer, json_out)
    else:
        print(text(answer, out))


@app.command()
def score(
    target: Annotated[str, typer.Argument(help="A run's folder, a reference policy of the model, or a strategy.")],
    model: Annotated[str | None, typer.Option(help="cj-dt, rl-b, int-dt-b, …; a run knows its own.")] = None,
    set_: Set = None,
    seed: Annotated[int | None, typer.Option(help="Of a run; the seed that did worst if not given.")] = None,
    json_out: Json = False,
) -> None:
    """Scores a policy exactly on a model with a known answer: mean and standard deviation of its return.

    Example: jaxmm score runs/rl_b --json

    Example: jaxmm score constant --model rl-a
    """
    from jaxmm.runs.scoring import score as score_exactly

    _answer(score_exactly(target, model, _settings(set_ or []), seed), json_out)


@app.command()
def realism(
    store: Annotated[Path, typer.Argument(help="A store's folder.")],
    out: Annotated[Path, typer.Option(help="The report's folder.")],
    against: Annotated[str, typer.Option(help="Another store's folder, or synthetic.")] = "synthetic",
    seed: Annotated[int, typer.Option(help="Of the synthetic market.")] = 0,
    json_out: Json = False,
) -> None:
    """Compares a recording with another market, fact by fact; the distance of its own halves is the floor.

    Example: jaxmm realism store --against synthetic --out realism
    """
    from jaxmm.runs.realism import realism as compare

    with _bar("reading") as progress:
        answer = compare(store, against, out, seed, progress)
    if json_out:
        _answer(answer, json_out)
    else:
        print((out / "realism.md").read_text(encoding="utf-8"))


@app.command("sim-venue")
def sim_venue(
    instrument: Annotated[Path, typer.Argument(help="Instrument YAML file; a venue named binance-spot trades spot.")],
    recording: Annotated[
        list[Path] | None, typer.Option(help="A store, or a recording's files; else synthetic.")
    ] = None,
    format: Annotated[str, typer.Option(help="Of recorded files: binance, gemini, tardis or tob.")] = "binance",
    speed: Annotated[float, typer.Option(help="Recorded seconds in one of ours.")] = 1.0,
    fills: Annotated[str, typer.Option(help="As in jaxmm backtest.")] = "risk_averse:partial",
    balance: Annotated[list[str] | None, typer.Option(metavar="CURRENCY=AMOUNT", help="Of the account.")] = None,
    latency_ms: Annotated[float, typer.Option(help="Of every request, each way.")] = 0.0,
    fault_seed: Annotated[int | None, typer.Option(help="Draw faults by this seed.")] = None,
    fault_kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds of ours.", min=0.0)] = None,
    port: Annotated[int, typer.Option(help="Of loopback; 0 takes a free one.")] = 0,
    json_out: Json = False,
) -> None:
    """Plays Binance on loopback, so that the quoter or any ccxt program can trade without money; Ctrl-C ends it.

    Example: jaxmm sim-venue configs/instruments/binance_usdm_btcusdt.yaml --speed 10 --json
    """
    from jaxmm.exchange.types import FillModel
    from jaxmm.instrument import Instrument
    from jaxmm.sim_venue import SimConfig, draw_schedule
    from jaxmm.sim_venue.faults import KINDS
    from jaxmm.sim_venue.run import parse_balances, run

    config = SimConfig(
        Instrument.from_yaml(instrument),
        tuple(recording or ()),
        format,
        speed=speed,
        model=FillModel.parse(fills),
        balances=parse_balances(balance or ()),
        latency_ms=latency_ms,
        seed=fault_seed or 0,
        port=port,
    )
    schedule = () if fault_seed is None else draw_schedule(fault_seed, seconds or 60.0, fault_kind or tuple(KINDS))

    def ready(addresses: dict[str, Any]) -> None:
        _answer(addresses, json_out)
        sys.stdout.flush()

    run(config, schedule, ready, seconds)


@app.command()
def quote(
    config: Annotated[Path, typer.Argument(help="A YAML file such as those in configs/quote/.")],
    paper: Annotated[bool, typer.Option("--paper", help="Live market data, orders in a venue that is played.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Real orders; needs keys in the environment.")] = False,
    yes_live: Annotated[bool, typer.Option("--yes-live", help="Says that --live is meant.")] = False,
    take_over: Annotated[bool, typer.Option("--take-over", help="Cancel orders that are not this quoter's.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Take the venue's position and balances as they are.")] = False,
    set_: Set = None,
) -> None:
    """Quotes until SIGTERM or Ctrl-C, which cancel everything; SIGUSR1 halts. Logs go to stderr, one JSON a line.

    Example: jaxmm quote configs/quote/sim_usdm_btcusdt.yaml --paper
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a network of this size is slower on more threads
    from jaxmm.live.config import load_quote_config
    from jaxmm.live.quote import Mode, run
    from jaxmm.live.recovery import Recovery

    if paper == live:
        raise InputError("quote: give --paper or --live, one of them")
    if live and not yes_live:
        raise InputError("quote: --live sends real orders with real money; add --yes-live if that is meant")
    loaded = load_quote_config(config, tuple(set_ or ()))
    run(loaded, Mode.LIVE if live else Mode.PAPER, Recovery(take_over=take_over, adopt=adopt))


def main() -> None:
    """The entry point of `jaxmm`."""
    try:
        with typer.main.get_command(app).make_context("jaxmm", sys.argv[1:]) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except USAGE_ERROR as error:
        _fail_usage(error)
    except InputError as error:
        _fail(2, str(error))
    except KeyboardInterrupt as stop:
        _fail(130, f"stopped{f': {stop}' if str(stop) else ''}")
    except BrokenPipeError:  # whoever read our answer has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_DISK:
            _fail(2, f"{error.filename or 'a file'}: {error.strerror}; free some space or name another place")
        if os.environ.get("JAXMM_DEBUG") == "1":
            traceback.print_exc()
        _fail(1, f"our fault: {type(error).__name__}: {error}; please report it with what JAXMM_DEBUG=1 shows")


def _fail(code: int, sentence: str) -> NoReturn:
    print("jaxmm:", *sentence.split(), file=sys.stderr)
    sys.exit(code)


def _fail_usage(error: Any) -> NoReturn:
    said, command = error.format_message(), error.ctx.command_path if error.ctx else "jaxmm"
    if said.startswith("Usage:"):  # a command of commands without one
        print(said, file=sys.stderr)
        sys.exit(2)
    _fail(2, f"{said.rstrip('.')}; see `{command} --help`")


def _settings(overrides: list[str]) -> dict[str, Any]:
    from jaxmm.config import read_override

    return dict(read_override(override) for override in overrides)


def _progress(verb: str, unit: str) -> Any:
    from jaxmm.progress import counter

    return counter(verb, unit)


def _bar(verb: str) -> Any:
    from jaxmm.progress import bar

    return bar(verb)


if __name__ == "__main__":
    main()
