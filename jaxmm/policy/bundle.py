"""A learned policy as a folder that numpy alone can read: `policy.json` and `weights.npz`, checked and self-testing.

The bundle carries everything a decision needs: names of the observation, normaliser, network, the meaning of actions,
the instrument and how the market was observed. Golden vectors, observations with the outputs of the learner's own
network, travel with the weights and are reproduced on every load.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.features.observation import OBSERVATION, observation
from jaxmm.instrument import Instrument
from jaxmm.policy.actions import Actions, from_description
from jaxmm.policy.checks import check_actions, check_names
from jaxmm.policy.folder import load_checked, write_checked
from jaxmm.policy.network import Network
from jaxmm.policy.types import Array, Quotes, View, within_position

FORMAT = "jaxmm-policy"


class Policy(NamedTuple):
    """The quoter in a bundle: a tree of arrays, so that a jitted backtest can take it as an argument."""

    network: Network
    actions: Actions
    max_position_lots: Array  # int32
    distance_ticks: Array  # float32

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Observation, network, greedy action, quotes within the position limit."""
        seen = observation(view, self.max_position_lots, self.distance_ticks, xp)
        quotes = self.actions.decode(self.network.act(seen, xp), view, xp)
        return within_position(quotes, view.position_lots, self.max_position_lots, xp)


@dataclass(frozen=True)
class Observing:
    """How the market has to be looked at, so that observations mean what they meant in training."""

    clock: str  # decision clock, such as `100ms`
    levels: int  # book levels a side, K
    max_position_lots: int  # the position limit, and the position that observations count as 1
    distance_ticks: float  # distance from the mid that observations count as 1


@dataclass(frozen=True)
class Provenance:
    """Where a policy comes from: plain values, for people and reports."""

    training: Mapping[str, Any]  # the run: config, seed, steps, versions
    data: Mapping[str, Any]  # the store and the span it was trained on
    scores: Mapping[str, Any]  # what it scored, and on what


@dataclass(frozen=True)
class Bundle:
    """A loaded policy."""

    policy: Policy
    instrument: Instrument
    observing: Observing
    provenance: Provenance

    @classmethod
    def load(cls, path: str | Path) -> "Bundle":
        """Reads and checks a bundle. Raises `InputError` saying what is missing, or differs from what it should be."""
        return load_checked(path, FORMAT, _assemble)

    def action(self, observation: np.ndarray) -> np.ndarray:
        """The greedy action, int32 or float32 [A], of one observation float32 [D]."""
        return self.policy.network.act(observation, np)

    def quote(self, view: View, xp: ModuleType = np) -> Quotes:
        """Quotes for one view."""
        return self.policy.quote(view, xp)


def write_bundle(
    path: str | Path,
    *,
    network: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    golden: tuple[np.ndarray, np.ndarray],
    actions: Actions,
    instrument: Instrument,
    observing: Observing,
    provenance: Provenance,
) -> Bundle:
    """Writes a bundle folder, all of it or nothing, and returns it as loaded from there.

    Args:
        path: the new folder; an older bundle there is replaced.
        network: the learner's description, as `network_from` reads it.
        weights: float32 arrays by `layer/kernel`, `layer/bias`, `normaliser/mean`, `normaliser/var`.
        golden: observations float32 [G, D] and the learner's outputs for them, float32 [G, A].
        actions: the decoder.
        instrument: what was traded.
        observing: how the market was looked at.
        provenance: where the policy comes from.

    Raises `InputError` where the parts do not fit each other: then nothing is written.
    """
    arrays = {**weights, "golden/observation": golden[0], "golden/output": golden[1]}
    facts = {
        "format": FORMAT,
        "observation": list(OBSERVATION),
        "observing": asdict(observing),
        "normaliser": "clip((observation − normaliser/mean) / √(normaliser/var + eps), ±clip); numbers in network",
        "network": dict(network),
        "actions": actions.describe(),
        "instrument": instrument.to_dict(),
        **asdict(provenance),
    }
    return write_checked(path, facts, arrays, Bundle.load)


def _assemble(facts: Mapping[str, Any], network: Network) -> Bundle:
    check_names(facts["observation"])
    actions = from_description(facts["actions"])
    check_actions(actions, network)
    if len(network.mean) != len(OBSERVATION):
        raise InputError(f"the network reads {len(network.mean)} observations, their names are {len(OBSERVATION)}")
    observing = Observing(**facts["observing"])
    limit, distance = np.int32(observing.max_position_lots), np.float32(observing.distance_ticks)
    if limit < 1 or not distance > 0:
        raise InputError(f"observing: max_position_lots {limit} and distance_ticks {distance} must be above zero")
    return Bundle(
        policy=Policy(network, actions, limit, distance),
        instrument=Instrument.from_dict(facts["instrument"]),
        observing=observing,
        provenance=Provenance(facts["training"], facts["data"], facts["scores"]),
    )
