"""The folder of an exported policy: `policy.json` and `weights.npz`, written whole, hashed and self-testing."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jaxmm.errors import InputError
from jaxmm.files import whole_folder
from jaxmm.policy.checks import (
    POLICY_FILE,
    VERSION,
    WEIGHTS_FILE,
    check_golden,
    check_hash,
    read_arrays,
    read_bytes,
    read_policy,
)
from jaxmm.policy.network import Network, network_from

Loaded = TypeVar("Loaded")


def load_checked(path: str | Path, format: str, assemble: Callable[[Mapping[str, Any], Network], Loaded]) -> Loaded:
    """What `assemble` makes of the facts and the network of a folder whose hash and golden vectors are right.

    Raises `InputError` saying what is missing, or differs from what it should be.
    """
    path = Path(path)
    facts = read_policy(path / POLICY_FILE, format)
    weights = read_bytes(path / WEIGHTS_FILE)
    try:
        check_hash(weights, facts["sha256"][WEIGHTS_FILE])
        arrays = read_arrays(weights)
        network = network_from(facts["network"], arrays)
        loaded = assemble(facts, network)
        check_golden(network, arrays)
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing; export the policy again") from error
    except (TypeError, ValueError) as error:  # an InputError is a ValueError
        raise InputError(f"{path}: {error}") from error
    return loaded


def write_checked(
    path: str | Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray], load: Callable[[Path], Loaded]
) -> Loaded:
    """Writes the folder, all of it or nothing, and returns what `load` reads there. Raises what `load` raises."""
    with whole_folder(path, POLICY_FILE) as partial:
        np.savez(partial / WEIGHTS_FILE, **arrays)  # type: ignore[arg-type]  # mypy takes an array for allow_pickle
        sha256 = hashlib.sha256((partial / WEIGHTS_FILE).read_bytes()).hexdigest()
        whole = {**facts, "version": VERSION, "sha256": {WEIGHTS_FILE: sha256}}
        (partial / POLICY_FILE).write_text(_json(whole), encoding="utf-8")
        return load(partial)


def _json(facts: dict[str, Any]) -> str:
    try:
        return json.dumps(facts, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"bundle: its facts are not plain finite values ({error})") from error
