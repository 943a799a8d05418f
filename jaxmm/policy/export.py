"""Writing a policy bundle: the parts that a learner hands over, checked by loading what was written."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.errors import InputError
from jaxmm.features.observation import OBSERVATION
from jaxmm.instrument import Instrument
from jaxmm.policy.actions import Actions
from jaxmm.policy.bundle import FORMAT, POLICY_FILE, VERSION, WEIGHTS_FILE, Bundle, Observing, Provenance


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
        "version": VERSION,
        "observation": list(OBSERVATION),
        "observing": asdict(observing),
        "normaliser": "clip((observation − normaliser/mean) / √(normaliser/var + eps), ±clip); numbers in network",
        "network": dict(network),
        "actions": actions.describe(),
        "instrument": instrument.to_dict(),
        **asdict(provenance),
    }
    with _whole_folder(Path(path)) as partial:
        np.savez(partial / WEIGHTS_FILE, **arrays)  # type: ignore[arg-type]  # mypy takes an array for allow_pickle
        sha256 = hashlib.sha256((partial / WEIGHTS_FILE).read_bytes()).hexdigest()
        facts["sha256"] = {WEIGHTS_FILE: sha256}
        (partial / POLICY_FILE).write_text(_json(facts))
        return Bundle.load(partial)


def _json(facts: dict[str, Any]) -> str:
    try:
        return json.dumps(facts, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"bundle: its facts are not plain finite values ({error})") from error


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all went well, and nothing otherwise; only an older bundle is replaced."""
    if out.exists() and not (out / POLICY_FILE).is_file():
        raise InputError(f"{out}: exists and holds no {POLICY_FILE}; name a new folder or remove this one")
    partial, old = out.with_name(out.name + ".partial"), out.with_name(out.name + ".old")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        partial.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}; free some space or name another folder") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
