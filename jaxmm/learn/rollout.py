"""Acting in many environments at once inside one compiled loop, keeping what an episode's end would hide.

Letters: T steps, N environments, D observation entries, A entries of a continuous action.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError

Act = Callable[[jax.Array, jax.Array], jax.Array]  # (key, observations [N, D]) -> actions [N, ...]
Metrics = dict[str, jax.Array]  # float32 [] by name


class Runner(NamedTuple):
    """N environments in the middle of their episodes."""

    observation: jax.Array  # float32 [N, D]
    state: Any  # the environment's own, leaves [N, ...]
    discounted_return: jax.Array  # float32 [N], Σ γ^(age) r since the episode began
    episode_return: jax.Array  # float32 [N], Σ r since the episode began
    episode_length: jax.Array  # int32 [N]


class Transition(NamedTuple):
    """One step of one environment; a rollout stacks them to [T, N, ...]."""

    observation: jax.Array  # [D], what was acted on
    action: jax.Array  # [] int32 or [A] float32, before clipping into the space
    reward: jax.Array  # []
    terminated: jax.Array  # [] bool
    truncated: jax.Array  # [] bool
    next_observation: jax.Array  # [D], what was reached, before any reset
    discounted_return: jax.Array  # [], including this reward


def spaces_of(env: Any, env_params: Any) -> tuple[int, int, bool]:
    """Observation entries D, actions A, and whether actions are continuous. Refuses what no learner here can use."""
    observations, actions = env.observation_space(env_params), env.action_space(env_params)
    if len(getattr(observations, "shape", ())) != 1:
        raise InputError(f"{type(env).__name__} observes {observations!r}; learners need a flat Box of shape (D,)")
    if hasattr(actions, "n"):
        return observations.shape[0], actions.n, False
    if len(getattr(actions, "shape", ())) != 1:
        raise InputError(f"{type(env).__name__} acts in {actions!r}; learners need Discrete or a Box of shape (A,)")
    return observations.shape[0], actions.shape[0], True


def within(space: Any, action: jax.Array) -> jax.Array:
    """The action as the environment takes it: clipped into a Box, unchanged for Discrete."""
    return action if hasattr(space, "n") else jnp.clip(action, space.low, space.high)


def start(key: jax.Array, env: Any, env_params: Any, num_envs: int, spread_steps: int = 0) -> Runner:
    """N fresh episodes, or ones that have begun: see `spread`."""
    key_spread, key = jax.random.split(key) if spread_steps else (key, key)
    observation, state = jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(key, num_envs), env_params)
    # Weak types (a plain Python 0 in an environment's first state) would turn strong in the first update and retrace.
    state = jax.tree.map(lambda x: jax.lax.convert_element_type(x, x.dtype), state)
    runner = Runner(
        observation.astype(jnp.float32),
        state,
        discounted_return=jnp.zeros(num_envs, jnp.float32),
        episode_return=jnp.zeros(num_envs, jnp.float32),
        episode_length=jnp.zeros(num_envs, jnp.int32),
    )
    return spread(key_spread, env, env_params, runner, spread_steps) if spread_steps else runner


def spread(key: jax.Array, env: Any, env_params: Any, runner: Runner, most: int) -> Runner:
    """Each environment up to `most` − 1 uniformly random actions further on, not all the same.

    Environments that begin together and have one horizon stay together: every update then sees one part of the horizon,
    and has forgotten the end of it when the end comes round again.
    """
    space, num_envs = env.action_space(env_params), runner.observation.shape[0]
    if not hasattr(space, "n") and not np.isfinite([space.low, space.high]).all():
        raise InputError(f"{type(env).__name__} acts in {space!r}; starts cannot be spread by random actions in it")
    key_ends, key_steps = jax.random.split(key)
    ends = jax.random.randint(key_ends, (num_envs,), 0, most)

    def act(key: jax.Array, observation: jax.Array) -> jax.Array:
        del observation
        return jax.vmap(space.sample)(jax.random.split(key, num_envs))

    def walk(runner: Runner, step: tuple[jax.Array, jax.Array]) -> tuple[Runner, None]:
        i, key = step
        moved, _, _ = rollout(key, env, env_params, runner, act, 1, 1.0)
        goes_on = i < ends
        return jax.tree.map(
            lambda new, old: jnp.where(goes_on.reshape(-1, *[1] * (new.ndim - 1)), new, old), moved, runner
        ), None

    walked, _ = jax.lax.scan(walk, runner, (jnp.arange(most), jax.random.split(key_steps, most)))
    nothing = jnp.zeros(num_envs, jnp.float32)  # what random actions earned is not the policy's
    return walked._replace(discounted_return=nothing, episode_return=nothing)


def rollout(
    key: jax.Array, env: Any, env_params: Any, runner: Runner, act: Act, num_steps: int, discount: jax.Array | float
) -> tuple[Runner, Transition, Metrics]:
    """Acts for `num_steps`: the environments afterwards, transitions [T, N, ...] and scores for `mean_scores`."""
    space = env.action_space(env_params)
    num_envs = runner.observation.shape[0]

    def step(runner: Runner, key: jax.Array) -> tuple[Runner, tuple[Transition, Metrics]]:
        key_act, key_step = jax.random.split(key)
        action = act(key_act, runner.observation)
        observation, state, reward, terminated, truncated, info = jax.vmap(env.step, in_axes=(0, 0, 0, None))(
            jax.random.split(key_step, num_envs), runner.state, within(space, action), env_params
        )
        reward = reward.astype(jnp.float32)
        returned = discount * runner.discounted_return + reward
        transition = Transition(
            runner.observation, action, reward, terminated, truncated, info["final_observation"], returned
        )
        episode_return, length = runner.episode_return + reward, runner.episode_length + 1
        ended = terminated | truncated
        after = Runner(
            observation.astype(jnp.float32),
            state,
            discounted_return=jnp.where(ended, 0, returned),
            episode_return=jnp.where(ended, 0, episode_return),
            episode_length=jnp.where(ended, 0, length),
        )
        return after, (transition, _sums(reward, ended, episode_return, length, info))

    runner, (transitions, sums) = jax.lax.scan(step, runner, jax.random.split(key, num_steps))
    return runner, transitions, {name: jnp.sum(value) for name, value in sums.items()}


def _sums(reward: jax.Array, ended: jax.Array, returned: jax.Array, length: jax.Array, info: dict[str, Any]) -> Metrics:
    """Sums over environments at one step: what ended episodes did, and every named term the environment reports."""
    terms = {name: value for name, value in info.items() if name.startswith(("reward/", "score/"))}
    episodes = {"episodes": ended, "episode_return": ended * returned, "episode_length": ended * length}
    return {name: jnp.sum(value, dtype=jnp.float32) for name, value in {"reward": reward, **terms, **episodes}.items()}


def mean_scores(sums: Metrics, steps: int) -> Metrics:
    """Scores of rollouts per step; per ended episode where the name says so, which is nan when none ended."""
    episodes = sums["episodes"]
    per_episode = {name: sums[name] / episodes for name in ("episode_return", "episode_length")}
    return {**{name: value / steps for name, value in sums.items()}, **per_episode, "episodes": episodes}


def greedy_returns(
    key: jax.Array, env: Any, env_params: Any, greedy: Callable[[jax.Array], jax.Array], episodes: int, max_steps: int
) -> jax.Array:
    """Returns [episodes] of the first episode of as many environments, cut at `max_steps`.

    `greedy` maps observations [N, D] to actions [N, ...].
    """

    def step(
        carry: tuple[Runner, jax.Array, jax.Array], key: jax.Array
    ) -> tuple[tuple[Runner, jax.Array, jax.Array], None]:
        runner, total, running = carry
        runner, taken, _ = rollout(key, env, env_params, runner, lambda _, x: greedy(x), 1, 1.0)
        total = total + jnp.where(running, taken.reward[0], 0.0)
        return (runner, total, running & ~(taken.terminated[0] | taken.truncated[0])), None

    key_start, key_steps = jax.random.split(key)
    begin = (start(key_start, env, env_params, episodes), jnp.zeros(episodes), jnp.ones(episodes, bool))
    return jax.lax.scan(step, begin, jax.random.split(key_steps, max_steps))[0][1]
