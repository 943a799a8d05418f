"""What an error of ccxt means for a request: surely not carried out and why, or unknown.

Only the venue's own refusal makes it sure. A broken connection, no answer, an answer that cannot be read and a server
error leave it open: the order may be live (https://developers.binance.com/docs, HTTP return codes and error codes).
"""

import re
from dataclasses import dataclass

import aiohttp
import ccxt

from jaxmm.live.messages import Refusal

SECOND = 1_000_000_000
_UNKNOWN_OUTCOME = frozenset({-1000, -1001, -1006, -1007})  # "execution status unknown", or not said to have failed
_OVERLOADED = -1008
_CODES = {
    Refusal.POST_ONLY: {-5022},
    Refusal.BALANCE: {-2018, -2019, -2027, -2028},
    Refusal.FILTER: {-1013, -1111, -2025, -4131, -4140, -4164, -4178, -5021, *range(-4019, -4000), -4023, -4024},
    Refusal.UNKNOWN_ORDER: {-2011, -2013},
    Refusal.DUPLICATE: {-4116},
    Refusal.RATE: {-1003, -1008, -1015},
    Refusal.AUTH: {-1002, -1005, -1011, -1021, -1022, -1109, -2014, -2015, -2017, -4188, -5028},
}
_BY_CODE = {code: refusal for refusal, codes in _CODES.items() for code in codes}
_BY_TEXT = (  # spot says by text what futures say by code
    ("immediately match and take", Refusal.POST_ONLY),
    ("post only order will be rejected", Refusal.POST_ONLY),
    ("insufficient balance", Refusal.BALANCE),
    ("duplicate", Refusal.DUPLICATE),
    ("unknown order", Refusal.UNKNOWN_ORDER),
    ("order does not exist", Refusal.UNKNOWN_ORDER),
    ("filter failure", Refusal.FILTER),
)
_BY_CLASS: tuple[tuple[type[Exception], Refusal], ...] = (  # the first that fits
    (ccxt.OrderImmediatelyFillable, Refusal.POST_ONLY),
    (ccxt.InsufficientFunds, Refusal.BALANCE),
    (ccxt.OrderNotFound, Refusal.UNKNOWN_ORDER),
    (ccxt.DuplicateOrderId, Refusal.DUPLICATE),
    (ccxt.InvalidOrder, Refusal.FILTER),
    (ccxt.RateLimitExceeded, Refusal.RATE),
    (ccxt.DDoSProtection, Refusal.RATE),
    (ccxt.AuthenticationError, Refusal.AUTH),
    (ccxt.InvalidNonce, Refusal.AUTH),
)
_UNTIL = re.compile(r"until (\d{13})\b")
CLOCK_CODES = frozenset({-1021, -4188, -5028})
"""The venue finds our time stamp wrong."""


@dataclass(frozen=True, slots=True)
class VenueAnswer:
    """An answer that is an error, as far as it says what it is."""

    status: int
    code: int | None
    text: str
    retry_after_s: float | None


class VenueRefused(Exception):
    """The venue answered, with an error."""

    def __init__(self, answer: VenueAnswer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def refusal_of(error: BaseException) -> Refusal | None:
    """Why the request was surely not carried out; None where it may have been."""
    if isinstance(error, VenueRefused):
        return _refusal_of_answer(error.answer)
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return Refusal.OTHER  # there never was a connection to send it on
    if isinstance(error, ccxt.ChecksumError):
        return None
    if isinstance(error, ccxt.ExchangeError) and (told := _refusal_of_text(str(error))) is not None:
        return told
    for kind, refusal in _BY_CLASS:
        if isinstance(error, kind):
            return refusal
    surely = isinstance(error, ccxt.ExchangeError) and not isinstance(error.__cause__, aiohttp.ClientError)
    return Refusal.OTHER if surely else None


def _refusal_of_answer(answer: VenueAnswer) -> Refusal | None:
    if answer.status == 418:
        return Refusal.BANNED
    if answer.status == 429:
        return Refusal.RATE
    if answer.code == _OVERLOADED:
        return Refusal.RATE
    if answer.status >= 500 or answer.code in _UNKNOWN_OUTCOME:
        return None
    if answer.status == 408 or (answer.status < 400 and answer.code is None):
        return None
    told = _refusal_of_text(answer.text)
    if told is not None:
        return told
    return _BY_CODE.get(answer.code, Refusal.OTHER) if answer.code is not None else _without_code(answer.status)


def _refusal_of_text(text: str) -> Refusal | None:
    text = text.lower()
    return next((refusal for words, refusal in _BY_TEXT if words in text), None)


def _without_code(status: int) -> Refusal:
    return Refusal.AUTH if status == 401 else Refusal.OTHER


def silence_until(answer: VenueAnswer, now_ns: int) -> int | None:
    """When a venue that counts too many requests listens again (ns, its clock); None for other answers.

    Asking sooner lengthens the ban, so where it does not say when, two minutes after a ban, else the next minute.
    """
    if answer.status not in (418, 429):
        return None
    named = _UNTIL.search(answer.text)
    if answer.retry_after_s is not None:
        return now_ns + int(answer.retry_after_s * SECOND)
    if named is not None:
        return int(named[1]) * 1_000_000
    return now_ns + 120 * SECOND if answer.status == 418 else (now_ns // (60 * SECOND) + 1) * 60 * SECOND
