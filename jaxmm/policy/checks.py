"""What a bundle must be before anyone quotes with it: each check refuses with one sentence that says what differs."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.errors import InputError
from jaxmm.features.observation import OBSERVATION
from jaxmm.policy.actions import Actions, DiscreteActions
from jaxmm.policy.network import Choice, Network

FORMATS = {"jaxmm-policy": "a quoter", "jaxmm-model-policy": "a policy for a model with a known answer"}
VERSION = 1
POLICY_FILE = "policy.json"
WEIGHTS_FILE = "weights.npz"
GOLDEN_TOLERANCE = 1e-6
"""How far an output may lie from the learner's own, in units of the largest golden output where that is above 1."""


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or a sentence that it is missing."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; a bundle holds {POLICY_FILE} and {WEIGHTS_FILE}") from error


def policy_format(path: Path) -> str:
    """The format of the bundle in a folder. Raises `InputError` where it is none of ours."""
    return _facts(path / POLICY_FILE)["format"]


def read_policy(path: Path, wanted: str) -> dict[str, Any]:
    """`policy.json`, if it is of the format `wanted` and of this version."""
    facts = _facts(path)
    found = facts["format"]
    if found != wanted:
        raise InputError(f"{path}: {FORMATS[found]}, not {FORMATS[wanted]}")
    if facts.get("version") != VERSION:
        raise InputError(
            f"{path}: format version {facts.get('version')!r}, this program reads {VERSION}; export the policy again"
        )
    return facts


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}); export the policy again") from error
    if not isinstance(facts, dict) or facts.get("format") not in FORMATS:
        raise InputError(f"{path}: not a policy of jaxmm; its format must be one of {', '.join(FORMATS)}")
    return facts


def check_hash(weights: bytes, expected: str) -> None:
    """Refuses weights that are not the ones `policy.json` was written with."""
    found = hashlib.sha256(weights).hexdigest()
    if found != expected:
        raise InputError(
            f"sha256 of {WEIGHTS_FILE} is {found}, {POLICY_FILE} says {expected}: the weights were changed or damaged"
        )


def read_arrays(weights: bytes) -> dict[str, np.ndarray]:
    """The arrays of `weights.npz`; pickled objects are refused."""
    try:
        with np.load(io.BytesIO(weights), allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{WEIGHTS_FILE} is not an archive of plain arrays ({error})") from error


def check_names(names: list[str]) -> None:
    """Refuses an observation whose entries are not ours, in our order."""
    for i, (theirs, ours) in enumerate(zip_longest(names, OBSERVATION)):
        if theirs != ours:
            raise InputError(f"observation {i} is named {theirs!r}, this program observes {ours!r} there; train again")


def check_actions(actions: Actions, network: Network) -> None:
    """Refuses a decoder that does not fit the network's output."""
    outputs = network.output.bias.shape[0]
    discrete = isinstance(actions, DiscreteActions)
    wanted = actions.n if isinstance(actions, DiscreteActions) else actions.shape[0]
    if outputs != wanted or discrete != isinstance(network.head, Choice):
        kind = "choices" if discrete else "numbers"
        raise InputError(f"the network has {outputs} outputs, the actions need {wanted} {kind}")


def check_golden(network: Network, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuses a network that does not reproduce the learner's own outputs."""
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
