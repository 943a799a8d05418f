"""The names of risk: reason codes (stable: they stand in journals, metrics and alerts) and what a breach leads to."""

from enum import IntEnum, StrEnum


class Reason(StrEnum):
    """Why risk stepped in. Each is one named check; the text is its stable code."""

    # checks of one request, before it is sent
    EXPOSURE = "exposure"  # with every open order of its side filled, the position would be beyond the largest
    ORDER_SIZE = "order_size"
    ORDER_NOTIONAL = "order_notional"
    PRICE_BAND = "price_band"  # too far from mid or mark, or neither is known
    OPEN_ORDERS = "open_orders"
    SELF_TRADE = "self_trade"
    MESSAGE_RATE = "message_rate"
    MESSAGE_BUDGET = "message_budget"
    QUOTE_LIFE = "quote_life"  # the order is too young to be cancelled for a better price
    NOT_QUOTING = "not_quoting"  # pulled, reducing or halted: the state does not allow it

    # checks of where we stand
    POSITION = "position"  # it is beyond the largest
    STALE_BOOK = "stale_book"
    CROSSED_BOOK = "crossed_book"
    SEQUENCE_GAP = "sequence_gap"
    USER_STREAM = "user_stream"  # we do not hear of our own orders
    CLOCK_SKEW = "clock_skew"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    STOP_LOSS = "stop_loss"
    POSITION_MISMATCH = "position_mismatch"
    BALANCE_MISMATCH = "balance_mismatch"
    POLICY_OUTPUT = "policy_output"  # it is not finite, outside its bounds, late, or there is none
    DISSIMILARITY = "dissimilarity"  # what the policy sees is unlike what it was trained on
    NO_QUOTER = "no_quoter"  # neither the policy nor the baseline can decide
    KILL_FILE = "kill_file"
    KILL_SIGNAL = "kill_signal"
    COMMAND = "command"  # a person's halt
    RECOVERY = "recovery"  # the start found books that do not balance
    STAGE = "stage"  # the rollout was led down to paper, and this process trades live
    INTERNAL = "internal"  # an error of our own program


class Action(IntEnum):
    """What a breach leads to; each includes those above it."""

    BLOCK = 0
    """The one request is not sent."""
    PULL = 1
    """No quotes as long as it lasts, and a hold time longer: all are cancelled."""
    FALL_BACK = 2
    """All are cancelled, and the baseline decides as long as it lasts; nobody else to ask is `NO_QUOTER`."""
    REDUCE = 3
    """Latched: all are cancelled, then only orders that reduce the position; a halt once it is flat."""
    HALT = 4
    """Latched: all are cancelled, nothing is quoted."""


class State(StrEnum):
    """What the quoter may do. It only goes down, unless a person releases it."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Quoting(StrEnum):
    """What may rest at the venue now."""

    BOTH = "both"
    REDUCE_ONLY = "reduce_only"
    NONE = "none"


DEFAULT_ACTIONS: dict[Reason, Action] = {
    Reason.EXPOSURE: Action.BLOCK,
    Reason.ORDER_SIZE: Action.HALT,
    Reason.ORDER_NOTIONAL: Action.HALT,
    Reason.PRICE_BAND: Action.PULL,
    Reason.OPEN_ORDERS: Action.BLOCK,
    Reason.SELF_TRADE: Action.PULL,
    Reason.MESSAGE_RATE: Action.PULL,
    Reason.MESSAGE_BUDGET: Action.HALT,
    Reason.QUOTE_LIFE: Action.BLOCK,
    Reason.NOT_QUOTING: Action.BLOCK,
    Reason.POSITION: Action.REDUCE,
    Reason.STALE_BOOK: Action.PULL,
    Reason.CROSSED_BOOK: Action.PULL,
    Reason.SEQUENCE_GAP: Action.PULL,
    Reason.USER_STREAM: Action.PULL,
    Reason.CLOCK_SKEW: Action.PULL,
    Reason.DAILY_LOSS: Action.HALT,
    Reason.DRAWDOWN: Action.REDUCE,
    Reason.STOP_LOSS: Action.HALT,
    Reason.POSITION_MISMATCH: Action.HALT,
    Reason.BALANCE_MISMATCH: Action.HALT,
    Reason.POLICY_OUTPUT: Action.FALL_BACK,
    Reason.DISSIMILARITY: Action.FALL_BACK,
    Reason.NO_QUOTER: Action.HALT,
    Reason.KILL_FILE: Action.HALT,
    Reason.KILL_SIGNAL: Action.HALT,
    Reason.COMMAND: Action.HALT,
    Reason.RECOVERY: Action.HALT,
    Reason.STAGE: Action.HALT,
    Reason.INTERNAL: Action.HALT,
}

FIXED = frozenset(
    {
        Reason.NOT_QUOTING,
        Reason.KILL_FILE,
        Reason.KILL_SIGNAL,
        Reason.COMMAND,
        Reason.RECOVERY,
        Reason.STAGE,
        Reason.INTERNAL,
    }
)
"""Reasons whose action no configuration changes."""
