"""The typed configuration of a run, read from YAML; every field says what it means and refuses what it is not.

This module imports no JAX: the quoter reads configurations too.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jaxmm.errors import InputError, nearest


class Section(BaseModel):
    """A part of a configuration: frozen, and closed to unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RecordingMarket(Section):
    """Recorded files, imported and cut into a tape inside the run's folder."""

    kind: Literal["recording"]
    paths: tuple[str, ...]
    """Files of one recording, in order; relative to the working directory."""
    format: str
    """`binance`, `gemini`, `tardis` or `tob`."""
    instrument: str
    """Path of the instrument's YAML file."""
    maker_fee: float | None = Field(default=None, gt=-0.1, lt=0.1)
    """Fraction of notional, where our fee tier is not the instrument file's; negative is a rebate."""
    taker_fee: float | None = Field(default=None, gt=-0.1, lt=0.1)
    """Fraction of notional, likewise."""
    fix_clock: bool = False
    """Mend the recorder's clock by the estimated offset; needed where latency would be negative."""
    clock: str = "100ms"
    """Decision clock: an interval (`100ms`, `1s`) or a count of events (`50ev`)."""
    levels: int = Field(default=20, ge=1, le=200)
    """Book levels a side that the tape keeps."""


class TapeMarket(Section):
    """A tape that `jaxmm tape build` wrote."""

    kind: Literal["tape"]
    path: str
    """The tape's folder."""


class SyntheticSource(Section):
    """The embedded synthetic market: needs no data."""

    kind: Literal["synthetic"]
    seconds: float = Field(default=1800.0, gt=0)
    """Length of the market, in simulated seconds."""
    seed: int = 0
    """Seed of the market; the same seed gives the same events."""
    maker_fee: float = Field(default=0.0, gt=-0.1, lt=0.1)
    """Fraction of notional; negative is a rebate."""
    taker_fee: float = Field(default=0.0002, gt=-0.1, lt=0.1)
    """Fraction of notional."""
    clock: str = "100ms"
    """Decision clock."""
    levels: int = Field(default=20, ge=1, le=200)
    """Book levels a side that the tape keeps."""


TAGS = ("recording", "tape", "synthetic", "discrete", "continuous", "strategy", "bundle", "bounded", "ensemble")
"""Values of `kind`: pydantic names them in the path of an error, the file does not."""

Market = Annotated[RecordingMarket | TapeMarket | SyntheticSource, Field(discriminator="kind")]


class Split(Section):
    """Train, validation and test in time order; the test part is what remains."""

    train: float = Field(default=0.6, gt=0, lt=1)
    """Fraction of the decisions to train on."""
    validate_: float = Field(default=0.2, gt=0, lt=1, alias="validate")
    """Fraction to choose checkpoints on."""
    gap_s: float = Field(default=1.0, ge=0)
    """Seconds left out between the parts."""


class Collateral(Section):
    """What backs the position; an episode ends, and a backtest says so, where it does not suffice."""

    balance: float = Field(gt=0)
    """At the start, in settlement currency (the base coin of an inverse contract)."""
    leverage: float = Field(default=1.0, ge=1)
    """Notional that one unit of collateral may open."""
    maintenance_rate: float = Field(default=0.005, ge=0, lt=1)
    """Fraction of notional under which equity must not fall."""


class VenueLimits(Section):
    """What the venue accepts: an order outside is rejected. In ticks and lots; see `jaxmm.exchange.limits.Limits`."""

    tick_step: int = Field(default=1, ge=1)
    """Ticks that a price is a multiple of."""
    lot_step: int = Field(default=1, ge=1)
    """Lots that a quantity is a multiple of."""
    min_lots: int = Field(default=1, ge=1)
    """Smallest quantity."""
    min_notional: int = Field(default=0, ge=0, lt=2**30)
    """Smallest price · quantity, in tick·lots."""
    max_position_lots: int = Field(default=2**30, ge=0, le=2**30)
    """Largest position that open orders may lead to, long or short."""
    max_requests: int = Field(default=2**30, ge=0, le=2**30)
    """Amends and new orders that a window takes; cancels are free."""
    window_ns: int = Field(default=1_000_000_000, ge=1)
    """Length of a window of the venue's clock."""


class Venue(Section):
    """How late we are and what fills us."""

    engine: Literal["auto", "window", "event"] = "auto"
    """What a decision in training and validation runs on: `window` looks its fills up, `event` replays every event;
    `auto` takes windows where they are exact. Fills are the same; baselines and reports always run on events."""

    latency: str = "10ms"
    """Delays of requests and reports: `10ms`, `5ms,20ms` for entry and response, or by name, as in
    `entry=10ms,cancel=5ms,response=lognormal(10ms,0.5,7)`; see `jaxmm.exchange.latency.Latency.parse`."""
    fills: str = "risk_averse"
    """Fill model to train under: `risk_averse`, `penetration`, `touch`, `power3(3)`, …; `:partial` behind it."""
    order_type: Literal["post_only", "gtc", "ioc", "fok", "market"] = "post_only"
    """What an order may do on arrival; `post_only` is rejected where it would take."""
    limits: VenueLimits | None = None
    """What the venue accepts; none: every order."""
    volume_30d: float = Field(default=0.0, ge=0)
    """What we traded in the 30 days before, in settlement currency: it picks the instrument's fee tier."""
    margin: Collateral | None = None
    """Our collateral; none: without end."""


class DiscreteGrid(Section):
    """Every (bid offset, ask offset, size), then *no quote*, then *flatten*."""

    kind: Literal["discrete"]
    bid_offsets: tuple[int, ...] = (0, 1, 2, 4)
    """Ticks behind the best bid; -1 is no bid."""
    ask_offsets: tuple[int, ...] = (0, 1, 2, 4)
    """Ticks behind the best ask; -1 is no ask."""
    lots: tuple[int, ...] = (1,)
    """Sizes in lots."""


class ContinuousBox(Section):
    """Bid offset, ask offset and flatten as a point of a box."""

    kind: Literal["continuous"]
    max_offset: int = Field(default=10, ge=1)
    """The furthest quote, ticks behind the best."""
    lots: int = Field(default=1, ge=1)
    """Size in lots."""


class Reward(Section):
    """Weights of the named reward terms (`jaxmm.envs.rewards`)."""

    pnl: float = 1.0
    """Change of cash and marked position, before fees and funding, in settlement currency."""
    fees: float = 1.0
    """Minus the fees paid."""
    funding: float = 1.0
    """Minus the funding paid."""
    spread: float = 0.0
    """What fills earned against the mid after them."""
    dampened: float = 0.0
    """Minus the gains of holding a position while the mid moves."""
    inventory: float = 0.0
    """Minus (position / max position)² each step."""
    terminal_inventory: float = 0.0
    """Minus (position / max position)² on an episode's last step."""
    utility: float = 0.0
    """Exponential utility of the step's P&L after fees."""
    sharpe: float = 0.0
    """Differential Sharpe ratio."""
    risk_aversion: float = Field(default=1.0, gt=0)
    """Of `utility`, per settlement currency."""
    sharpe_rate: float = Field(default=0.01, gt=0, lt=1)
    """Adaptation rate of `sharpe`."""


class Env(Section):
    """The task that a learner is set."""

    actions: Annotated[DiscreteGrid | ContinuousBox, Field(discriminator="kind")] = DiscreteGrid(kind="discrete")
    """What an action means."""
    max_position_lots: int = Field(default=10, ge=1)
    """No quote may carry the position beyond this; an order that fills before its cancel arrives still can."""
    queue_levels: int = Field(default=64, ge=1, le=1000)
    """Levels of the exchange's book a side in which the queue ahead of a new order is known."""
    episode_steps: int = Field(default=200, ge=1)
    """Decisions in an episode."""
    start: int | None = Field(default=None, ge=0)
    """Decision of the training span at which every episode starts; none: anywhere that leaves room for one."""
    distance_ticks: float = Field(default=10.0, gt=0)
    """Distance of our quotes from the mid that the observation counts as 1."""
    show_time: bool = False
    """Whether the observation counts the episode's time down; a live quoter has no end, so it should not."""
    ruin: float | None = Field(default=None, gt=0)
    """Settlement currency lost in an episode that ends it; none: never."""
    reward: Reward = Reward()
    """Weights of the reward's terms."""


class Learner(BaseModel):
    """The algorithm; its own settings (`jaxmm.learn.ppo.PPOConfig`, `dqn.DQNConfig`) stand beside its name."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)
    algorithm: Literal["ppo", "dqn"] = "ppo"
    """Which learner."""

    @property
    def settings(self) -> dict[str, Any]:
        """The algorithm's own settings, as given."""
        return dict(self.model_extra or {})


class Training(Section):
    """How long, how often, how many."""

    seeds: tuple[int, ...] = (0, 1, 2, 3)
    """One policy is trained for each, all at once."""
    total_steps: int = Field(default=1_000_000, ge=1)
    """Environment steps of each seed."""
    validate_every: int = Field(default=10, ge=1)
    """Updates between validations; the best policy by validated P&L is kept."""
    checkpoint_every: int = Field(default=50, ge=1)
    """Updates between checkpoints."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after this many validations without a better one for any seed; none: train to the end."""


class ModelTask(Section):
    """A model with a known answer (`jaxmm.markets.models`), to learn on."""

    name: str
    """A model or one of its published sets: `cj-dt`, `rl-b`, `int-dt-b`, `spm`, …"""
    settings: dict[str, float | tuple[float, ...]] = {}
    """Parameters that differ from it."""


class ModelLearner(Learner):
    """The same on models, where a table of action values is one more choice."""

    algorithm: Literal["ppo", "dqn", "tabular_q"] = "ppo"  # type: ignore[assignment]
    """Which learner."""


class ModelConfig(Section):
    """A run on a model: its scores are exact, so it needs no split, venue or baselines."""

    model: ModelTask
    """Which one."""
    learner: ModelLearner = ModelLearner()
    """Algorithm."""
    train: Training = Training()
    """Seeds and steps; validations are exact scores."""


SPREADS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
RISKS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)


class Strategy(Section):
    """A baseline of the evaluation."""

    name: str
    """A name of `jaxmm.strategies`."""
    settings: dict[str, float] = {}
    """Parameters that are given; what is left out is measured on the training span or has a default."""
    tune: dict[str, tuple[float, ...]] = {}
    """Parameters to choose on the validation span, each with the multiples of its value to try."""


class Evaluation(Section):
    """What a trained policy is held against, on the test span, once."""

    fills: tuple[str, str, str] = ("penetration:partial", "risk_averse", "touch")
    """Fill models: the pessimistic, the calibrated, the optimistic."""
    baselines: tuple[Strategy, ...] = (
        Strategy(name="fixed_spread", tune={"half_spread_ticks": SPREADS}),
        Strategy(name="skewed_spread", tune={"half_spread_ticks": SPREADS, "skew_ticks": (1.0, 10.0, 100.0)}),
        Strategy(name="avellaneda_stoikov", tune={"gamma": RISKS}),
        Strategy(name="glft", tune={"gamma": RISKS}),
    )
    """Strategies on the same tape."""


class Config(Section):
    """One run, from data to a scored policy."""

    market: Market
    """Where the market comes from."""
    split: Split = Split()
    """How time is divided."""
    venue: Venue = Venue()
    """Latency and fills."""
    env: Env = Env()
    """Actions, limits, reward."""
    learner: Learner = Learner()
    """Algorithm."""
    train: Training = Training()
    """Seeds and steps."""
    evaluate: Evaluation = Evaluation()
    """Baselines and fill models."""


Kind = TypeVar("Kind", bound=Section)


def load_config(path: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """Reads a YAML file; `overrides` are `a.b=value` with YAML values. Raises `InputError` on anything unknown."""
    return parse_config(_read(path, overrides), str(path))


def load_task(path: str | Path, overrides: tuple[str, ...] = ()) -> Config | ModelConfig:
    """The same, or the configuration of a run on a model where the file has a section `model`."""
    values = _read(path, overrides)
    if "model" in values:
        return _parse(values, str(path), ModelConfig)
    return _parse(values, str(path), Config)


def load_section(path: str | Path, overrides: tuple[str, ...], kind: type[Kind]) -> Kind:
    """The same for a configuration of another kind, such as the quoter's."""
    return _parse(_read(path, overrides, kind), str(path), kind)


def _read(path: str | Path, overrides: tuple[str, ...], kind: type[Section] = Config) -> dict[str, Any]:
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the path of a configuration") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: a configuration is a mapping with {', '.join(kind.model_fields)}")
    for override in overrides:
        _override(values, override)
    return values


def parse_config(values: dict[str, Any], where: str) -> Config:
    """The configuration of plain values. Raises `InputError` naming the field, `where` it stands and what is valid."""
    return _parse(values, where, Config)


def _parse(values: dict[str, Any], where: str, kind: type[Kind]) -> Kind:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{where}: {_sentence(error, kind)}") from error


def dump_config(config: Section) -> str:
    """YAML that `load_config` reads back to the same configuration."""
    return yaml.safe_dump(config.model_dump(mode="json", by_alias=True), sort_keys=False)


def read_override(override: str) -> tuple[str, Any]:
    """Name and value of `name=value`, the value read as YAML, or as a number where only YAML 1.1 finds none in `1e-3`.

    Raises `InputError` where it is not of this form.
    """
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise InputError(f"--set {override}: write it as name=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override}: {text!r} is no YAML value") from error
    return name, float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


_EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+")


def _override(values: dict[str, Any], override: str) -> None:
    name, value = read_override(override)
    *parents, last = name.split(".")
    for parent in parents:
        below = values.setdefault(parent, {})
        if not isinstance(below, dict):
            raise InputError(f"--set {override}: {parent!r} is a value, not a section")
        values = below
    values[last] = value


def _sentence(error: ValidationError, root: type[Section]) -> str:
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"] if step not in TAGS]
    where = ".".join(steps)
    if first["type"] == "extra_forbidden":
        valid = [f.alias or n for kind in _sections_at(root, first["loc"][:-1]) for n, f in kind.model_fields.items()]
        return f"unknown field {where!r}; {nearest(steps[-1], valid)}"
    if first["type"] == "union_tag_not_found":
        return f"{where}.kind is missing; it is one of {', '.join(map(_tag, _sections_at(root, first['loc'])))}"
    given = "" if first["type"] == "missing" else f" (got {first['input']!r})"
    return f"{where}: {first['msg']}{given}"


def _sections_at(root: type[Section], loc: tuple[int | str, ...]) -> list[Any]:
    """The section types that may stand at `loc`."""
    kinds: list[Any] = [root]
    for step in loc:
        below: list[Any] = []
        for kind in kinds:
            tagged = [k for k in _variants(kind) if step == _tag(k)]
            fields = {(f.alias or n): f for n, f in getattr(kind, "model_fields", {}).items()}
            below += tagged or (_variants(fields[step].annotation) if step in fields else [kind])
        kinds = below
    return kinds


def _variants(annotation: Any) -> list[Any]:
    """The section types inside an annotation: unions, tuples and `Annotated` taken apart."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in getattr(annotation, "__args__", ()) for kind in _variants(part)]


def _tag(kind: Any) -> Any:
    field = kind.model_fields.get("kind")
    return field.annotation.__args__[0] if field else None
