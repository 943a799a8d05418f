import pytest

from jaxmm.live.ccxt.redact import LONGEST, Redactor

KEY, SECRET = "k3yk3yk3yk3y", "s3cr3ts3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.example/api/v3/order?symbol=BTCUSDT&timestamp=1&signature=deadbeef {SECRET}",
        f"headers {{'X-MBX-APIKEY': '{KEY}'}}",
        "wss://stream.example/ws?listenKey=abcdefghij closed",
        '{"apiKey": "unknown1", "signature": "deadbeef"}',
        "body symbol=BTCUSDT&signature=deadbeef",
        "the key abcdefghij was there",
    ],
)
def test_no_secret_stays_in_a_text(text):
    redact = Redactor([KEY, SECRET])
    redact.learn("abcdefghij")
    shown = redact(text)
    for secret in (KEY, SECRET, "deadbeef", "abcdefghij", "unknown1"):
        assert secret not in shown


def test_what_is_no_secret_stays_readable():
    text = 'binance POST https://api.example/api/v3/order 400 {"code":-2010,"msg":"Order would immediately match."}'
    assert Redactor([SECRET])(text) == text


def test_a_long_text_on_many_lines_becomes_one_short_line():
    shown = Redactor([])("<html>\n" * 1000)
    assert len(shown) == LONGEST
    assert "\n" not in shown


def test_an_empty_secret_hides_nothing():
    assert Redactor(["", "a"])("a b") == "a b"
