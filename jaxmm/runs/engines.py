"""Which engine an environment runs on, and what of the market it holds (DESIGN §6).

Windows and events give the same fills. A decision on windows costs a lookup, so training takes them where they are
exact; what they cannot do is refused by name, and `auto` then takes events.
"""

from jaxmm.config import Config, DiscreteGrid
from jaxmm.errors import NotExact
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.market import Market
from jaxmm.exchange.replay import BATCH, Replay, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.exchange.window import window_replay_of
from jaxmm.exchange.window_lookup import check_rules
from jaxmm.exchange.window_table import Levels
from jaxmm.tape.tape import Tape

BEHIND = 8
"""Levels beyond the furthest that an action names, for orders that wait while the market moves away."""
OFFERS = 12
"""Levels of the opposite side that a flatten can reach."""


def rules_of(config: Config) -> Rules:
    """The fill model and order type of every order."""
    return Rules.of(FillModel.parse(config.venue.fills), OrderType.parse(config.venue.order_type))


def replay_for(config: Config, tape: Tape, latency: Latency, limits: Limits | None, engine: str) -> Market:
    """The tape for `engine`: `window`, `event`, or `auto`, which is windows where they are exact.

    Raises `NotExact` where windows are asked for and cannot be exact.
    """
    if engine != "event":
        try:
            return _on_windows(config, tape, latency, limits)
        except NotExact:
            if engine == "window":
                raise
    return replay_of(tape, latency, max(config.env.queue_levels, tape.levels), BATCH, limits)


def engine_of(market: Market) -> str:
    """`event` or `window`."""
    return "event" if isinstance(market, Replay) else "window"


def _on_windows(config: Config, tape: Tape, latency: Latency, limits: Limits | None) -> Market:
    check_rules(rules_of(config), 1, limits)
    levels = Levels(behind=_furthest(config) + 1 + BEHIND, inside=2, offers=OFFERS)
    replay: Market = window_replay_of(tape, latency, FillModel.parse(config.venue.fills), levels)
    return replay


def _furthest(config: Config) -> int:
    """The largest offset from the touch that an action names, in ticks."""
    actions = config.env.actions
    if isinstance(actions, DiscreteGrid):
        return max(*actions.bid_offsets, *actions.ask_offsets, 0)
    return actions.max_offset
