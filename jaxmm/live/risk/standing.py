"""Checks of where we stand: each looks at the facts and says what is wrong, or nothing. Limits are still inside."""

from collections.abc import Callable

from jaxmm.live.risk.facts import Facts
from jaxmm.live.risk.limits import MS, RiskLimits
from jaxmm.live.risk.memory import Memory
from jaxmm.live.risk.reasons import Reason

Check = Callable[[Facts, RiskLimits, Memory], str | None]


def position(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The position is beyond the largest."""
    if abs(facts.position_lots) <= limits.max_position_lots:
        return None
    return f"position {facts.position_lots} lots, at most {limits.max_position_lots} either way"


def stale_book(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The last book message is too old."""
    if facts.book_age_ns <= limits.max_book_age_ms * MS:
        return None
    return f"last book message {facts.book_age_ns / MS:.0f} ms ago, at most {limits.max_book_age_ms:g}"


def crossed_book(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The best bid is not below the best ask."""
    if facts.bid_ticks is None or facts.ask_ticks is None or facts.bid_ticks < facts.ask_ticks:
        return None
    return f"best bid {facts.bid_ticks} ticks, best ask {facts.ask_ticks}"


def sequence_gap(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """Book messages are missing."""
    return facts.missing


def user_stream(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """Reports of our own orders do not reach us."""
    return facts.user_down


def clock_skew(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The venue's clock and ours are too far apart."""
    if facts.skew_ns is None or abs(facts.skew_ns) <= limits.max_skew_ms * MS:
        return None
    return f"the venue's clock is {facts.skew_ns / MS:+.0f} ms from ours, at most {limits.max_skew_ms:g}"


def daily_loss(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """Too much was lost since the day began."""
    if memory.day_pnl is None or memory.day_pnl - facts.pnl <= limits.max_daily_loss:
        return None
    return f"{memory.day_pnl - facts.pnl:f} lost today, at most {limits.max_daily_loss:f}"


def drawdown(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The P&L is too far below its peak."""
    if memory.peak_pnl is None or memory.peak_pnl - facts.pnl <= limits.max_drawdown:
        return None
    return f"{memory.peak_pnl - facts.pnl:f} below the peak of {memory.peak_pnl:f}, at most {limits.max_drawdown:f}"


def stop_loss(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The open position has lost too much."""
    if -facts.unrealized <= limits.stop_loss:
        return None
    return f"{-facts.unrealized:f} lost on {facts.position_lots} lots, at most {limits.stop_loss:f}"


def position_mismatch(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The venue has another position than we."""
    if abs(facts.position_gap_lots) <= limits.position_tolerance_lots:
        return None
    theirs = facts.position_lots + facts.position_gap_lots
    return f"the venue's position is {theirs} lots, ours {facts.position_lots}"


def balance_mismatch(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The venue has another balance than we."""
    if abs(facts.balance_gap) <= limits.balance_tolerance:
        return None
    return f"the venue's balance differs from ours by {facts.balance_gap:f} {facts.balance_gap_currency}".rstrip()


def policy_output(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The first quoter gave nothing that can be used."""
    return facts.policy_trouble


def no_quoter(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """Nobody gave anything that can be used."""
    return facts.nobody


def kill_file(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The kill file is there."""
    return facts.kill_file


def kill_signal(facts: Facts, limits: RiskLimits, memory: Memory) -> str | None:
    """The kill signal came."""
    return facts.kill_signal


STANDING: dict[Reason, Check] = {
    Reason.KILL_FILE: kill_file,
    Reason.KILL_SIGNAL: kill_signal,
    Reason.POSITION_MISMATCH: position_mismatch,
    Reason.BALANCE_MISMATCH: balance_mismatch,
    Reason.DAILY_LOSS: daily_loss,
    Reason.STOP_LOSS: stop_loss,
    Reason.DRAWDOWN: drawdown,
    Reason.POSITION: position,
    Reason.NO_QUOTER: no_quoter,
    Reason.POLICY_OUTPUT: policy_output,
    Reason.SEQUENCE_GAP: sequence_gap,
    Reason.STALE_BOOK: stale_book,
    Reason.CROSSED_BOOK: crossed_book,
    Reason.USER_STREAM: user_stream,
    Reason.CLOCK_SKEW: clock_skew,
}
"""Every check that needs no past but the memory; the gravest first, so that it names the state."""

GRACED = frozenset({Reason.POSITION_MISMATCH, Reason.BALANCE_MISMATCH})
"""Checks that count only once they have lasted `mismatch_grace_ms`."""
