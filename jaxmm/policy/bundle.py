"""A learned policy as a folder that numpy alone can read: `policy.json` and `weights.npz`, checked and self-testing.

The bundle carries everything a decision needs: names of the observation, normaliser, network, the meaning of actions,
the instrument and how the market was observed. Golden vectors, observations with the outputs of the learner's own
network, travel with the weights and are reproduced on every load.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.features.observation import OBSERVATION, observation
from jaxmm.instrument import Instrument
from jaxmm.policy.actions import Actions, DiscreteActions, from_description
from jaxmm.policy.network import Choice, Dueling, Network, network_from
from jaxmm.policy.types import Array, Quotes, View, within_position

FORMAT = "jaxmm-policy"
VERSION = 1
POLICY_FILE = "policy.json"
WEIGHTS_FILE = "weights.npz"
GOLDEN_TOLERANCE = 1e-6
"""How far an output may lie from the learner's own, in units of the largest golden output where that is above 1."""


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
        path = Path(path)
        facts = _read_policy(path / POLICY_FILE)
        weights = _read(path / WEIGHTS_FILE)
        try:
            _check_hash(weights, facts["sha256"][WEIGHTS_FILE])
            arrays = _arrays(weights)
            bundle = _assemble(facts, arrays)
            _check_golden(bundle.policy.network, arrays)
        except KeyError as error:
            raise InputError(f"{path}: {error} is missing; export the policy again") from error
        except (TypeError, ValueError) as error:  # an InputError is a ValueError
            raise InputError(f"{path}: {error}") from error
        return bundle

    def action(self, observation: np.ndarray) -> np.ndarray:
        """The greedy action, int32 or float32 [A], of one observation float32 [D]."""
        return self.policy.network.act(observation, np)

    def quote(self, view: View, xp: ModuleType = np) -> Quotes:
        """Quotes for one view."""
        return self.policy.quote(view, xp)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; a bundle holds {POLICY_FILE} and {WEIGHTS_FILE}") from error


def _read_policy(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(_read(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}); export the policy again") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{path}: not a policy of jaxmm; its format must be {FORMAT!r}")
    if facts.get("version") != VERSION:
        raise InputError(
            f"{path}: format version {facts.get('version')!r}, this program reads {VERSION}; export the policy again"
        )
    return facts


def _check_hash(weights: bytes, expected: str) -> None:
    found = hashlib.sha256(weights).hexdigest()
    if found != expected:
        raise InputError(
            f"sha256 of {WEIGHTS_FILE} is {found}, {POLICY_FILE} says {expected}: the weights were changed or damaged"
        )


def _arrays(weights: bytes) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(weights), allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{WEIGHTS_FILE} is not an archive of plain arrays ({error})") from error


def _assemble(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Bundle:
    _check_names(facts["observation"])
    network = network_from(facts["network"], arrays)
    actions = from_description(facts["actions"])
    _check_actions(actions, network)
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


def _check_names(names: list[str]) -> None:
    for i, (theirs, ours) in enumerate(zip_longest(names, OBSERVATION)):
        if theirs != ours:
            raise InputError(f"observation {i} is named {theirs!r}, this program observes {ours!r} there; train again")


def _check_actions(actions: Actions, network: Network) -> None:
    outputs = (network.output.advantage if isinstance(network.output, Dueling) else network.output).bias.shape[0]
    discrete = isinstance(actions, DiscreteActions)
    wanted = actions.n if isinstance(actions, DiscreteActions) else actions.shape[0]
    if outputs != wanted or discrete != isinstance(network.head, Choice):
        kind = "choices" if discrete else "numbers"
        raise InputError(f"the network has {outputs} outputs, the actions need {wanted} {kind}")


def _check_golden(network: Network, arrays: Mapping[str, np.ndarray]) -> None:
    observations, outputs = arrays["golden/observation"], arrays["golden/output"]
    if observations.dtype != np.float32 or observations.ndim != 2 or not len(observations):
        raise InputError("golden/observation must be float32 [G, D] with at least one row")
    ours = np.stack([network.forward(row, np) for row in observations])
    if outputs.dtype != np.float32 or outputs.shape != ours.shape:
        raise InputError(f"golden/output is {outputs.dtype}{outputs.shape}; it must be float32{ours.shape}")
    allowed = GOLDEN_TOLERANCE * max(1.0, float(np.abs(outputs).max()))
    off = float(np.abs(ours - outputs).max())
    if not off <= allowed:
        raise InputError(
            f"the golden vectors come out {off:.1e} off, {allowed:.1e} is allowed; export the policy again"
        )
