"""The environment over the tape: steps and events a second, bytes of state, compile seconds.

B environments · T steps of each in one timed run, one compiled scan with random actions.
"""

import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from bench_measure import Figure, Plan, seconds_of, single, spread

from jaxmm.config import Config, TapeMarket, load_config
from jaxmm.envs.market_making import MarketMaking, Params, State
from jaxmm.runs.task import env_params_of
from jaxmm.tape.tape import Tape

CONFIG = "configs/binance_btcusdt.yaml"


def config_of(plan: Plan) -> Config:
    """The configuration of the recorded day over the tape of this benchmark, under the `risk_averse` queue."""
    config = load_config(CONFIG, ("venue.fills=risk_averse", "venue.latency=10ms"))
    return config.model_copy(update={"market": TapeMarket(kind="tape", path=str(plan.work / "tape"))})


def environment_figures(plan: Plan, batch: int) -> list[Figure]:
    """Figures of one batch size."""
    params = env_params_of(config_of(plan), Tape.open(plan.work / "tape"), "event")
    steps = max(plan.sizes.env_steps // batch, 10)
    _, state = jax.vmap(MarketMaking().reset, in_axes=(0, None))(jax.random.split(jax.random.key(0), batch), params)
    began = time.perf_counter()
    run = jax.jit(partial(random_steps, batch, steps)).lower(jax.random.key(0), state, params).compile()
    compiled_s = time.perf_counter() - began
    events: list[int] = []

    def once(i: int) -> None:
        _, sums = jax.block_until_ready(run(jax.random.key(i), state, params))
        events.append(int(sums[2].sum()))

    walls = [wall for wall, _ in seconds_of(once, plan.sizes.repeats)]
    counted = events[1:]
    section = f"environment, batch {batch}"
    return [
        spread(section, "steps", "steps/s", (batch * steps / wall for wall in walls)),
        spread(section, "events applied", "events/s", (n / wall for n, wall in zip(counted, walls, strict=True))),
        spread(section, "events a step", "", (n / (batch * steps) for n in counted)),
        single(section, "state of an environment", "bytes", state_bytes(state) / batch),
        single(section, "compile", "s", compiled_s),
        *_device_memory(section),
    ]


def random_steps(batch: int, steps: int, key: jax.Array, state: State, params: Params) -> tuple[State, Any]:
    """T steps of B environments: the states, and sums [T] of rewards, observations and events applied."""
    env = MarketMaking()

    def body(state: State, key: jax.Array) -> tuple[State, Any]:
        key_action, key_step = jax.random.split(key)
        action = jax.vmap(env.action_space(params).sample)(jax.random.split(key_action, batch))
        known = params.replay.time.known
        applied = jnp.sum(known[state.k + 1] - known[state.k])
        observation, state, reward, *_ = jax.vmap(env.step, in_axes=(0, 0, 0, None))(
            jax.random.split(key_step, batch), state, action, params
        )
        return state, (jnp.sum(reward), jnp.sum(observation), applied)

    return jax.lax.scan(body, state, jax.random.split(key, steps))


def state_bytes(state: State) -> int:
    """Bytes of all leaves."""
    return sum(leaf.nbytes for leaf in jax.tree.leaves(state))


def device_names() -> list[str]:
    """Platform and kind of each device."""
    return [f"{device.platform}: {device.device_kind}" for device in jax.local_devices()]


def _device_memory(section: str) -> list[Figure]:
    """Peak bytes on an accelerator; a CPU's are the process's own."""
    stats = jax.local_devices()[0].memory_stats() or {}
    peak = stats.get("peak_bytes_in_use")
    return [] if peak is None else [single(section, "peak device memory", "MiB", peak / 2**20)]
