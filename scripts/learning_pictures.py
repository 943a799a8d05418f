"""What a trained policy does beside the optimum: the no-hedge zone of a dealer, as a picture for `docs/models`.

.venv/bin/python scripts/learning_pictures.py RUN [--out docs/models/learning.png]
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

from jaxmm.learn import loop
from jaxmm.runs.kept import load_kept
from jaxmm.runs.model_training import Judge, learner_of, task_model

mpl.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    """Draws the hedges of the run's policies, seed by seed, over the exact no-hedge zone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/models/learning.png"))
    asked = parser.parse_args()
    config = load_kept(asked.run)
    learner, judge = learner_of(config), Judge.of(task_model(config))
    tables = judge.tables(learner, learner.policy(loop.load(learner, asked.run).state))
    exact = judge.solution.policy.actions["hedge"]
    inventory, steps = judge.states, np.arange(judge.steps)
    columns = len(tables)
    figure, axes = plt.subplots(1, columns, figsize=(3.2 * columns, 3.6), sharey=True, layout="constrained")
    for axis, table, seed in zip(np.atleast_1d(axes), tables, config.train.seeds, strict=True):
        hedge = np.asarray(table)[:, :, 0]
        shown = axis.pcolormesh(steps, inventory, hedge.T, cmap="RdBu", vmin=-4, vmax=4, shading="nearest")
        edges = {"colors": "black", "linewidths": 1.2}
        axis.contour(steps, inventory, (exact.T == 0).astype(float), levels=[0.5], **edges)
        score = judge.solver.score(np.asarray(table, np.float64))
        axis.set_title(f"seed {seed}: {score.mean / judge.solution.J_star:.2%} of J*", fontsize=10)
        axis.set_xlabel("step")
    np.atleast_1d(axes)[0].set_ylabel("inventory, lots")
    figure.colorbar(shown, ax=axes, label="hedge bought, lots")
    figure.suptitle("What was learnt (colour) and where the optimum hedges nothing (inside the line)", fontsize=11)
    figure.savefig(asked.out, dpi=110)
    print(asked.out)


if __name__ == "__main__":
    main()
