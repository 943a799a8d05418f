"""What a change of the displayed quantity says about our place in the queue: the queue models, written once.

The functions take numpy's floats (whose 0/0 is NaN) or JAX arrays alike. Quantities are lots, `front` the lots ahead of
us, which may be fractional and, between a fill's fraction and its rounding, below zero. n is a model's exponent.

Source: `power`, `power2`, `power3`, `log` and `log2` are the probability models of hftbacktest's documentation (Order
Fill, "Probability Queue Models"), on the form f(b)/(f(b) + f(a)) with f a power or a logarithm.
"""

from types import ModuleType
from typing import Any

from jaxmm.exchange.types import QueueModel

Array = Any


def behind(model: QueueModel, n: float, front: Array, back: Array, lot: Array, xp: ModuleType) -> Array:
    """Probability that a decrease of the displayed quantity happened behind us; NaN where nobody is in the queue.

    Powers are of shares of the queue, which stay in float32's range. `lot` is the size of one lot in the instrument's
    quantity, which the logarithms are taken of.
    """
    if model is QueueModel.POWER:
        b, f = back / (back + front), front / (back + front)
        return b**n / (b**n + f**n)
    if model is QueueModel.POWER2:
        return (back / (back + front)) ** n
    if model is QueueModel.POWER3:
        return 1 - (front / (front + back)) ** n
    if model is QueueModel.LOG:
        return xp.log1p(back * lot) / (xp.log1p(back * lot) + xp.log1p(front * lot))
    if model is QueueModel.LOG2:
        return xp.log1p(back * lot) / xp.log1p((back + front) * lot)
    raise AssertionError(f"{model.name} has no probability")


def after_depth(
    model: QueueModel, n: float, front: Array, traded: Array, before: Array, now: Array, lot: Array, xp: ModuleType
) -> Array:
    """Lots ahead of us once the displayed quantity at our price has changed from `before` to `now`.

    `traded` lots printed at our price since the last such change and are already taken off `front`. What else is gone
    was cancelled, ahead of us or behind.
    """
    back = before - front
    cancelled = before - now - traded
    probability = behind(model, n, front, back, lot, xp)
    probability = xp.where(xp.isinf(probability), 1.0, probability)
    spill = xp.fmin(back - probability * cancelled, 0.0)
    estimate = front - (1 - probability) * cancelled + spill
    return xp.fmin(xp.where(cancelled < 0, front, estimate), now)
