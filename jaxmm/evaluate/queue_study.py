"""Queue models against a day of real queues: fit on its first part, scored once on its last.

Letters: O hypothetical orders, K undecided cancellations, B blocks of time, G exponents, R draws. A cancellation is
undecided where the hypothetical order had others ahead and behind: a queue model must guess whose it was.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from jaxmm.data.bitstamp import Log
from jaxmm.data.fifo import Clean
from jaxmm.data.fifo_check import check_orders
from jaxmm.evaluate.queue_guess import BTC_PER_LOT, guess, guesses
from jaxmm.evaluate.queue_truth import NEVER, Orders, Queues, Truth, place_orders, queues_of, truth_of
from jaxmm.exchange.queues import behind
from jaxmm.exchange.types import FillModel, QueueModel

MS_PER_S, S_PER_HOUR = 1000, 3600
FITTED = (QueueModel.POWER, QueueModel.POWER2, QueueModel.POWER3)
LEVEL = "level"
"""The horizon that ends when the last displayed lot at the price is gone."""
TOUCH = "rank 1"
BINS = 10


@dataclass(frozen=True)
class Settings:
    """What was asked; times are of the recorder's clock, hours from midnight UTC."""

    every_s: int = 10  # between hypothetical orders
    ranks: tuple[int, ...] = (1, 2, 3, 5)  # 1 is the touch
    horizons_s: tuple[int, ...] = (10, 60, 300)
    longest_s: int = 900  # nothing is followed for longer; the level's horizon ends here too
    fit_until_h: float = 14.75  # the last order of the fit
    score_from_h: float = 15.25  # the first of the score: later than the longest horizon of the last of the fit
    block_s: int = 900  # of the bootstrap
    draws: int = 2000
    exponents: tuple[float, ...] = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24)  # tried for the least error of the fills
    large_btc: tuple[float, float] = (0.25, 2.0)  # bounds of small, middle and large queues ahead
    seed: int = 0


class Part(NamedTuple):
    """Some of the orders, by a bool mask, and their blocks of time."""

    orders: np.ndarray  # bool [O]
    block: np.ndarray  # int64 [O], from 0 within the part


class Day(NamedTuple):
    """All that the scores are made of."""

    settings: Settings
    queues: Queues
    orders: Orders
    truth: Truth
    fit: Part
    score: Part
    skipped: int  # times of the clock without orders


def study(log: Log, clean: Clean, settings: Settings) -> dict[str, Any]:
    """The whole study as plain values, as JSON holds them."""
    day = _day(log, clean, settings)
    fits = {model.name.lower(): fit_exponent(day, model) for model in FITTED}
    least = {model.name.lower(): least_error(day, model) for model in FITTED}
    models = [FillModel(QueueModel.PENETRATION), FillModel(QueueModel.RISK_AVERSE)]
    models += [FillModel(model, n=fits[model.name.lower()]["n"]) for model in FITTED]
    models += [FillModel.parse(name) for name in ("power3(3)", "log", "log2", "touch")]
    found = {
        "settings": asdict(settings),
        "integrity": check_orders(log, clean).to_dict(),
        "orders": _described(day),
        "cancellations": {"fit": _cancellations(day, day.fit), "score": _cancellations(day, day.score)},
        "fit": fits,
        "other_losses": _other_losses(day),
        "least_error": least,
        "scores": [row for model in models for row in _scores(day, model)],
    }
    return _plain(found)


def _plain(value: Any) -> Any:
    """The same with six digits to a number, None for what is none, and lists: what JSON gives back."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _day(log: Log, clean: Clean, settings: Settings) -> Day:
    queues = queues_of(clean.events)
    every, longest = settings.every_s * MS_PER_S, settings.longest_s * MS_PER_S
    orders, skipped = place_orders(log, clean, queues, every_ms=every, ranks=settings.ranks, longest_ms=longest)
    midnight = int(log.messages.recv_ms[0]) // (24 * S_PER_HOUR * MS_PER_S) * 24 * S_PER_HOUR * MS_PER_S
    hour = (orders.placed_ms - midnight) / (S_PER_HOUR * MS_PER_S)
    block = (orders.placed_ms - midnight) // (settings.block_s * MS_PER_S)
    parts = [Part(which, block) for which in (hour < settings.fit_until_h, hour >= settings.score_from_h)]
    fit, score = (Part(part.orders, part.block - part.block[part.orders].min(initial=2**40)) for part in parts)
    return Day(settings, queues, orders, truth_of(queues, orders), fit, score, skipped)


# --- the exponent ---------------------------------------------------------------------------------------------------


def surprise(model: QueueModel, n: np.ndarray | float, truth: Truth, of: np.ndarray) -> np.ndarray:
    """Minus the log-likelihood of where each cancellation was, [K, G], of the orders in the mask `of` [O]."""
    which = of[truth.order]
    ahead, back = (side[which, None].astype(np.float64) for side in (truth.ahead, truth.behind))
    whole = ahead + back if model in FITTED else np.ones_like(ahead)  # ratios alone matter to these: no overflow
    p = behind(model, n, ahead / whole, back / whole, np.float64(BTC_PER_LOT), np)  # type: ignore[arg-type]
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -np.log(np.where(truth.was_behind[which, None], p, 1 - p))


def fit_exponent(day: Day, model: QueueModel) -> dict[str, Any]:
    """The likeliest n on the fit part, its interval over blocks of time, and the loss per cancellation in nats."""
    grid = np.geomspace(0.02, 50.0, 400)
    losses = surprise(model, grid, day.truth, day.fit.orders)
    block = day.fit.block[day.truth.order[day.fit.orders[day.truth.order]]]
    sums = np.stack([np.bincount(block, weights=column) for column in losses.T], axis=1)  # [B, G]
    drawn = _weights(day.settings, len(sums)) @ sums
    low, high = np.quantile(grid[drawn.argmin(axis=1)], (0.025, 0.975))
    best = int(losses.sum(axis=0).argmin())
    n = round(float(grid[best]), 2)
    interval = {"n": n, "low": round(float(low), 2), "high": round(float(high), 2)}
    curve = {"n": grid[::10].tolist(), "loss": losses.mean(axis=0)[::10].tolist()}
    return {**interval, "loss": _loss(day, model, n), "curve": curve}


def _other_losses(day: Day) -> dict[str, dict[str, float]]:
    """Losses of what has no n to fit, and of one probability for all, which is the share behind in the fit part."""
    truth = day.truth
    share = truth.was_behind[day.fit.orders[truth.order]].mean()
    constant = -np.log(np.where(truth.was_behind, share, 1 - share))
    parts = {"fit": day.fit, "score": day.score}
    return {
        "one share for all": {name: float(constant[part.orders[truth.order]].mean()) for name, part in parts.items()},
        "log": _loss(day, QueueModel.LOG, 0.0),
        "log2": _loss(day, QueueModel.LOG2, 0.0),
        "power3(3)": _loss(day, QueueModel.POWER3, 3.0),
    }


def _loss(day: Day, model: QueueModel, n: float) -> dict[str, float]:
    parts = {"fit": day.fit, "score": day.score}
    return {name: float(surprise(model, n, day.truth, part.orders).mean()) for name, part in parts.items()}


def least_error(day: Day, model: QueueModel) -> dict[str, Any]:
    """The n of the grid with the least mean error of the time to fill, cut off at the longest of the horizons, in s."""
    n = np.array(day.settings.exponents)
    horizon = day.settings.horizons_s[-1]
    of = day.fit.orders
    true = np.minimum(_seconds(day, day.truth.fill), horizon)[of]
    guessed = np.minimum(_seconds(day, guesses(day.queues, day.orders, model, n)), horizon)[of]
    errors = np.abs(guessed - true[:, None]).mean(axis=0)
    return {"n": float(n[errors.argmin()]), "exponents": n.tolist(), "error_s": errors.tolist()}


# --- scores ---------------------------------------------------------------------------------------------------------


def groups_of(day: Day) -> dict[str, np.ndarray]:
    """Names and masks [O] of the orders that are scored together."""
    orders, btc = day.orders, day.orders.ahead * BTC_PER_LOT
    small, large = day.settings.large_btc
    touch = orders.rank == 1
    groups = {f"rank {rank}": orders.rank == rank for rank in day.settings.ranks}
    groups |= {
        f"touch, below {small:g} BTC ahead": touch & (btc < small),
        f"touch, {small:g} to {large:g} BTC ahead": touch & (btc >= small) & (btc < large),
        f"touch, {large:g} BTC or more ahead": touch & (btc >= large),
        "touch, one order ahead": touch & (orders.ahead_orders == 1),
        "touch, several orders ahead": touch & (orders.ahead_orders > 1),
        "touch, someone cancelled between": touch & np.isin(np.arange(len(touch)), day.truth.order),
    }
    return groups


def _scores(day: Day, model: FillModel) -> list[dict[str, Any]]:
    fill = guess(day.queues, day.orders, model)
    cautious = guess(day.queues, day.orders, FillModel(QueueModel.RISK_AVERSE))
    rows = []
    for group, mask in groups_of(day).items():
        of = day.score.orders & mask
        horizons: tuple[int | str, ...] = (*day.settings.horizons_s, LEVEL)
        for horizon in horizons if group == TOUCH else horizons[-2:]:
            row = _score(day, of, horizon, fill, cautious)
            rows.append({"model": model.name, "group": group, "horizon": horizon, **row})
    return rows


def _score(
    day: Day, of: np.ndarray, horizon: int | str, fill: np.ndarray, cautious: np.ndarray
) -> dict[str, int | float | list[float]]:
    """Shares of orders, and seconds; in brackets the 95 % interval over blocks."""
    cut = float(day.settings.longest_s if horizon == LEVEL else horizon)
    true, guessed, other = (_within(day, events, horizon)[of] for events in (day.truth.fill, fill, cautious))
    seconds, guessed_s = _seconds(day, day.truth.fill)[of], _seconds(day, fill)[of]
    both = true & guessed
    wrong = true != guessed
    late = np.where(both, guessed_s - np.where(both, seconds, 0), 0.0)
    cut_error = np.abs(np.where(guessed, guessed_s, cut) - np.where(true, seconds, cut))
    one = np.ones(len(true))
    draws = _weights(day.settings, int(day.score.block.max()) + 1)
    block = day.score.block[of]

    def share(above: np.ndarray, below: np.ndarray = one) -> list[float]:
        return _ratio(above.astype(np.float64), below.astype(np.float64), block, draws)

    return {
        "orders": len(true),
        "true_fills": share(true),
        "fills": share(guessed),
        "false_fills": share(guessed & ~true),
        "missed_fills": share(true & ~guessed),
        "wrong": share(wrong),  # the Brier score of a yes or no
        "wrong_less_risk_averse": share(wrong.astype(np.float64) - (other != true)),
        "late_s": share(late, both),
        "late_median_s": float(np.median(late[both])) if both.any() else float("nan"),
        "same_time": share(both & (late == 0), both),
        "cut_error_s": share(cut_error),
    }


def _within(day: Day, fill: np.ndarray, horizon: int | str) -> np.ndarray:
    if horizon == LEVEL:
        return (fill < NEVER) & (fill <= day.truth.empty)
    return _seconds(day, fill) <= float(horizon)


def _seconds(day: Day, fill: np.ndarray) -> np.ndarray:
    """Time to fill in s, [O] or [O, G]; infinite where there is none."""
    received = day.queues.events.recv_ms
    placed = day.orders.placed_ms.reshape(-1, *(1 for _ in fill.shape[1:]))
    taken = (received[np.minimum(fill, len(received) - 1)] - placed) / MS_PER_S
    return np.where(fill < NEVER, taken, np.inf)


def _weights(settings: Settings, blocks: int) -> np.ndarray:
    """How often each block is in each draw, float64 [R, B]."""
    rng = np.random.default_rng(settings.seed)
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=settings.draws).astype(np.float64)


def _ratio(above: np.ndarray, below: np.ndarray, block: np.ndarray, draws: np.ndarray) -> list[float]:
    """[low, estimate, high] of Σ above / Σ below, blocks of time drawn again; NaN where nothing is below."""
    if not below.any():
        return [float("nan")] * 3
    sums = [np.bincount(block, weights=values, minlength=draws.shape[1]) for values in (above, below)]
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanquantile((draws @ sums[0]) / (draws @ sums[1]), (0.025, 0.975))
        return [float(low), float(above.sum() / below.sum()), float(high)]


# --- what there is --------------------------------------------------------------------------------------------------


def _described(day: Day) -> dict[str, Any]:
    """The orders of the scored part by rank: how long the queues were, and how they truly ended."""
    ranks = {}
    for rank in day.settings.ranks:
        of = day.score.orders & (day.orders.rank == rank)
        filled = day.truth.fill[of] < NEVER
        ranks[str(rank)] = {
            "orders": int(of.sum()),
            "median_ahead_btc": float(np.median(day.orders.ahead[of]) * BTC_PER_LOT),
            "one_order_ahead": float((day.orders.ahead_orders[of] == 1).mean()),
            "filled": float(filled.mean()),
            "filled_at_the_price": float((day.truth.fill < day.orders.through)[of].mean()),
            "emptied_first": float((day.truth.empty[of] < np.minimum(day.truth.fill, NEVER)[of]).mean()),
            "a_cancellation_undecided": float(np.isin(np.flatnonzero(of), day.truth.order).mean()),
        }
    counts = {"fit": int(day.fit.orders.sum()), "score": int(day.score.orders.sum())}
    return {"ranks": ranks, **counts, "times_skipped": day.skipped, "overtaken": int(day.truth.overtaken)}


def _cancellations(day: Day, part: Part) -> dict[str, Any]:
    """Undecided cancellations, and how often they were behind, by the share of the queue that was behind."""
    truth = day.truth
    of = part.orders[truth.order]
    share = truth.behind[of] / (truth.ahead[of] + truth.behind[of])
    bins = np.minimum((share * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    was_behind = np.bincount(bins, weights=truth.was_behind[of], minlength=BINS)
    shares = np.bincount(bins, weights=share, minlength=BINS)
    return {
        "count": int(of.sum()),
        "behind": float(truth.was_behind[of].mean()),
        "lots_behind": float(truth.lots[of] @ truth.was_behind[of] / truth.lots[of].sum()),
        "queue_behind": float(share.mean()),
        "bins": {
            "count": count.tolist(),
            "share_of_queue": _divided(shares, count),
            "was_behind": _divided(was_behind, count),
        },
    }


def _divided(above: np.ndarray, below: np.ndarray) -> list[float | None]:
    return [float(a / b) if b else None for a, b in zip(above, below, strict=True)]
