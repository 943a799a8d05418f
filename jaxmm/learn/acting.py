"""What acts, as the exporter takes it: a description of the network, its weights and the normaliser, in numpy."""

from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from jaxmm.learn.networks import Params
from jaxmm.learn.normaliser import CLIP, EPS, RunningStats
from jaxmm.learn.rollout import spaces_of


class Policy(NamedTuple):
    """The part of any learner's state that acts; [...] or [S, ...] with a seed axis."""

    params: Params
    observations: RunningStats


class Acting(NamedTuple):
    """A policy's greedy half: argmax of logits or action values, or the mean clipped into the space."""

    description: dict[str, Any]  # JSON values: kind, head, hidden, activation, dueling, actions, low, high, clip, eps
    weights: dict[str, np.ndarray]  # float32 by "layer/kernel", "layer/bias", "normaliser/mean", "normaliser/var"


def describe(learner: Any, *, kind: str, head: str, dueling: bool = False) -> dict[str, Any]:
    """The description of a learner's acting network; `low` and `high` are empty where actions are discrete."""
    observations, actions, continuous = spaces_of(learner.env, learner.env_params)
    space = learner.env.action_space(learner.env_params)
    bounds = [np.broadcast_to(np.asarray(x), (actions,)) for x in (space.low, space.high)] if continuous else [(), ()]
    return {
        "kind": kind,
        "head": head,
        "hidden": list(learner.config.hidden),
        "activation": learner.config.activation,
        "dueling": dueling,
        "observations": observations,
        "actions": actions,
        "low": [float(x) for x in bounds[0]],
        "high": [float(x) for x in bounds[1]],
        "clip": CLIP,
        "eps": EPS,
    }


def acting_weights(policy: Policy, seed: int, *layers: str) -> dict[str, np.ndarray]:
    """Seed `seed`'s weights of the layers whose names begin with one of `layers`, and its normaliser."""
    flat = flatten_dict(policy.params, sep="/") | {
        "normaliser/mean": policy.observations.mean,
        "normaliser/var": policy.observations.var,
    }
    return {
        name: np.asarray(jax.device_get(value[seed]), np.float32)
        for name, value in flat.items()
        if name.startswith((*layers, "normaliser/"))
    }
