"""The picture of docs/models/dealer.md; ./.venv/bin/python scripts/dealer_pictures.py [docs/models]"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from jaxmm.evaluate.drawing import COLOURS, INK, canvas, save_png
from jaxmm.markets.models import Bbg, model_of
from jaxmm.solve.bbg import BbgSolver
from jaxmm.solve.internalise import InternaliseSolver

COSTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.2, 1.6)
FLOWS = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 80.0, 100.0, 120.0)


def draw_zone(axes: Axes, name: str) -> None:
    """Hedges over time and inventory, and the edges of the no-hedge zone."""
    model = model_of(name)
    solution = InternaliseSolver(model).solve()
    time = np.arange(model.N) * model.dt
    hedge = solution.policy.actions["hedge"].T
    most = np.abs(hedge).max()
    edges = np.append(time, model.T), np.arange(-model.Q - 0.5, model.Q + 1)
    mesh = axes.pcolormesh(*edges, hedge, cmap="RdBu", vmin=-most, vmax=most, rasterized=True)
    axes.figure.colorbar(mesh, ax=axes, label="hedge, lots bought")
    for name_of_edge, beyond in (("no_hedge_low", -0.5), ("no_hedge_high", 0.5)):
        axes.step(time, np.array(solution.facts[name_of_edge]) + beyond, where="post", color=INK, linewidth=1.5)
    axes.set(title=f"{name}: the no-hedge zone", xlabel="time", ylabel="inventory")
    axes.grid(False)


def mean_width(**changes: float) -> float:
    """Of the no-hedge zone of INT-DT-B, averaged over the horizon, in lots."""
    facts = InternaliseSolver(dataclasses.replace(model_of("int-dt-b"), **changes)).solve().facts
    return float(np.mean(np.subtract(facts["no_hedge_high"], facts["no_hedge_low"])))


def draw_width(
    axes: Axes, name: str, values: tuple[float, ...], others: tuple[str, tuple[float, ...]], label: str
) -> None:
    """The zone's width against one parameter of INT-DT-B, for three values of another."""
    other, kept = others
    for value, colour in zip(kept, COLOURS, strict=False):
        widths = [mean_width(**{name: x, other: value}) for x in values]
        axes.plot(
            values, widths, "o-", color=colour, markersize=4, label=f"{'ψ' if other == 'psi' else 'λ'} = {value:g}"
        )
    axes.set(title=f"int-dt-b: the zone widens in {label}", xlabel=label, ylabel="mean width, lots", ylim=(0, None))
    axes.legend()


def draw_bbg(axes: Axes) -> None:
    """Hedging rates of the continuous dealer, with and without impact."""
    for k, colour in ((0.005, COLOURS[0]), (0.0, COLOURS[1])):
        solution = BbgSolver(dataclasses.replace(Bbg(), k=k)).solve()
        inventory, hedge = solution.policy.states["inventory"], solution.policy.actions["hedge"][0] / 86400
        near = np.abs(inventory) <= 40
        edge = solution.facts["threshold"]
        axes.plot(inventory[near], hedge[near], color=colour, label=f"k = {k:g}: hedges beyond {edge:.2f} M")
        axes.axvline(edge, color=colour, linestyle=":")
        axes.axvline(-edge, color=colour, linestyle=":")
    axes.set(title="bbg: hedging rate", xlabel="inventory, M", ylabel="bought, M a second")
    axes.legend()


def draw_quotes(axes: Axes) -> None:
    """Depths of the continuous dealer by client size."""
    solution = BbgSolver(Bbg()).solve()
    inventory = solution.policy.states["inventory"]
    near = np.abs(inventory) <= 40
    for size, colour in zip((1, 5, 20), COLOURS, strict=False):
        for side, dash in (("bid", "-"), ("ask", "--")):
            depth = solution.policy.actions[f"{side}_depth_{size}"][0]
            axes.plot(inventory[near], depth[near], dash, color=colour, label=f"{side}, {size} M")
    axes.set(title="bbg: quotes by client size", xlabel="inventory, M", ylabel="depth, bp")
    axes.legend(ncols=2)


def main() -> None:
    figure, axes = canvas(3, 2, height=11.0, width=11.0)
    draw_zone(axes[0], "int-dt")
    draw_zone(axes[1], "int-dt-b")
    draw_width(axes[2], "psi", COSTS, ("lam", (10.0, 30.0, 90.0)), "hedge cost ψ")
    draw_width(axes[3], "lam", FLOWS, ("psi", (0.1, 0.2, 0.8)), "client flow λ")
    draw_bbg(axes[4])
    draw_quotes(axes[5])
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/models")
    save_png(figure, folder / "dealer.png", dpi=110)
    print(folder / "dealer.png")


if __name__ == "__main__":
    main()
