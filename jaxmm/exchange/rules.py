"""What counts as a fill and what the venue accepts, as the engines read it: numbers that may differ between the
environments of a batch, and choices that a compiled program is made for."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxmm.exchange.types import FillModel, OrderType, QueueModel

Array = Any


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("queue_counts", "no_queue", "partial"),
    meta_fields=("order_type", "model", "n", "shares", "in_turn"),
)
@dataclass(frozen=True)
class Rules:
    """A fill model and an order type.

    Attributes:
        queue_counts: bool, trades at our price and the displayed quantity move us (not in `penetration`); traced.
        no_queue: bool, nobody is ahead on arrival (`touch`); traced.
        partial: bool, fill no more than the volume that came; traced.
        order_type: of every order.
        model: the queue model where it is probabilistic, and RISK_AVERSE for the others, which differ by numbers.
        n: exponent of the model.
        shares: several orders of a side share the volume of a trade (rule 7); without, each is offered all of it.
        in_turn: several new orders of a side share what they take on arrival; without, none of them takes.
    """

    queue_counts: Array
    no_queue: Array
    partial: Array
    order_type: OrderType = OrderType.POST_ONLY
    model: QueueModel = QueueModel.RISK_AVERSE
    n: float = 0.0
    shares: bool = False
    in_turn: bool = False

    @classmethod
    def of(cls, model: FillModel, order_type: OrderType = OrderType.POST_ONLY, orders: int = 1) -> "Rules":
        """The rules of a fill model, for up to `orders` orders a side."""
        flags = (model.queue != QueueModel.PENETRATION, model.queue == QueueModel.TOUCH, model.partial)
        family = model.queue if model.queue.probabilistic else QueueModel.RISK_AVERSE
        counts, none, part = (jnp.asarray(flag) for flag in flags)
        several = orders > 1
        takes = order_type != OrderType.POST_ONLY
        return cls(counts, none, part, order_type, family, model.n, model.partial and several, takes and several)

    @property
    def post_only(self) -> bool:
        """Whether what would take on arrival is rejected."""
        return self.order_type == OrderType.POST_ONLY
