"""A sweep's picture: each set in its cell, the best over what is not drawn, a ring where it is."""

import numpy as np
import pytest

from jaxmm.evaluate.drawing import save_png
from jaxmm.evaluate.heat_map import heat_map
from jaxmm.evaluate.sweep import Sweep
from jaxmm.evaluate.sweep_sums import Scores
from jaxmm.strategies.skewed import SkewedSpread
from tests.evaluate.conftest import INSTRUMENT

HALF, SKEW, LOTS = (axis.ravel() for axis in np.meshgrid([0.5, 1.0, 4.0], [0.0, 0.2], [1, 2], indexing="ij"))
NET = np.array([-4.0, -3, -5, -6, 1, 2, 0, -1, 3, 1, -2, np.nan])


def swept(net: np.ndarray = NET) -> Sweep:
    """Twelve sets, of which the last one's fills are not known."""
    scores = Scores.empty(len(net), INSTRUMENT)._replace(net_pnl=net, outside=np.isnan(net).astype(np.int64))
    sets = SkewedSpread(HALF, SKEW, LOTS, np.full(len(net), 10))
    return Sweep(INSTRUMENT, "risk_averse", "10ms", 100, 1, sets, scores, np.ones(len(net), bool), None)


def ring(axes) -> tuple[float, float]:
    x, y = axes.lines[-1].get_data()
    return float(x[0]), float(y[0])


def test_a_cell_is_the_best_of_its_sets_and_the_ring_is_round_the_best_of_all(tmp_path):
    figure = heat_map(swept(), ("half_spread_ticks", "skew_ticks", "lots"), True)
    axes, bar = figure.axes
    assert axes.images[0].get_array().tolist() == [[-3, 2, 3], [-5, 0, -2]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.5", "1", "4"]
    assert ring(axes) == (2, 0)
    assert "12 sets" in axes.get_title(loc="left")
    assert "the best over lots" in axes.get_title(loc="left")
    assert bar.get_ylim() == (-6, 3)
    assert axes.images[0].norm(0.0) == 0.5
    save_png(figure, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5000


def test_where_all_lose_no_cell_looks_like_a_gain():
    axes, bar = heat_map(swept(-np.abs(NET) - 1), ("half_spread_ticks", "skew_ticks"), True).axes
    assert axes.images[0].norm(axes.images[0].get_array()).max() < 0.5
    assert bar.get_ylim() == (-7, -1)


def test_a_sample_is_points_of_which_the_best_is_ringed():
    axes, _ = heat_map(swept(), ("half_spread_ticks", "skew_ticks"), False).axes
    assert axes.collections[0].get_array().tolist() == sorted(NET[:-1])
    assert ring(axes) == (4.0, 0.0)


def test_one_parameter_is_a_line_and_no_known_set_an_empty_page():
    (axes,) = heat_map(swept(), ("half_spread_ticks",), True).axes
    assert ring(axes) == (4.0, 3.0)
    (empty,) = heat_map(swept(np.full(12, np.nan)), ("half_spread_ticks",), True).axes
    assert "No set" in empty.get_title(loc="left")


@pytest.mark.parametrize("net", [np.zeros(12), np.full(12, 2.0)])
def test_sets_that_all_earn_the_same_are_drawn_too(net, tmp_path):
    save_png(heat_map(swept(net), ("half_spread_ticks", "skew_ticks"), True), tmp_path / "map.png")
