"""The pictures of docs/models/calibration.md, from recordings:

./.venv/bin/python scripts/calibration_pictures.py FUTURES_STORE DAY_STORE [docs/models]
"""

import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from jaxmm.calibrate.hawkes import HawkesFit, fit_hawkes, rescaled_waits
from jaxmm.calibrate.orders import market_orders, untied_seconds
from jaxmm.calibrate.queue_reactive import KINDS, queue_reactive
from jaxmm.calibrate.quoting import calibrate, span_s
from jaxmm.calibrate.regimes import chosen_step_s, fit_regimes, mid_returns, posterior
from jaxmm.data.store import open_store
from jaxmm.evaluate.drawing import COLOURS, canvas, dates, save_png, time_axis
from jaxmm.markets.hawkes import Events
from jaxmm.runs.calibrating import tape_of
from jaxmm.tape.tape import Tape


def main() -> None:
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else "docs/models")
    figure, axes = canvas(2, 2, width=10.0, height=7.4)
    with tape_of(open_store(sys.argv[1])) as futures, tape_of(open_store(sys.argv[2])) as day:
        reach(axes[0], futures)
        clusters(axes[1], futures)
        queues(axes[2], futures)
        regimes(axes[3], day)
    save_png(figure, folder / "calibration.png")
    print(folder / "calibration.png")


def orders_of(tape: Tape):
    return market_orders(np.asarray(tape.exch_ts), np.asarray(tape.event), np.asarray(tape.best))


def reach(axes: Axes, tape: Tape) -> None:
    """How often orders reach a depth, and the line that A and k are."""
    found, reaches = calibrate(tape), orders_of(tape).reach
    depths = np.arange(0.5, 6 / found.k)
    counts = np.array([(reaches >= depth).sum() for depth in depths])
    seen = counts > 0
    rate = counts[seen] / (2 * span_s(tape))
    axes.errorbar(
        depths[seen], rate, rate / np.sqrt(counts[seen]), fmt=".", color=COLOURS[0], label="orders that reach δ"
    )
    line = found.A * np.exp(-found.k * depths)
    axes.plot(depths, line, color=COLOURS[1], label=f"{found.A:.2f}·exp(−{found.k:.4f} δ)")
    axes.set_yscale("log")
    axes.set_title(f"{tape.instrument.symbol}: fill intensity of one side", loc="left")
    axes.set_xlabel("δ, ticks from the mid")
    axes.set_ylabel("1/s")
    axes.legend(fontsize=8.5)


def clusters(axes: Axes, tape: Tape) -> None:
    """Rescaled waits against Exp(1): Hawkes, and Poisson of the same rate."""
    orders = orders_of(tape)
    seconds, _ = untied_seconds(orders.ts_ns, int(tape.exch_ts[0]))
    sells = (orders.sign < 0).astype(np.int64)
    fit = fit_hawkes(Events(seconds, sells), max(span_s(tape), float(seconds[-1])), components=2)
    buys = seconds[sells == 0]
    for waits, label, colour in (
        (_waits(fit, seconds, sells), "Hawkes, two components", COLOURS[0]),
        (np.diff(buys) / np.diff(buys).mean(), "Poisson", COLOURS[1]),
    ):
        expected = -np.log(1 - (np.arange(len(waits)) + 0.5) / len(waits))
        axes.plot(expected, np.sort(waits), ".", markersize=3, color=colour, label=label)
    axes.plot([1e-4, 10], [1e-4, 10], color="#8a9099", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1e-3, 12)
    axes.set_ylim(1e-3, 20)
    axes.set_title("Buyers' orders: waits in integrated rate", loc="left")
    axes.set_xlabel("quantile of Exp(1)")
    axes.set_ylabel("quantile found")
    axes.legend(fontsize=8.5)


def _waits(fit: HawkesFit, seconds: np.ndarray, sells: np.ndarray) -> np.ndarray:
    model = fit.model
    return rescaled_waits(seconds, sells, 0, np.array(model.mu), np.array(model.alpha), np.array(model.beta))


def queues(axes: Axes, tape: Tape) -> None:
    """Rates at the first level by the queue's size."""
    found = queue_reactive(tape, levels=1, sizes=21)
    sizes = np.arange(20)
    for kind, rates, errors, colour in zip(KINDS, found.rates, found.rates_se, COLOURS, strict=False):
        axes.errorbar(sizes, rates[0, :20], errors[0, :20], fmt=".-", color=colour, linewidth=1, label=kind)
    axes.set_title("Queue-reactive rates, level 1, one side", loc="left")
    axes.set_xlabel(f"queue, in average events of {found.unit_lots[0]:.0f} lots")
    axes.set_ylabel("1/s")
    axes.set_ylim(0, None)
    axes.legend(fontsize=8.5)


def regimes(axes: Axes, tape: Tape) -> None:
    """Probability of the loud state over a day, and absolute returns."""
    ts_ns, mid = np.asarray(tape.ts_ns), np.asarray(tape.book_price[:, :, 0]).mean(axis=1)
    step_s = chosen_step_s(ts_ns, mid, 2)
    returns = mid_returns(ts_ns, mid, step_s)
    fit = fit_regimes(returns, 2, step_s)
    loud = posterior(returns, fit.chain)[:, 1]
    every = math.ceil(600 / step_s)
    blocks = len(loud) // every
    middle = dates(ts_ns[0] + ((np.arange(blocks) + 0.5) * every * step_s * 1e9).astype(np.int64))
    share = loud[: blocks * every].reshape(blocks, every).mean(axis=1)
    size = np.sqrt(np.square(returns[: blocks * every]).reshape(blocks, every).mean(axis=1) / step_s)
    axes.plot(middle, size, color=COLOURS[0], linewidth=1, label="σ of 10 minutes, ticks/√s")
    low, high = fit.chain.sigma / math.sqrt(step_s)
    mixed = np.sqrt((1 - share) * low**2 + share * high**2)
    axes.plot(middle, mixed, "--", color=COLOURS[1], linewidth=1, label="of the regimes that the chain finds")
    for sigma in (low, high):
        axes.axhline(sigma, color="#8a9099", linewidth=0.8)
    axes.set_title(f"{tape.instrument.symbol}: two regimes ({low:.1f} and {high:.1f} ticks/√s)", loc="left")
    axes.legend(fontsize=8.5)
    time_axis(axes)
    axes.tick_params(axis="x", labelsize=8)


if __name__ == "__main__":
    main()
