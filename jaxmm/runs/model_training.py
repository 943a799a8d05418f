"""Training on a model with a known answer, where every policy has an exact score.

Letters: S seeds · N steps of an episode · I inventories · A entries of the model's action.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.config import ModelConfig
from jaxmm.envs.models import environment_of
from jaxmm.envs.tabulated import Cells
from jaxmm.errors import InputError
from jaxmm.learn import loop
from jaxmm.learn.acting import Policy
from jaxmm.learn.dqn import DQN, DQNConfig
from jaxmm.learn.learner import Learner
from jaxmm.learn.ppo import PPO, PPOConfig
from jaxmm.learn.records import Records
from jaxmm.learn.rollout import within
from jaxmm.learn.tabular_q import TabularQ, TabularQConfig
from jaxmm.markets.models import Model, model_of
from jaxmm.runs.kept import kept_config, load_kept
from jaxmm.runs.task import settings_of
from jaxmm.solve.chain import Score
from jaxmm.solve.registry import solver_of
from jaxmm.solve.solution import Solution, Solvable

LEARNERS: dict[str, tuple[type, type]] = {
    "ppo": (PPO, PPOConfig),
    "dqn": (DQN, DQNConfig),
    "tabular_q": (TabularQ, TabularQConfig),
}


class Judge(NamedTuple):
    """A model, solved: what policies are tabulated over and scored by."""

    model: Model
    solver: Solvable
    solution: Solution

    @classmethod
    def of(cls, model: Model) -> "Judge":
        """Solves the model."""
        solver = solver_of(model)
        return cls(model, solver, solver.solve())

    @property
    def states(self) -> np.ndarray:
        """Inventories, int32 [I] or [I, 2]."""
        columns = [np.asarray(column, np.int32) for column in self.solution.policy.states.values()]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)

    @property
    def steps(self) -> int:
        """N."""
        return next(iter(self.solution.policy.actions.values())).shape[0]

    def observed(self, env: Any, params: Any) -> np.ndarray:
        """What `env` shows at every step and inventory, float32 [N, I, D]."""
        over_states = jax.vmap(env.observe, in_axes=(None, 0, None))
        over_steps = jax.vmap(over_states, in_axes=(0, None, None))
        return np.asarray(over_steps(self._steps_of(params), jnp.asarray(self.states), params))

    def scores(self, learner: Learner, policies: Policy) -> list[Score]:
        """Exact scores of the greedy halves of policies [S, ...]."""
        return [self.solver.score(table) for table in self.tables(learner, policies)]

    def tables(self, learner: Learner, policies: Policy) -> np.ndarray:
        """The greedy halves of policies [S, ...] as tables, float64 [S, N, I, A]."""
        steps = self._steps_of(learner.env_params)
        return np.asarray(_tables(learner, policies, steps, jnp.asarray(self.states)), np.float64)

    def _steps_of(self, params: Any) -> jax.Array:
        """The environment's steps at the times of the solution's rows, int32 [N]; one of continuous time has more."""
        return jnp.asarray(np.arange(self.steps) * int(params.steps) // self.steps, jnp.int32)


@jax.jit
def _tables(learner: Learner, policies: Policy, steps: jax.Array, states: jax.Array) -> jax.Array:
    """What policies [S, ...] do at every step and inventory, float32 [S, N, I, A]."""
    env, params = learner.env, learner.env_params

    def one(policy: Policy, step: jax.Array, inventory: jax.Array) -> jax.Array:
        action = learner.greedy(policy, env.observe(step, inventory, params))
        return env.decode(within(env.action_space(params), action), params)

    over_states = jax.vmap(one, in_axes=(None, None, 0))
    over_steps = jax.vmap(over_states, in_axes=(None, 0, None))
    return jax.vmap(over_steps, in_axes=(0, None, None))(policies, steps, states)


def task_model(config: ModelConfig) -> Model:
    """The model of a configuration. Raises `InputError` where there is none such."""
    return model_of(config.model.name, dict(config.model.settings))


def learner_of(config: ModelConfig) -> Learner:
    """The algorithm on the model's environment. Raises `InputError` on what does not fit."""
    model, (learner, settings) = task_model(config), LEARNERS[config.learner.algorithm]
    env, params = environment_of(model, discrete=None if config.learner.algorithm == "ppo" else True)
    if config.learner.algorithm == "tabular_q":
        steps, most = getattr(model, "N", None) or getattr(model, "T", None), getattr(model, "Q", None)
        if steps is None or most is None or config.model.name == "tri-dt":
            raise InputError(f"tabular_q: the model {config.model.name} has no table of one bounded inventory")
        env = Cells(env, int(steps), int(most))
    return learner(env, params, settings_of(settings, config.learner))


def train_model(config: ModelConfig, run_dir: Path, *, resume: bool = False, progress: bool = True) -> dict[str, Any]:
    """Trains all seeds into `run_dir` and returns the exact score of each seed's last policy."""
    with kept_config(config, run_dir, resume):
        learner, judge = learner_of(config), Judge.of(task_model(config))
    done = loop.train(
        learner,
        seeds=config.train.seeds,
        total_steps=config.train.total_steps,
        run_dir=run_dir,
        settings=config.model_dump(mode="json", by_alias=True),
        validate=partial(_validate, judge, learner),
        validate_every=config.train.validate_every,
        patience=config.train.patience,
        checkpoint_every=config.train.checkpoint_every,
        resume=resume,
        progress=progress,
    )
    return {"run": str(run_dir), "model": judge.model.name, **_answer(config, judge, learner, done, run_dir)}


def score_run(run_dir: Path, model: Model | None = None, seed: int | None = None) -> dict[str, Any]:
    """The exact scores of a run's last policies on its own model, or on another with the same action.

    `J`, `sd` and `ratio` are those of `seed`, or of the seed that did worst: what is claimed of a run holds for all.
    Raises `InputError` where the folder is no run on a model.
    """
    config = load_kept(run_dir)
    if not isinstance(config, ModelConfig):
        raise InputError(f"{run_dir}: a run on a tape; `jaxmm evaluate {run_dir}` scores it")
    learner, judge = learner_of(config), Judge.of(model or task_model(config))
    return _answer(config, judge, learner, loop.load(learner, run_dir), run_dir, seed)


def _validate(judge: Judge, learner: Learner, policies: Policy) -> dict[str, Any]:
    scores = judge.scores(learner, policies)
    star = judge.solution.J_star
    return {
        "score": np.array([score.mean for score in scores]),
        "ratio": np.array([score.mean / star for score in scores]),
        "sd": np.array([score.sd for score in scores]),
    }


def _answer(
    config: ModelConfig, judge: Judge, learner: Learner, done: loop.Progress, run_dir: Path, seed: int | None = None
) -> dict[str, Any]:
    seeds, star = list(config.train.seeds), judge.solution.J_star
    if seed is not None and seed not in seeds:
        raise InputError(f"{run_dir}: no seed {seed} in this run; it has {', '.join(map(str, seeds))}")
    scores = judge.scores(learner, learner.policy(done.state))
    rows = [{"seed": s, **row(score, star)} for s, score in zip(seeds, scores, strict=True)]
    told = min(rows, key=lambda row: row["J"]) if seed is None else rows[seeds.index(seed)]
    line = Records(run_dir).last()
    return {**told, "seeds": rows, "env_steps": line["env_steps"], "wall_s": line["wall_s"]}


def row(score: Score, star: float) -> dict[str, float]:
    """What is said of a policy."""
    return {"J": score.mean, "sd": score.sd, "J_star": star, "ratio": score.mean / star}
