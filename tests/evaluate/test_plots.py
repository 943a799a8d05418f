import json

import numpy as np
import pytest
from PIL import Image

from jaxmm.errors import InputError
from jaxmm.evaluate.curves import read_curves
from jaxmm.evaluate.drawing import MOST_POINTS, envelope, save_png, style, thin, to_svg
from jaxmm.evaluate.plots import (
    MOST_FILLS,
    equity_plot,
    fills_plot,
    inventory_plot,
    mark_out_plot,
    quotes_plot,
    training_plot,
)


@pytest.fixture
def metrics_file(tmp_path):
    lines = [{"update": u, "env_steps": 128 * u, "reward": [u / 10, None], "loss": 1.0 / (u + 1)} for u in range(20)]
    lines += [{"update": 20, "env_steps": 2560, "reward": [2.0, 1.0], "validation": [3.0, 4.0]}]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_picture_is_drawn_with_axes_that_say_what_they_show(contest, metrics_file):
    rows = contest.of("risk_averse")
    backtest = rows[3].results[0].backtest
    pictures = {
        "net P&amp;L (quote currency)": equity_plot(rows),
        "lots": inventory_plot(rows),
        "price (quote currency)": quotes_plot(backtest),
        "evenly sampled": fills_plot(backtest),
        "ticks per lot": mark_out_plot(rows),
        "env_steps": training_plot(read_curves(metrics_file, ["reward", "loss", "validation"])),
    }
    for text, figure in pictures.items():
        svg = to_svg(figure)
        assert text in svg
        assert "currentColor" in svg
        assert "time (UTC)" in svg or text in ("ticks per lot", "env_steps")


def test_a_quoter_without_fills_is_drawn_too(contest):
    row = contest.of("risk_averse")[2]
    assert row.metrics[0].fills == 0
    assert "0 fills" in to_svg(fills_plot(row.results[0].backtest))
    assert to_svg(quotes_plot(row.results[0].backtest)).startswith("<svg")
    assert to_svg(mark_out_plot([row])).startswith("<svg")


def test_the_excerpt_is_where_the_fills_are(put_together):
    rows = [(k * 10**9, 200, max(0, min(k - 79, 5)), 99, 0) for k in range(100)]
    fills = [(k, 0, k * 10**9 - 1, 1, 99, 1, True, 200, 0.0) for k in range(80, 85)]
    (axes,) = quotes_plot(put_together(rows, fills, [(0, 200), (10**12, 200)]), decisions=10).axes
    bought = next(c for c in axes.collections if c.get_label() == "bought")
    assert len(bought.get_offsets()) == 5


def test_a_long_backtest_is_drawn_with_few_points_and_keeps_its_peaks():
    values = np.zeros(100_000, np.int64)
    values[77_777] = 9
    starts, low, high = envelope(values)
    assert len(starts) <= MOST_POINTS
    assert (low.min(), high.max()) == (0, 9)
    at = thin(100_000)
    assert (len(at), at[0], at[-1]) == (MOST_POINTS, 0, 99_999)
    assert thin(3).tolist() == [0, 1, 2]


def test_many_fills_are_sampled_and_the_title_says_so(simulate):
    (axes,) = fills_plot(simulate(decisions=400)).axes
    count = sum(len(c.get_offsets()) for c in axes.collections if c.get_label() in ("bought", "sold"))
    assert count == MOST_FILLS
    assert f"{MOST_FILLS} of " in axes.get_title(loc="left")


def test_two_quoters_never_look_alike_and_the_same_figure_gives_the_same_bytes(contest):
    assert len({style(index) for index in range(24)}) == 24
    rows = contest.of("touch")
    assert to_svg(equity_plot(rows)) == to_svg(equity_plot(rows))


def test_a_picture_file_is_opaque_and_leaves_nothing_beside_it(contest, tmp_path):
    save_png(mark_out_plot(contest.of("touch")), tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    with Image.open(tmp_path / "picture.png") as image:
        assert image.getpixel((1, 1)) == (255, 255, 255, 255)


def test_training_curves_keep_seeds_apart_and_mark_gaps(metrics_file):
    curves = read_curves(metrics_file, ["reward", "loss", "validation"])
    reward, loss, validation = (values for _, values in curves.series)
    assert curves.x[-1] == 2560
    assert reward[20].tolist() == [2.0, 1.0]
    assert np.isnan(reward[3, 1])
    assert loss.shape == (21, 1)
    assert np.isnan(validation[:20]).all()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "empty; training wrote no metrics"),
        ('{"env_steps": 1, "reward": 2}\n{"env_st', "line 2 is not JSON"),
        ('{"update": 1}\n', "line 1 has no 'env_steps'"),
        ('{"env_steps": 1, "rewards": 2}\n', "no line reports 'reward'; did you mean 'rewards'"),
    ],
)
def test_a_metrics_file_that_cannot_be_read_is_refused_with_its_line(tmp_path, content, sentence):
    path = tmp_path / "metrics.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"metrics\.jsonl: {sentence}"):
        read_curves(path, ["reward"])


def test_a_missing_metrics_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_curves(tmp_path / "metrics.jsonl", ["reward"])
