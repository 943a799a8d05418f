"""The picture of docs/models/quoting.md; ./.venv/bin/python scripts/quoting_pictures.py [docs/models]"""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmm.evaluate.drawing import COLOURS, canvas, save_png
from jaxmm.markets.models import RL_A, AvellanedaStoikov, Glft
from jaxmm.solve.avellaneda_stoikov import AvellanedaStoikovSolver
from jaxmm.solve.cj_steps import CarteaJaimungalStepsSolver
from jaxmm.solve.glft import GlftSolver

GAMMAS = np.geomspace(0.003, 1.0, 12)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/models")
    save_png(quoting(), folder / "quoting.png")
    print(folder / "quoting.png")


def quoting() -> Figure:
    figure, axes = canvas(2, 2, width=9.5, height=7.4)
    glft_depths(axes[0])
    precision(axes[1])
    steps(axes[2])
    frontier(axes[3])
    for each in axes:
        each.legend(fontsize=8.5)
    return figure


def glft_depths(axes: Axes) -> None:
    solver = GlftSolver(Glft())
    q = np.arange(-30, 31)
    table = solver.table(np.array([0.0, 590.0, 598.0]))
    for row, left, colour in zip(table, (600, 10, 2), COLOURS, strict=False):
        axes.plot(q, row[:, 0], color=colour, label=f"exact, {left} s left")
    axes.plot(q, solver.asymptotic()[:, 0], ":", color=COLOURS[3], linewidth=2, label="asymptotic formula")
    axes.set_title("GLFT: the bid's depth", loc="left")
    axes.set_xlabel("inventory")
    axes.set_ylabel("depth below the mid")


def precision(axes: Axes) -> None:
    """v_q / v_0 at Q = 100, by three ways to compute it."""
    solver = GlftSolver(Glft(Q=100))
    q = np.arange(101)
    penalty, eta = solver._system()
    exact = solver.certain(np.array([600.0]))[0] * solver.model.k
    off = np.full(200, -eta)
    values, vectors = np.linalg.eigh(np.diag(penalty) + np.diag(off, 1) + np.diag(off, -1))
    by_eigenvectors = np.abs(vectors @ (np.exp(-(values - values[0]) * 600) * vectors.sum(axis=0)))
    axes.semilogy(q, np.exp(exact[100:] - exact[100]), color=COLOURS[0], label="series of positive terms, float64")
    axes.semilogy(q, by_eigenvectors[100:] / by_eigenvectors[100], ".", color=COLOURS[1], label="eigenvectors, float64")
    axes.axhline(float(np.finfo(np.float32).tiny), color=COLOURS[2], linestyle="--", label="the least normal float32")
    axes.set_title("GLFT, Q = 100: v at inventory q over v at 0", loc="left")
    axes.set_xlabel("inventory")


def steps(axes: Axes) -> None:
    bids, asks = CarteaJaimungalStepsSolver(RL_A).optimum()
    q = np.arange(-RL_A.Q, RL_A.Q + 1)
    for n, colour in zip((0, 180, 199), COLOURS, strict=False):
        axes.plot(q, bids[n], color=colour, label=f"bid, step {n}")
        axes.plot(q, asks[n], "--", color=colour, label=f"ask, step {n}")
    axes.set_title("cj-dt, RL-A: the optimal depths", loc="left")
    axes.set_xlabel("inventory")
    axes.set_ylabel("depth")


def frontier(axes: Axes) -> None:
    """Mean and deviation of the profit in Avellaneda & Stoikov's simulation, as the risk aversion varies."""
    solvers = [AvellanedaStoikovSolver(dataclasses.replace(AvellanedaStoikov(), gamma=gamma)) for gamma in GAMMAS]
    for name, colour, mark in (("quotes", COLOURS[0], "o"), ("glft", COLOURS[1], "s"), ("symmetric", COLOURS[2], "^")):
        scores = np.array([solver.score(getattr(solver, name)()) for solver in solvers])
        label = {"quotes": "Avellaneda–Stoikov", "glft": "GLFT", "symmetric": "symmetric"}[name]
        axes.plot(scores[:, 1], scores[:, 0], mark + "-", color=colour, markersize=4, label=label)
    axes.set_title(f"as-2008: profit and risk, γ from 1 to {math.floor(GAMMAS[0] * 1000) / 1000}", loc="left")
    axes.set_xlabel("standard deviation of the profit")
    axes.set_ylabel("mean profit")


if __name__ == "__main__":
    main()
