"""From a configuration's market to the tape of a run and its parts in time."""

from dataclasses import dataclass, replace
from pathlib import Path

from jaxmm.config import Config, RecordingMarket, SyntheticSource, TapeMarket
from jaxmm.instrument import Instrument
from jaxmm.tape.split import split
from jaxmm.tape.tape import Tape


@dataclass(frozen=True)
class Parts:
    """The three spans of a tape, in time order with a gap between."""

    train: Tape
    validate: Tape
    test: Tape


def tape_of(config: Config, run_dir: Path) -> Tape:
    """The run's tape: the one named, the one made by an earlier call, or a new one under `run_dir`."""
    market = config.market
    if isinstance(market, TapeMarket):
        return Tape.open(market.path)
    made = run_dir / "tape"
    if made.exists():
        return Tape.open(made)
    run_dir.mkdir(parents=True, exist_ok=True)
    if isinstance(market, RecordingMarket):
        return _from_recording(market, run_dir)
    return _from_synthetic(market, made)


def parts_of(config: Config, tape: Tape) -> Parts:
    """Train, validation and test. Raises `InputError` where a part would be too short."""
    train, validate = config.split.train, config.split.validate_
    return Parts(*split(tape, (train, validate, 1 - train - validate), config.split.gap_s))


def _from_recording(market: RecordingMarket, run_dir: Path) -> Tape:
    from jaxmm.data.store import import_recording, open_store
    from jaxmm.tape.build import build_tape

    store = run_dir / "store"
    fees = {name: getattr(market, name) for name in ("maker_fee", "taker_fee") if getattr(market, name) is not None}
    instrument = replace(Instrument.from_yaml(market.instrument), **fees)
    if not store.exists():
        import_recording(market.paths, market.format, instrument, store, market.fix_clock)
    return build_tape(open_store(store), run_dir / "tape", market.clock, market.levels)


def _from_synthetic(market: SyntheticSource, out: Path) -> Tape:
    from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
    from jaxmm.tape.build import build_tape

    synthetic = SyntheticMarket(maker_fee=market.maker_fee, taker_fee=market.taker_fee)
    store = SyntheticStore(synthetic, market.seed, market.seconds)
    return build_tape(store, out, market.clock, market.levels)
