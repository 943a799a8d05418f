"""Deep Q-learning (Mnih et al. 2015) with Double and Dueling as options, n-step returns and prioritised replay.

Letters: N environments, T steps of each between gradient steps, B samples of one, D observation entries, A actions.
"""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxmm.errors import InputError
from jaxmm.learn.acting import Acting, Policy, acting_weights, describe
from jaxmm.learn.config import annealed, check_between, check_positive, static
from jaxmm.learn.networks import Params, QNetwork, averaged, branch_sums, check_network
from jaxmm.learn.normaliser import RunningStats
from jaxmm.learn.replay import NStep, PrioritisedReplay, UniformReplay
from jaxmm.learn.rollout import Metrics, Runner, Transition, mean_scores, rollout, spaces_of, start


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DQNConfig:
    """Hyper-parameters. The first block fixes shapes; the second holds numbers that may differ between seeds."""

    num_envs: int = static(16)  # N
    num_steps: int = static(1)  # T
    spread_starts: int = static(0)  # the first episodes begin up to so many random steps apart; 0 begins them together
    num_gradient_steps: int = static(1)  # after every T steps of the environments
    num_iterations: int = static(128)  # times all that in an update
    batch_size: int = static(128)  # B
    replay_size: int = static(65536)  # transitions kept, of all environments
    learning_starts: int = static(2048)  # environment steps before the first gradient step
    n_step: int = static(3)  # n
    double: bool = static(True)  # the online network picks the next action, the target network values it
    dueling: bool = static(True)
    branches: tuple[int, ...] = static(())  # choices of each part of an action, such as (7, 7) depths; () sees no parts
    hidden: tuple[int, ...] = static((64, 64))
    activation: str = static("tanh")  # "tanh" or "relu"

    learning_rate: float = 5e-4
    anneal_steps: float | None = None  # environment steps over which the learning rate falls to 0; None keeps it
    average_rate: float = 1.0  # of the latest weights in those that are judged and exported, a gradient step
    normaliser_steps: float | None = None  # environment steps that observations and rewards are measured for; None: all
    discount: float = 0.99  # γ
    max_grad_norm: float = 10.0
    target_period: int = 200  # gradient steps between moves of the target network
    target_rate: float = 1.0  # how far it moves towards the online one: 1 all the way; .005 with period 1 is "soft"
    epsilon_start: float = 1.0
    epsilon_end: float = 0.05
    epsilon_steps: float = 50_000.0  # environment steps from one to the other
    priority_exponent: float | None = 0.6  # α; None draws uniformly
    correction_start: float = 0.4  # β of importance weights at first
    correction_steps: float = 500_000.0  # environment steps until β is 1

    def __post_init__(self) -> None:
        counts = ("num_envs", "num_steps", "num_gradient_steps", "num_iterations", "batch_size", "n_step")
        check_positive(self, *counts, "replay_size", "learning_starts")
        check_network(self.hidden, self.activation)
        check_between(self, 0, 1, "learning_rate", "discount", "target_rate", "average_rate", "correction_start")
        check_between(self, 0, 1, "epsilon_start", "epsilon_end")
        if self.branches and not (self.dueling and min(self.branches) >= 1):
            raise InputError(f"DQNConfig: branches is {self.branches!r}; counts of at least 1, and dueling must be on")
        row = self.num_envs * self.num_steps
        if self.replay_size % row:
            raise InputError(
                f"DQNConfig: replay_size is {self.replay_size}; it must be a multiple of num_envs·num_steps ({row})"
            )
        least = self.num_envs * (self.n_step + self.num_steps)
        if not least <= self.learning_starts <= self.replay_size:
            raise InputError(
                f"DQNConfig: learning_starts is {self.learning_starts}; it must be at least {least}, "
                f"num_envs·(n_step + num_steps), and at most replay_size ({self.replay_size})"
            )


class Learnt(NamedTuple):
    """What gradient steps change."""

    params: Params
    target: Params
    average: Params  # running average of `params` (Polyak & Juditsky 1992): what is judged and exported
    optimiser: optax.OptState
    gradient_steps: jax.Array  # int32 []


class DQNState(NamedTuple):
    """All that an update changes, for one seed."""

    learnt: Learnt
    replay: Any  # of `UniformReplay` or `PrioritisedReplay`
    observations: RunningStats  # [D]
    returns: RunningStats  # [], of discounted returns
    runner: Runner  # [N, ...]
    key: jax.Array
    iterations: jax.Array  # int32 []


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DQN:
    """The learner: a pytree of environment parameters and numbers, so that a jitted update traces both."""

    env: Any = field(metadata={"static": True})
    env_params: Any
    config: DQNConfig

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps of one seed between gradient steps."""
        return self.config.num_envs * self.config.num_steps

    @property
    def steps_per_update(self) -> int:
        """Environment steps of one seed an update."""
        return self.steps_per_iteration * self.config.num_iterations

    @property
    def network(self) -> QNetwork:
        """The action values."""
        _, actions, continuous = spaces_of(self.env, self.env_params)
        if continuous:
            raise InputError(f"{type(self.env).__name__} acts continuously; DQN needs discrete actions, PPO takes both")
        branches = self.config.branches
        if branches and math.prod(branches) != actions:
            raise InputError(f"branches are {branches}; their product must be the number of actions, {actions}")
        return QNetwork(self.config.hidden, self.config.activation, actions, self.config.dueling, branches)

    @property
    def optimiser(self) -> optax.GradientTransformation:
        """Clipped gradients in Adam's units; the learning rate is applied outside, since it anneals."""
        return optax.chain(optax.clip_by_global_norm(self.config.max_grad_norm), optax.scale_by_adam(eps=1e-5))

    @property
    def replay(self) -> UniformReplay | PrioritisedReplay:
        """The memory that the config asks for."""
        config = self.config
        sizes = config.replay_size // config.num_envs, config.n_step, config.batch_size
        if config.priority_exponent is None:
            return UniformReplay(*sizes)
        return PrioritisedReplay(*sizes, config.priority_exponent)

    def init(self, key: jax.Array) -> DQNState:
        """A fresh network, fresh episodes and an empty memory for one seed."""
        key, key_params, key_envs = jax.random.split(key, 3)
        entries, _, _ = spaces_of(self.env, self.env_params)
        params = self.network.init(key_params, jnp.zeros(entries))["params"]
        runner = start(key_envs, self.env, self.env_params, self.config.num_envs, self.config.spread_starts)
        nothing = jnp.zeros(self.config.num_envs)
        example = Transition(
            runner.observation,
            nothing.astype(jnp.int32),
            nothing,
            nothing > 0,
            nothing > 0,
            runner.observation,
            nothing,
        )
        target, average = (jax.tree.map(jnp.copy, params) for _ in range(2))
        return DQNState(
            learnt=Learnt(params, target, average, self.optimiser.init(params), jnp.zeros((), jnp.int32)),
            replay=self.replay.init(example),
            observations=RunningStats.start((entries,)),
            returns=RunningStats.start(()),
            runner=runner,
            key=key,
            iterations=jnp.zeros((), jnp.int32),
        )

    def update(self, state: DQNState) -> tuple[DQNState, Metrics]:
        """`num_iterations` of acting, keeping and learning."""
        state, (sums, metrics) = jax.lax.scan(
            lambda state, _: self._iteration(state), state, length=self.config.num_iterations
        )
        scores = mean_scores({name: jnp.sum(value) for name, value in sums.items()}, self.steps_per_update)
        return state, {**scores, **{name: jnp.mean(value) for name, value in metrics.items()}}

    def policy(self, state: DQNState) -> Policy:
        """The part of the state that acts when all is learned, and is judged."""
        return Policy(state.learnt.average, state.observations)

    def greedy(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """The action of highest value at raw observations [..., D], int32 [...]."""
        return jnp.argmax(self.outputs(policy, observation), axis=-1).astype(jnp.int32)

    def outputs(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """What the greedy action is read from, at raw observations [..., D]: action values [..., A]."""
        return self._apply(policy.params, policy.observations.normalise(observation))

    def value(self, state: DQNState, observation: jax.Array) -> jax.Array:
        """Action values [..., A] of raw observations [..., D], in units of reward."""
        normalised = state.observations.normalise(observation)
        return self._apply(state.learnt.params, normalised) * state.returns.root_mean_square()

    def acting(self, policy: Policy, seed: int) -> Acting:
        """What acts, of one seed of a policy with a leading seed axis, for the exporter."""
        description = describe(self, kind="q_network", head="q", dueling=self.config.dueling)
        weights = acting_weights(policy, seed, "q_", "value_", "advantage_")
        if self.config.branches:  # sums of outputs are linear: one layer of all actions
            sums = branch_sums(self.config.branches)
            weights |= {name: weights[name] @ sums for name in ("advantage_out/kernel", "advantage_out/bias")}
        return Acting(description, weights)

    def _apply(self, params: Params, normalised: jax.Array) -> jax.Array:
        return self.network.apply({"params": params}, normalised)

    def _explore(self, state: DQNState, key: jax.Array, observation: jax.Array) -> jax.Array:
        """ε-greedy actions [N]."""
        key_whether, key_which = jax.random.split(key)
        greedy = self.greedy(Policy(state.learnt.params, state.observations), observation)
        explores = jax.random.uniform(key_whether, greedy.shape) < self._epsilon(state)
        return jnp.where(explores, jax.random.randint(key_which, greedy.shape, 0, self.network.actions), greedy)

    def _steps(self, state: DQNState) -> jax.Array:
        return state.iterations.astype(jnp.float32) * self.steps_per_iteration

    def _epsilon(self, state: DQNState) -> jax.Array:
        done = jnp.minimum(self._steps(state) / self.config.epsilon_steps, 1.0)
        return self.config.epsilon_start + done * (self.config.epsilon_end - self.config.epsilon_start)

    def _correction(self, state: DQNState) -> jax.Array:
        done = jnp.minimum(self._steps(state) / self.config.correction_steps, 1.0)
        return self.config.correction_start + done * (1 - self.config.correction_start)

    def _iteration(self, state: DQNState) -> tuple[DQNState, tuple[Metrics, Metrics]]:
        config = self.config
        key, key_rollout, key_learn = jax.random.split(state.key, 3)
        epsilon = self._epsilon(state)
        runner, taken, sums = rollout(
            key_rollout,
            self.env,
            self.env_params,
            state.runner,
            partial(self._explore, state),
            config.num_steps,
            config.discount,
        )
        limit, seen = config.normaliser_steps, taken.observation.reshape(self.steps_per_iteration, -1)
        state = state._replace(
            replay=self.replay.add(state.replay, taken),
            observations=state.observations.update_until(limit, self._steps(state), seen),
            returns=state.returns.update_until(limit, self._steps(state), taken.discounted_return.reshape(-1)),
            runner=runner,
            key=key,
            iterations=state.iterations + 1,
        )
        state, metrics = jax.lax.scan(
            self._gradient_step, state, jax.random.split(key_learn, config.num_gradient_steps)
        )
        return state, (sums, {**{name: jnp.mean(value) for name, value in metrics.items()}, "epsilon": epsilon})

    def _gradient_step(self, state: DQNState, key: jax.Array) -> tuple[DQNState, Metrics]:
        """One step of the optimiser on one batch; the networks stay as they are until `learning_starts`."""
        before = state.learnt
        drawn = self.replay.draw(key, state.replay, self.config.discount, self._correction(state))
        gradient, (loss, error, value) = jax.grad(self._loss, has_aux=True)(
            before.params, state, drawn.batch, drawn.weight
        )
        step, optimiser = self.optimiser.update(gradient, before.optimiser)
        rate = annealed(self.config.learning_rate, self.config.anneal_steps, self._steps(state))
        params = jax.tree.map(lambda p, s: p - rate * s, before.params, step)
        average = averaged(before.average, params, self.config.average_rate)
        moved = Learnt(params, self._target(before, params), average, optimiser, before.gradient_steps + 1)
        ready = self._steps(state) >= self.config.learning_starts
        learnt = jax.tree.map(lambda new, old: jnp.where(ready, new, old), moved, before)
        state = state._replace(learnt=learnt, replay=self.replay.learnt(state.replay, drawn, error))
        metrics = {"q_loss": loss, "q_value": jnp.mean(value), "grad_norm": optax.tree.norm(gradient)}
        return state, {name: jnp.where(ready, value, 0.0) for name, value in metrics.items()}

    def _target(self, before: Learnt, params: Params) -> Params:
        """The target network after the gradient step that led to `params`."""
        due = (before.gradient_steps + 1) % self.config.target_period == 0
        rate = jnp.where(due, self.config.target_rate, 0.0)
        return jax.tree.map(lambda old, new: old + rate * (new - old), before.target, params)

    def _loss(
        self, params: Params, state: DQNState, batch: NStep, weight: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
        """Weighted Huber loss; with it the loss, errors [B] and values [B]."""
        values = self._apply(params, state.observations.normalise(batch.observation))
        following = state.observations.normalise(batch.next_observation)
        next_value = self._next_value(params, state.learnt.target, following)
        target = batch.reward / state.returns.root_mean_square() + batch.discount * next_value
        value = jnp.take_along_axis(values, batch.action[:, None], axis=1)[:, 0]
        error = jax.lax.stop_gradient(target) - value
        loss = jnp.mean(weight * optax.huber_loss(error))
        return loss, (loss, error, value)

    def _next_value(self, params: Params, target: Params, observation: jax.Array) -> jax.Array:
        """The target network's value [B] of the best next action; Double: best by the online one (van Hasselt 2016)."""
        values = self._apply(target, observation)
        if not self.config.double:
            return jnp.max(values, axis=1)
        best = jnp.argmax(self._apply(params, observation), axis=1)
        return jnp.take_along_axis(values, best[:, None], axis=1)[:, 0]
