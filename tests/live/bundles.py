"""A small learned policy on disk, written without JAX."""

import numpy as np

from jaxmm.features.observation import OBSERVATION
from jaxmm.policy.actions import DiscreteActions
from jaxmm.policy.bundle import Observing, Provenance, write_bundle
from jaxmm.policy.network import network_from

D = len(OBSERVATION)
OBSERVING = Observing(clock="100ms", levels=20, max_position_lots=10, distance_ticks=10.0)


def bundle(path, instrument, seed=0, observing=OBSERVING):
    """A network of one hidden layer with random weights that joins the touch or stands back by some ticks."""
    rng = np.random.default_rng(seed)
    actions = DiscreteActions.grid([0, 1, 2], [0, 1, 2], [1])

    def numbers(*shape):
        return rng.normal(size=shape).astype(np.float32)

    weights = {
        "normaliser/mean": np.zeros(D, np.float32),
        "normaliser/var": np.ones(D, np.float32),
        "actor_0/kernel": numbers(D, 16),
        "actor_0/bias": numbers(16),
        "actor_out/kernel": numbers(16, actions.n),
        "actor_out/bias": np.where(np.arange(actions.n) < actions.n - 2, 0, -100).astype(np.float32),
    }
    network = {
        "kind": "actor_critic", "head": "categorical", "hidden": [16], "activation": "tanh", "dueling": False,
        "observations": D, "actions": actions.n, "low": [], "high": [], "clip": 10.0, "eps": 1e-8,
    }  # fmt: skip
    seen = numbers(8, D)
    golden = seen, network_from(network, weights).forward(seen, np)
    return write_bundle(
        path,
        network=network,
        weights=weights,
        golden=golden,
        actions=actions,
        instrument=instrument,
        observing=observing,
        provenance=Provenance({}, {}, {}),
    )
