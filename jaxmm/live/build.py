"""From a configuration to quoters: strategies by name, bundles from disk, and what they are made into together."""

import dataclasses
import hashlib
from pathlib import Path

from jaxmm.errors import InputError
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
from jaxmm.live.quoters import Bounded, CheckedPolicy, Ensemble, Widened
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
    primary = maker.quoter(config.quoter)
    return Quoters(
        primary,
        _baseline(config.baseline),
        tuple(maker.bundles),
        tuple(maker.hashes),
        _observing(config.observing, maker.bundles),
    )


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
