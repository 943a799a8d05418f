"""Proximal policy optimisation (Schulman et al. 2017) with normalised observations and rewards.

Letters: T steps a rollout, N environments, B = T·N samples an update, M minibatches, D observation entries.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxmm.errors import InputError
from jaxmm.learn.acting import Acting, Policy, acting_weights, describe
from jaxmm.learn.advantage import generalised_advantage
from jaxmm.learn.config import annealed, check_between, check_positive, static
from jaxmm.learn.distributions import DiagonalGaussian
from jaxmm.learn.networks import ActorCritic, Params, averaged, check_network
from jaxmm.learn.normaliser import RunningStats
from jaxmm.learn.rollout import Metrics, Runner, Transition, mean_scores, rollout, spaces_of, start, within


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PPOConfig:
    """Hyper-parameters. The first block fixes shapes; the second holds numbers that may differ between seeds."""

    num_envs: int = static(256)  # N
    num_steps: int = static(32)  # T, steps of each environment an update
    spread_starts: int = static(0)  # the first episodes begin up to so many random steps apart; 0 begins them together
    num_epochs: int = static(4)  # passes over the samples of an update
    num_minibatches: int = static(8)  # M, must divide N·T
    hidden: tuple[int, ...] = static((64, 64))  # layer widths of policy and of value
    activation: str = static("tanh")  # "tanh" or "relu"

    learning_rate: float = 3e-4
    anneal_steps: float | None = None  # environment steps over which the learning rate falls to 0; None keeps it
    average_rate: float = 1.0  # of the latest weights in those that are judged and exported, an update; 1: only them
    normaliser_steps: float | None = None  # environment steps that observations and rewards are measured for; None: all
    discount: float = 0.99  # γ
    trace_decay: float = 0.95  # λ of generalised advantage estimation
    value_trace_decay: float | None = None  # λ of what the value should be, where not the same
    clip: float = 0.2  # the probability ratio counts within 1 ± this
    value_clip: float | None = None  # the value moves by no more than this an update; None lets it
    entropy_weight: float = 0.01
    bounds_weight: float = 0.0  # of the squared distance of a continuous action's mean from its space, per entry
    value_weight: float = 0.5
    max_grad_norm: float = 0.5
    initial_log_std: float = 0.0  # of a continuous action's exploration, in the action's unit

    def __post_init__(self) -> None:
        check_positive(self, "num_envs", "num_steps", "num_epochs", "num_minibatches")
        check_network(self.hidden, self.activation)
        check_between(self, 0, 1, "discount", "trace_decay", "learning_rate", "clip", "average_rate")
        if self.num_envs * self.num_steps % self.num_minibatches:
            raise InputError(
                f"PPOConfig: num_envs·num_steps is {self.num_envs * self.num_steps}; "
                f"it must be a multiple of num_minibatches ({self.num_minibatches})"
            )


class PPOState(NamedTuple):
    """All that an update changes, for one seed."""

    params: Params
    average: Params  # running average of `params` (Polyak & Juditsky 1992): what is judged and exported
    optimiser: optax.OptState
    observations: RunningStats  # [D]
    returns: RunningStats  # [], of discounted returns
    runner: Runner  # [N, ...]
    key: jax.Array
    updates: jax.Array  # int32 []


class Samples(NamedTuple):
    """What the losses read, [B, ...]."""

    observation: jax.Array  # normalised, [B, D]
    action: jax.Array  # [B] or [B, A]
    log_prob: jax.Array  # [B], of the action before the update
    value: jax.Array  # [B], before the update
    advantage: jax.Array  # [B]
    target: jax.Array  # [B], what the value should be


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PPO:
    """The learner: a pytree of environment parameters and numbers, so that a jitted update traces both."""

    env: Any = field(metadata={"static": True})
    env_params: Any
    config: PPOConfig

    @property
    def steps_per_update(self) -> int:
        """Environment steps of one seed an update."""
        return self.config.num_envs * self.config.num_steps

    @property
    def network(self) -> ActorCritic:
        """The policy and value network."""
        _, actions, continuous = spaces_of(self.env, self.env_params)
        return ActorCritic(self.config.hidden, self.config.activation, actions, continuous)

    @property
    def optimiser(self) -> optax.GradientTransformation:
        """Clipped gradients in Adam's units; the learning rate is applied outside, since it anneals."""
        return optax.chain(optax.clip_by_global_norm(self.config.max_grad_norm), optax.scale_by_adam(eps=1e-5))

    def init(self, key: jax.Array) -> PPOState:
        """A fresh network and fresh episodes for one seed."""
        key, key_params, key_envs = jax.random.split(key, 3)
        entries, _, _ = spaces_of(self.env, self.env_params)
        params = self.network.init(key_params, jnp.zeros(entries))["params"]
        if self.network.continuous:
            params = {**params, "log_std": params["log_std"] + self.config.initial_log_std}
        return PPOState(
            params=params,
            average=jax.tree.map(jnp.copy, params),
            optimiser=self.optimiser.init(params),
            observations=RunningStats.start((entries,)),
            returns=RunningStats.start(()),
            runner=start(key_envs, self.env, self.env_params, self.config.num_envs, self.config.spread_starts),
            key=key,
            updates=jnp.zeros((), jnp.int32),
        )

    def update(self, state: PPOState) -> tuple[PPOState, Metrics]:
        """One rollout and the epochs on it."""
        config = self.config
        key, key_rollout, key_epochs = jax.random.split(state.key, 3)
        runner, taken, sums = rollout(
            key_rollout,
            self.env,
            self.env_params,
            state.runner,
            lambda key, observation: self._distribution(Policy(state.params, state.observations), observation).sample(
                key
            ),
            config.num_steps,
            config.discount,
        )
        limit, steps = config.normaliser_steps, state.updates * self.steps_per_update
        seen = taken.observation.reshape(self.steps_per_update, -1)
        observations = state.observations.update_until(limit, steps, seen)
        returns = state.returns.update_until(limit, steps, taken.discounted_return.reshape(-1))
        params = _rescaled(state.params, state.returns.root_mean_square() / returns.root_mean_square())
        state = state._replace(params=params, observations=observations, returns=returns, runner=runner, key=key)
        samples = self._samples(state, taken)
        (params, optimiser), losses = jax.lax.scan(
            partial(self._epoch, samples, self._learning_rate(state.updates)),
            (state.params, state.optimiser),
            jax.random.split(key_epochs, config.num_epochs),
        )
        metrics = {name: jnp.mean(value) for name, value in losses.items()}
        metrics["explained_variance"] = 1 - jnp.var(samples.target - samples.value) / (jnp.var(samples.target) + 1e-8)
        metrics["learning_rate"] = self._learning_rate(state.updates)
        average = averaged(state.average, params, config.average_rate)
        state = state._replace(params=params, average=average, optimiser=optimiser, updates=state.updates + 1)
        return state, {**mean_scores(sums, self.steps_per_update), **metrics}

    def policy(self, state: PPOState) -> Policy:
        """The part of the state that acts when all is learned, and is judged."""
        return Policy(state.average, state.observations)

    def greedy(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """The action without exploration at raw observations [..., D], within the action space."""
        return within(self.env.action_space(self.env_params), self._distribution(policy, observation).mode())

    def outputs(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """What the greedy action is read from, at raw observations [..., D]: logits or means [..., A]."""
        return self._distribution(policy, observation)[0]

    def value(self, state: PPOState, observation: jax.Array) -> jax.Array:
        """The value [...] of raw observations [..., D], in units of reward."""
        normalised = state.observations.normalise(observation)
        return self._apply(state.params, normalised)[1] * state.returns.root_mean_square()

    def acting(self, policy: Policy, seed: int) -> Acting:
        """What acts, of one seed of a policy with a leading seed axis, for the exporter."""
        head = "gaussian" if self.network.continuous else "categorical"
        return Acting(describe(self, kind="actor_critic", head=head), acting_weights(policy, seed, "actor_"))

    def _apply(self, params: Params, normalised: jax.Array) -> Any:
        return self.network.apply({"params": params}, normalised)

    def _distribution(self, policy: Policy, observation: jax.Array) -> Any:
        return self._apply(policy.params, policy.observations.normalise(observation))[0]

    def _learning_rate(self, updates: jax.Array) -> jax.Array:
        return annealed(self.config.learning_rate, self.config.anneal_steps, updates * self.steps_per_update)

    def _samples(self, state: PPOState, taken: Transition) -> Samples:
        """The rollout as the losses read it.

        Values and log-probabilities are computed here, not while acting: under the statistics that the losses use
        (the rollout's own included), so that ratios start at exactly 1, and in one large batch.
        """
        observation = state.observations.normalise(taken.observation)
        policy, value = self._apply(state.params, observation)
        next_value = self._apply(state.params, state.observations.normalise(taken.next_observation))[1]
        estimate = jax.vmap(generalised_advantage, in_axes=(1, 1, 1, 1, 1, None, None), out_axes=1)
        reward, config = taken.reward / state.returns.root_mean_square(), self.config
        facts = reward, value, next_value, taken.terminated, taken.truncated, config.discount
        advantage = estimate(*facts, config.trace_decay)
        longer = config.value_trace_decay
        target = value + (advantage if longer is None else estimate(*facts, longer))
        samples = Samples(observation, taken.action, policy.log_prob(taken.action), value, advantage, target)
        return jax.tree.map(lambda x: x.reshape(self.steps_per_update, *x.shape[2:]), samples)

    def _epoch(self, samples: Samples, rate: jax.Array, carry: Any, key: jax.Array) -> tuple[Any, Metrics]:
        order = jax.random.permutation(key, self.steps_per_update).reshape(self.config.num_minibatches, -1)
        return jax.lax.scan(
            lambda carry, rows: self._minibatch(rate, carry, jax.tree.map(lambda x: x[rows], samples)), carry, order
        )

    def _minibatch(self, rate: jax.Array, carry: Any, batch: Samples) -> tuple[Any, Metrics]:
        params, optimiser = carry
        gradient, metrics = jax.grad(self._loss, has_aux=True)(params, batch)
        step, optimiser = self.optimiser.update(gradient, optimiser)
        params = jax.tree.map(lambda p, s: p - rate * s, params, step)
        return (params, optimiser), {**metrics, "grad_norm": optax.tree.norm(gradient)}

    def _loss(self, params: Params, batch: Samples) -> tuple[jax.Array, Metrics]:
        config = self.config
        policy, value = self._apply(params, batch.observation)
        advantage = (batch.advantage - jnp.mean(batch.advantage)) / (jnp.std(batch.advantage) + 1e-8)
        log_ratio = policy.log_prob(batch.action) - batch.log_prob
        policy_loss = clipped_objective(jnp.exp(log_ratio), advantage, config.clip)
        value_loss = clipped_value_loss(value, batch.value, batch.target, config.value_clip)
        entropy = jnp.mean(policy.entropy())
        metrics = {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "approx_kl": jnp.mean(jnp.exp(log_ratio) - 1 - log_ratio),
            "clip_fraction": jnp.mean(jnp.abs(jnp.exp(log_ratio) - 1) > config.clip, dtype=jnp.float32),
        }
        outside = self._outside(policy) if self.network.continuous else 0.0
        weighted = config.value_weight * value_loss - config.entropy_weight * entropy + config.bounds_weight * outside
        return policy_loss + weighted, metrics

    def _outside(self, policy: DiagonalGaussian) -> jax.Array:
        """Mean squared distance of the means [B, A] from the action space, float32 [].

        Beyond its border all actions do the same: a mean that got there has no slope to come back by.
        """
        mean = policy.mode()
        return jnp.mean(jnp.sum((mean - within(self.env.action_space(self.env_params), mean)) ** 2, axis=-1))


def _rescaled(params: Params, scale: jax.Array) -> Params:
    """The network whose values are those of before in the new unit of reward (PopArt, van Hasselt et al. 2016)."""
    return {**params, "critic_out": jax.tree.map(lambda leaf: leaf * scale, params["critic_out"])}


def clipped_objective(ratio: jax.Array, advantage: jax.Array, clip: jax.Array | float) -> jax.Array:
    """−mean min(ρA, clip(ρ, 1 ± ε)A), float32 [] of ρ and A [B] (Schulman et al. 2017, eq. 7)."""
    chex.assert_equal_shape([ratio, advantage])
    return -jnp.mean(jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - clip, 1 + clip) * advantage))


def clipped_value_loss(
    value: jax.Array, old_value: jax.Array, target: jax.Array, clip: jax.Array | float | None
) -> jax.Array:
    """½ mean (v − target)², float32 [] of [B]; with `clip`, the larger of it and that of v held within old ± clip."""
    chex.assert_equal_shape([value, old_value, target])
    loss = (value - target) ** 2
    if clip is not None:
        held = old_value + jnp.clip(value - old_value, -clip, clip)
        loss = jnp.maximum(loss, (held - target) ** 2)
    return 0.5 * jnp.mean(loss)
