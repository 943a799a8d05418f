"""Mark prices and fundings of Binance's `markPrice` stream."""

import pytest

from jaxmm.data.schema import Kind
from jaxmm.errors import InputError
from tests.data.recordings import START_MS, line, read_binance, trade


def mark(local_ms, price, rate, next_ms, **more):
    data = {"e": "markPriceUpdate", "E": START_MS + local_ms - 2, "s": "BTCUSDT", "p": price, "i": price, "P": price}
    return line(local_ms, {"data": {**data, "r": rate, "T": START_MS + next_ms, **more}})


def rows_of(tmp_path, *lines):
    rows, _ = read_binance(tmp_path / "r", list(lines))
    return [
        (row["kind"], row["exch_ts"] // 10**6 - START_MS, row["price"]) for row in rows if row["kind"] != Kind.TRADE
    ]


def test_a_funding_is_settled_when_the_next_one_is_a_later_one_at_the_last_rate_told(tmp_path):
    rows = rows_of(
        tmp_path,
        mark(1000, "60000.12345678", "0.00010000", 3000),
        trade(1500, 1, "100.0", "1", True),
        mark(2000, "60001.5", "-0.00020000", 3000),
        mark(4000, "60002.5", "0.00030000", 9000),
        mark(5000, "60003.5", "0.00030000", 9000),
    )
    assert rows == [
        (Kind.MARK, 998, 60000.12345678),
        (Kind.MARK, 1998, 60001.5),
        (Kind.FUNDING, 3000, -0.0002),
        (Kind.MARK, 3998, 60002.5),
        (Kind.MARK, 4998, 60003.5),
    ]


def test_a_funding_that_is_put_off_before_its_time_was_not_settled(tmp_path):
    kinds = [kind for kind, *_ in rows_of(tmp_path, mark(1000, "6", "0.1", 3000), mark(2000, "6", "0.1", 9000))]
    assert kinds == [Kind.MARK, Kind.MARK]


def test_a_contract_without_funding_has_marks_alone(tmp_path):
    kinds = [kind for kind, *_ in rows_of(tmp_path, mark(1000, "6", "", 0), mark(2000, "6", "", 0))]
    assert kinds == [Kind.MARK, Kind.MARK]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (mark(2000, "0", "0.1", 3000), r"a mark price is positive; got 0\.0"),
        (mark(2000, "x", "0.1", 3000), "'x'"),
        (mark(4000, "6", "0.1", 9000), r"a funding rate is a fraction below 1; got 2\.0"),
    ],
)
def test_a_bad_mark_or_rate_is_named_by_file_and_line(tmp_path, bad, sentence):
    with pytest.raises(InputError, match=rf"r: line 2: .*{sentence}"):
        read_binance(tmp_path / "r", [mark(1000, "6", "2.0", 3000), bad])
