"""The quoting environments beside their exact solutions: every policy that the reference page has numbers for."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.models import environment_of
from jaxmm.envs.simulate import Act, paths_of
from jaxmm.markets.models import Model, model_of
from jaxmm.solve.registry import solver_of
from jaxmm.solve.spm import SpmSolver


class Row(NamedTuple):
    """A policy in an environment, and the exact moments of its return."""

    model: str
    gamma: float | None
    policy: str
    mean: float
    sd: float
    sd_of_inventory: float | None = None


ROWS = (
    Row("as-2008", 0.1, "inventory", 64.8925, 6.5432, 2.9268),
    Row("as-2008", 0.1, "symmetric", 68.2228, 13.4558, 8.3994),
    Row("as-2008", 0.01, "inventory", 68.3996, 8.9606, 5.2125),
    Row("as-2008", 0.01, "symmetric", 68.6661, 13.6775, 8.7117),
    *(Row(name, None, policy, 0.0, 0.0) for name in ("rl-a", "rl-b") for policy in ("optimal", "constant", "random")),
    Row("spm", None, "cj", 0.132556, 0.070852),
    Row("spm", None, "cj_rounded", 0.128127, 0.075779),
    Row("spm", None, "constant", 0.098304, 0.079144),
    Row("spm", None, "random", 0.062704, 0.095447),
)
"""Of CJ-DT the solver gives the moments, whose means are the page's to its printed digits."""


def simulated(paths: int) -> Iterator[tuple[Row, float, str]]:
    """Each row with its distance from the exact mean in standard errors, and its figures."""
    for seed, row in enumerate(ROWS):
        model = model_of(row.model, {} if row.gamma is None else {"gamma": row.gamma})
        solver: Any = solver_of(model)
        if row.model.startswith("rl"):
            row = row._replace(**solver.solve().scores[row.policy]._asdict())
        env, params = environment_of(model, discrete=False if row.model == "spm" else None)
        found = paths_of(env, params, _acting(env, model, solver, row.policy), paths=paths, seed=seed)
        errors = (found.returned.mean() - row.mean) / (row.sd / np.sqrt(len(found.returned)))
        figures = (
            f"{found.returned.mean():.5f} beside {row.mean:.5f}, {errors:+.2f} errors; "
            f"sd {found.returned.std():.5f} beside {row.sd:.5f}"
        )
        if row.sd_of_inventory:
            figures += f"; sd of q {found.final.inventory.std():.4f} beside {row.sd_of_inventory:.4f}"
        yield row, float(errors), figures


def _acting(env: Any, model: Model, solver: Any, policy: str) -> Act:
    """What the policy does in a state, from the solver's table of it or at random."""
    if policy == "random":
        return lambda key, state, params: env.encode(_random(key, model), params)
    table = jnp.asarray(_table(solver, policy), jnp.float32)
    flat = table.shape[1] // 2

    def act(key: jax.Array, state: Any, params: Any) -> jax.Array:
        del key
        return env.encode(table[state.step, jnp.clip(state.inventory + flat, 0, 2 * flat)], params)

    return act


def _random(key: jax.Array, model: Any) -> jax.Array:
    if isinstance(solver_of(model), SpmSolver):
        return jax.random.randint(key, (2,), 0, model.depths + 1).astype(jnp.float32)
    return jax.random.uniform(key, (2,), maxval=model.d_max)


def _table(solver: Any, policy: str) -> np.ndarray:
    """Depths [N, S, 2], ticks of SPM."""
    shape = (getattr(solver.model, "N", None) or solver.model.T, len(solver.inventory), 2)
    if policy == "optimal":
        return np.stack([*solver.solve().policy.actions.values()], axis=-1)
    if policy == "constant":
        facts = solver.solve().facts
        return np.full(shape, facts.get("constant_depth", facts.get("constant_ticks")))
    tables = {
        "inventory": "quotes",
        "symmetric": "symmetric",
        "cj": "continuous_ticks",
        "cj_rounded": "continuous_ticks",
    }
    table = np.broadcast_to(getattr(solver, tables[policy])(), shape)
    return np.round(table) if policy == "cj_rounded" else table
