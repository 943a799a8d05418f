"""From a configuration to what it describes: strategies by name, bundles from disk, the core around them."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from jaxmm.errors import InputError
from jaxmm.exchange.types import OrderType
from jaxmm.features.clock import parse_clock
from jaxmm.instrument import Instrument
from jaxmm.live.config import (
    AnyQuoter,
    Baseline,
    BoundedQuoter,
    BundleQuoter,
    EnsembleQuoter,
    Observing,
    QuoteConfig,
    StrategyQuoter,
)
from jaxmm.live.core import Core, Settings
from jaxmm.live.decider import Bounds, Decider
from jaxmm.live.journal.market import MARKET
from jaxmm.live.journal.reading import last_rows
from jaxmm.live.journal.rows import Row
from jaxmm.live.messages import Request
from jaxmm.live.observer import Observer
from jaxmm.live.orders import Desk, Ledger, OrderManager
from jaxmm.live.quoters import Bounded, CheckedPolicy, Ensemble, Widened
from jaxmm.live.risk import Memory, Risk
from jaxmm.live.risk.dissimilarity import Dissimilarity
from jaxmm.live.risk.limits import MS
from jaxmm.live.risk.memory import RISK
from jaxmm.live.rollout import Memory as RolloutMemory
from jaxmm.live.rollout import Rollout, Staging, first_memory
from jaxmm.live.way_out import WayOut
from jaxmm.policy.bundle import Bundle
from jaxmm.policy.checks import POLICY_FILE
from jaxmm.policy.types import Quoter, orders_of
from jaxmm.strategies.registry import strategy_from

_MEANING = ("symbol", "tick_size", "lot_size", "kind", "contract_size")


@dataclasses.dataclass(frozen=True)
class Quoters:
    """Who decides, and how the market is looked at."""

    primary: Quoter
    baseline: Quoter | None
    bundles: tuple[Bundle, ...]  # of the learned policies among them
    hashes: tuple[str, ...]  # sha256 of their `policy.json`, which holds that of the weights
    observing: Observing


def quoters_of(config: QuoteConfig, instrument: Instrument) -> Quoters:
    """The quoters of a configuration.

    Raises `InputError` on an unknown strategy, on a bundle that cannot be read, that trades another instrument or looks
    at the market otherwise than configured, and where ladders stand inside a composition.
    """
    maker = _Maker(instrument)
    primary, baseline = maker.quoter(config.quoter), _baseline(config.baseline)
    if baseline is not None and orders_of(baseline) > orders_of(primary):
        raise InputError("baseline: it quotes a ladder, the quoter one order a side; name one that does so too")
    return Quoters(
        primary,
        baseline,
        tuple(maker.bundles),
        tuple(maker.hashes),
        _observing(config.observing, maker.bundles),
    )


def core_of(
    config: QuoteConfig,
    quoters: Quoters,
    desk: Desk,
    submit: Callable[[Request], None],
    observer: Observer,
    perf_ns: Callable[[], int] = time.perf_counter_ns,
    *,
    live: bool = False,
) -> Core:
    """The core of a configuration; risk and rollout go on from what the journal remembers.

    Raises `InputError` where the rollout does not let a live quoter begin.
    """
    deciding, observing, limits = config.deciding, quoters.observing, config.risk
    bounds = Bounds(limits.max_order_lots, deciding.max_distance_ticks)
    decider = Decider(
        quoters.primary,
        quoters.baseline,
        bounds,
        timeout_ns=int(deciding.timeout_ms * MS),
        recover_after=deciding.recover_after,
        perf_ns=perf_ns,
    )
    rows = [row for row in desk.journal.since_state() if row.kind != MARKET]
    staging = Staging(_rollout(config, rows, live), live=live)
    if staging.hindrance is not None:
        raise InputError(f"rollout: {staging.hindrance}")
    in_force = staging.rollout.limits if staging.rollout else limits
    risk = Risk(in_force, desk.manager.ledger.instrument, Memory.recovered(rows))
    desk.others = lambda: {RISK: risk.memory.to_dict(), **staging.state()}
    settings = Settings(
        clock=parse_clock(observing.clock),
        levels=observing.levels,
        max_position_lots=observing.max_position_lots,
        distance_ticks=observing.distance_ticks,
        max_lateness_ns=int(deciding.max_lateness_ms * MS),
        chores_ns=int(config.pace.tick_ms * MS),
        checkpoint_ns=int(config.pace.checkpoint_s * 1000 * MS),
        compare_ns=int(config.pace.compare_s * 1000 * MS),
    )
    unlike = Dissimilarity.of_network(quoters.bundles[0].policy.network).of if quoters.bundles else None
    return Core(settings, decider, WayOut(desk, risk, submit, observer, staging), observer, unlike)


def order_manager(config: QuoteConfig, quoters: Quoters, instrument: Instrument, *, can_amend: bool) -> OrderManager:
    """The order manager of a configuration, knowing of no orders yet."""
    count = max(orders_of(quoter) for quoter in (quoters.primary, quoters.baseline) if quoter is not None)
    order_type = OrderType.parse(config.order_type)
    return OrderManager(
        config.name, Ledger(instrument), count=count, order_type=order_type, can_amend=can_amend, reduce_only=True
    )


def _rollout(config: QuoteConfig, rows: Iterable[Row], live: bool) -> Rollout | None:
    """Where the journal, or else the paper quoter's promotion, says that the rollout stands."""
    stages = config.rollout
    if stages is None:
        return None
    memory = RolloutMemory.recovered(rows)
    if memory is None:
        after = None if stages.after is None else RolloutMemory.recovered(last_rows(stages.after))
        memory = first_memory(stages, live, after)
    return Rollout(stages, config.risk, memory)


class _Maker:
    """Makes quoters and remembers the bundles that it read."""

    def __init__(self, instrument: Instrument) -> None:
        self.bundles: list[Bundle] = []
        self.hashes: list[str] = []
        self._instrument = instrument

    def quoter(self, section: AnyQuoter) -> Quoter:
        if isinstance(section, StrategyQuoter):
            return strategy_from(section.name, section.settings)
        if isinstance(section, BundleQuoter):
            return self._policy(section.path)
        if isinstance(section, BoundedQuoter):
            return Bounded(*(self._single(part, "quoter.bounded") for part in (section.proposes, section.bounds)))
        assert isinstance(section, EnsembleQuoter)
        return Ensemble(tuple(self._single(part, "quoter.members") for part in section.members))

    def _single(self, section: StrategyQuoter | BundleQuoter, where: str) -> Quoter:
        quoter = self.quoter(section)
        if orders_of(quoter) > 1:
            raise InputError(f"{where}: {section} quotes a ladder; inside a composition quote one order a side")
        return quoter

    def _policy(self, path: str) -> Quoter:
        bundle = Bundle.load(path)
        for name in _MEANING:
            theirs, ours = getattr(bundle.instrument, name), getattr(self._instrument, name)
            if theirs != ours:
                raise InputError(
                    f"{path}: the bundle was trained on {name} {theirs!r}, the instrument file says {ours!r}; "
                    "quote what it was trained on"
                )
        self.bundles.append(bundle)
        self.hashes.append(hashlib.sha256((Path(path) / POLICY_FILE).read_bytes()).hexdigest())
        return CheckedPolicy(bundle.policy)


def _baseline(section: Baseline | None) -> Quoter | None:
    if section is None:
        return None
    return Widened(strategy_from(section.name, section.settings), section.wider_ticks)


def _observing(given: Observing | None, bundles: list[Bundle]) -> Observing:
    """As configured, or as the bundles were trained; all of them alike."""
    trained = [Observing(**dataclasses.asdict(bundle.observing)) for bundle in bundles]
    chosen = given or (trained[0] if trained else Observing())
    for one in trained:
        if one != chosen:
            raise InputError(f"observing: a bundle was trained with {one}, here it would be {chosen}; leave it out")
    return chosen
