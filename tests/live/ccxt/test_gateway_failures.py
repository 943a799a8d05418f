import aiohttp
import ccxt
import pytest

from jaxmm.live.ccxt.failures import SECOND, VenueAnswer, VenueRefused, refusal_of, silence_until
from jaxmm.live.messages import Refusal


def answered(status: int, code: int | None, text: str = "") -> VenueRefused:
    return VenueRefused(VenueAnswer(status, code, text, None))


@pytest.mark.parametrize(
    ("status", "code", "text", "refusal"),
    [
        (400, -2010, "Order would immediately match and take.", Refusal.POST_ONLY),
        (400, -5022, "Due to the order could not be executed as maker", Refusal.POST_ONLY),
        (400, -2010, "Account has insufficient balance for requested action.", Refusal.BALANCE),
        (400, -2019, "Margin is insufficient.", Refusal.BALANCE),
        (400, -1013, "Filter failure: NOTIONAL", Refusal.FILTER),
        (400, -4164, "Order's notional must be no smaller than 100", Refusal.FILTER),
        (400, -4014, "Price not increased by tick size.", Refusal.FILTER),
        (400, -2011, "Unknown order sent.", Refusal.UNKNOWN_ORDER),
        (400, -2013, "Order does not exist.", Refusal.UNKNOWN_ORDER),
        (400, -2010, "Duplicate order sent.", Refusal.DUPLICATE),
        (400, -4116, "ClientOrderId is duplicated", Refusal.DUPLICATE),
        (429, -1003, "Too much request weight used", Refusal.RATE),
        (400, -1015, "Too many new orders", Refusal.RATE),
        (503, -1008, "Server is currently overloaded", Refusal.RATE),
        (418, -1003, "Way too much request weight used; IP banned until 1724000000000.", Refusal.BANNED),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", Refusal.AUTH),
        (400, -1022, "Signature for this request is not valid.", Refusal.AUTH),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", Refusal.AUTH),
        (401, None, "Unauthorized", Refusal.AUTH),
        (400, -9999, "something new", Refusal.OTHER),
        (403, None, "<html>blocked</html>", Refusal.OTHER),
    ],
)
def test_a_refusal_of_the_venue_is_sure_and_has_its_reason(status, code, text, refusal):
    assert refusal_of(answered(status, code, text)) == refusal


@pytest.mark.parametrize(
    "error",
    [
        answered(503, None, "Unknown error, please check your request or try again later."),
        answered(500, -1001, "Internal error; unable to process your request."),
        answered(400, -1007, "Send status unknown; execution status unknown."),
        answered(400, -1006, "Execution status unknown."),
        answered(502, None, "<html>Bad Gateway</html>"),
        answered(504, None, ""),
        ccxt.RequestTimeout("no answer"),
        ccxt.ExchangeNotAvailable("connection closed"),
        ccxt.NullResponse("empty"),
        TimeoutError(),
        KeyError("orderId"),
    ],
)
def test_whatever_is_not_a_refusal_leaves_the_outcome_open(error):
    assert refusal_of(error) is None


def test_a_request_that_never_found_a_connection_was_surely_not_carried_out():
    error = ccxt.ExchangeNotAvailable("down")
    key = aiohttp.client_reqrep.ConnectionKey("127.0.0.1", 9, False, True, None, None, None)
    error.__cause__ = aiohttp.ClientConnectorError(key, OSError(111, "refused"))
    assert refusal_of(error) == Refusal.OTHER


def test_a_payload_that_broke_off_is_not_a_refusal():
    error = ccxt.ExchangeError("POST …")
    error.__cause__ = aiohttp.ClientPayloadError("broke off")
    assert refusal_of(error) is None


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        (ccxt.OrderImmediatelyFillable, Refusal.POST_ONLY),
        (ccxt.InsufficientFunds, Refusal.BALANCE),
        (ccxt.InvalidOrder, Refusal.FILTER),
        (ccxt.OrderNotFound, Refusal.UNKNOWN_ORDER),
        (ccxt.DuplicateOrderId, Refusal.DUPLICATE),
        (ccxt.RateLimitExceeded, Refusal.RATE),
        (ccxt.DDoSProtection, Refusal.RATE),
        (ccxt.PermissionDenied, Refusal.AUTH),
        (ccxt.InvalidNonce, Refusal.AUTH),
        (ccxt.BadRequest, Refusal.OTHER),
    ],
)
def test_other_venues_refuse_by_ccxts_own_classes(kind, refusal):
    assert refusal_of(kind("…")) == refusal


def test_a_ban_lasts_as_long_as_the_venue_says():
    assert silence_until(VenueAnswer(429, -1003, "", 7.0), 10 * SECOND) == 17 * SECOND
    text = "IP banned until 1724000000123. Please use the websocket"
    assert silence_until(VenueAnswer(418, -1003, text, None), 10 * SECOND) == 1724000000123 * 1_000_000
    assert silence_until(VenueAnswer(429, None, "", None), 61 * SECOND) == 120 * SECOND
    assert silence_until(VenueAnswer(418, None, "", None), 61 * SECOND) == 181 * SECOND
    assert silence_until(VenueAnswer(400, -2010, "", None), 61 * SECOND) is None
