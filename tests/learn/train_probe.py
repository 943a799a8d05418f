"""A training run in a process of its own, for tests that kill it: `train_probe.py RUN_DIR UPDATES SEEDS NUM_ENVS`."""

import sys

from probes import MATCH, PROBE

from jaxmm.learn.loop import Progress, train
from jaxmm.learn.ppo import PPO, PPOConfig


def learner(num_envs: int = 4) -> PPO:
    config = PPOConfig(num_envs=num_envs, num_steps=8, num_epochs=2, num_minibatches=2, hidden=(8,))
    return PPO(PROBE, MATCH, config)


def run(run_dir, updates: int, seeds: int = 2, num_envs: int = 4, **options) -> Progress:
    ppo = learner(num_envs)
    steps = updates * ppo.steps_per_update
    return train(ppo, seeds=range(seeds), total_steps=steps, run_dir=run_dir, **{"checkpoint_every": 50} | options)


if __name__ == "__main__":
    run(sys.argv[1], *(int(x) for x in sys.argv[2:]), progress=False)
