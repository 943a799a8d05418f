"""A policy for a model with a known answer as a folder that numpy alone reads; `jaxmm score` gives its exact return.

Its observation and the meaning of its actions are the model environment's own (`jaxmm.envs.tabulated`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.errors import InputError
from jaxmm.policy.folder import load_checked, write_checked
from jaxmm.policy.network import Network

FORMAT = "jaxmm-model-policy"


@dataclass(frozen=True)
class ModelBundle:
    """A loaded policy."""

    network: Network
    model: str  # a model or preset of `jaxmm.markets.models`
    settings: Mapping[str, Any]  # the model's parameters that differ
    training: Mapping[str, Any]  # the run: config, seed, steps, versions
    scores: Mapping[str, float]  # its exact score when it was exported

    @classmethod
    def load(cls, path: str | Path) -> "ModelBundle":
        """Reads and checks a bundle. Raises `InputError` saying what is missing, or differs from what it should be."""
        return load_checked(path, FORMAT, _assemble)

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Greedy actions, int32 [...] or float32 [..., A], of observations float32 [..., D]."""
        if observations.shape[-1] != len(self.network.mean):
            raise InputError(
                f"the policy was trained on {self.model} and reads {len(self.network.mean)} observations, "
                f"this model has {observations.shape[-1]}"
            )
        return self.network.act(observations, np)


def write_model_bundle(
    path: str | Path,
    *,
    network: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    golden: tuple[np.ndarray, np.ndarray],
    model: str,
    settings: Mapping[str, Any],
    training: Mapping[str, Any],
    scores: Mapping[str, float],
) -> ModelBundle:
    """Writes a bundle folder, all of it or nothing; arguments as of `write_bundle` and `ModelBundle`."""
    facts = {
        "format": FORMAT,
        "network": dict(network),
        "model": {"name": model, "settings": dict(settings)},
        "training": dict(training),
        "scores": dict(scores),
    }
    arrays = {**weights, "golden/observation": golden[0], "golden/output": golden[1]}
    return write_checked(path, facts, arrays, ModelBundle.load)


def _assemble(facts: Mapping[str, Any], network: Network) -> ModelBundle:
    model = facts["model"]
    return ModelBundle(network, model["name"], model["settings"], facts["training"], facts["scores"])
