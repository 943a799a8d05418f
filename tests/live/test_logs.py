"""What the quoter logs."""

import io
import json
import logging

import pytest
import structlog

from jaxmm.live import logs


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level, text = list(root.handlers), root.level, io.StringIO()
    logs.configure(secrets=["s3cr3t", "s3cr3t-and-more"], stream=text)
    yield text
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def entries(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_entry_is_one_json_object_a_line(stream):
    structlog.get_logger().info("filled", lots=3, price=1.5, side="bid\nnext")
    (entry,) = entries(stream)
    assert {k: v for k, v in entry.items() if k != "timestamp"} == {
        "event": "filled", "level": "info", "lots": 3, "price": 1.5, "side": "bid\nnext",
    }  # fmt: skip


def test_what_libraries_log_comes_out_the_same_way(stream):
    logging.getLogger("ccxt.base").warning("slow %s", "answer")
    (entry,) = entries(stream)
    assert (entry["event"], entry["level"], entry["logger"]) == ("slow answer", "warning", "ccxt.base")


def test_secrets_show_nowhere_at_no_depth_not_even_in_a_traceback(stream):
    try:
        raise ValueError("signature of s3cr3t-and-more failed")
    except ValueError:
        structlog.get_logger().exception("failed", url="x?k=s3cr3t", deep={"a": ["s3cr3t", {"s3cr3t": 1}]})
    logging.getLogger("aiohttp").error("GET /?apiKey=s3cr3t")
    assert "s3cr3t" not in stream.getvalue()
    assert stream.getvalue().count(logs.HIDDEN) == 6  # the traceback has it in the code line and in the message
    assert "and-more" not in stream.getvalue()


def test_numbers_that_json_does_not_know_are_null_or_text(stream):
    structlog.get_logger().info("odd", nan=float("nan"), kind=ValueError)
    (entry,) = entries(stream)
    assert entry["nan"] is None
    assert "ValueError" in entry["kind"]
