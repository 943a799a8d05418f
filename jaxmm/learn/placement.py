"""Where each array of a run lives: one mesh axis over all local devices, which is also the code for one device.

Letters: S seeds, N environments of a seed.
"""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxmm.learn.learner import Learner


def local_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """A mesh with the one axis "devices"; all local ones unless told."""
    devices = jax.local_devices() if devices is None else devices
    return Mesh(np.array(devices), ("devices",), axis_types=(AxisType.Auto,))


def state_sharding(learner: Learner, state: Any, mesh: Mesh) -> Any:
    """Shardings of a learner's state [S, ...] (arrays or their shapes).

    Seeds are spread over the devices where they divide evenly, else each seed's environments; else all is replicated.
    """
    seeds = jax.tree.leaves(state)[0].shape[0]
    replicated = NamedSharding(mesh, PartitionSpec())
    if seeds % mesh.size == 0:
        return jax.tree.map(lambda _: NamedSharding(mesh, PartitionSpec("devices")), state)
    shardings = jax.tree.map(lambda _: replicated, state)
    if learner.config.num_envs % mesh.size:
        return shardings
    spread = NamedSharding(mesh, PartitionSpec(None, "devices"))
    return shardings._replace(runner=jax.tree.map(lambda _: spread, state.runner))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of what every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())
