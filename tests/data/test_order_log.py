"""The order-by-order log: what is read of it, and the queues that are made of it."""

import bz2
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.data.bitstamp import CREATED, TRADE, read_log
from jaxmm.data.fifo import ADD, CANCEL, EXECUTE, clean
from jaxmm.data.fifo_check import check_orders
from jaxmm.data.schema import Side
from jaxmm.errors import InputError
from tests.data.order_logs import ASK, BID, DAY, START_MS, Exchange, Lines, random_flow, recorded_day

BTC = 10**8


def told(events) -> list[tuple[int, ...]]:
    """(code, side, ticks, lots, id) of every event."""
    return list(zip(*(getattr(events, name).tolist() for name in ("code", "side", "ticks", "lots", "id")), strict=True))


def test_messages_are_read_in_ticks_and_lots(tmp_path):
    lines = Lines().order("created", 7, ASK, 23647, 2 * BTC).wait(5).trade(23647, 21_144_331)
    messages, snapshots = lines.book([(23640, 3)], []).log(tmp_path)
    assert messages.kind.tolist() == [CREATED, TRADE]
    assert messages.recv_ms.tolist() == [START_MS, START_MS + 5]
    assert messages.side.tolist() == [Side.ASK, Side.NONE]
    assert messages.ticks.tolist() == [23647, 23647]
    assert messages.lots.tolist() == [2 * BTC, 21_144_331]
    assert messages.created_s.tolist() == [START_MS // 1000, 0]
    assert snapshots.message.tolist() == [2]
    assert (snapshots.ticks[0, 0, 0], snapshots.lots[0, 0, 0], snapshots.ticks[0, 1].sum()) == (23640, 3, 0)


@pytest.mark.parametrize(
    "line",
    ["1430438400000 order_created {}", "nothing", "1 order_lost {}", '1 trade {"price": [], "amount": 1, "id": 1}'],
)
def test_a_line_of_another_form_is_named(tmp_path, line):
    path = tmp_path / "log.bz2"
    good = Lines().order("created", 7, ASK, 23647, 2 * BTC).lines
    path.write_bytes(bz2.compress("\n".join([*good, line]).encode()))
    with pytest.raises(InputError, match=r"log.bz2: line 2: not"):
        read_log(path)


def test_a_file_that_is_absent_or_not_bzip2_or_empty_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_log(tmp_path / "absent.bz2")
    (tmp_path / "plain").write_text("1 trade {}\n")
    with pytest.raises(InputError, match="bzip2"):
        read_log(tmp_path / "plain")
    with pytest.raises(InputError, match="no message on an order"):
        Lines().log(tmp_path)


def test_orders_join_the_end_of_their_queue_and_leave_it(tmp_path):
    lines = Lines().order("created", 1, BID, 100, 5).order("created", 2, BID, 100, 7).order("deleted", 1, BID, 100, 5)
    events = clean(lines.log(tmp_path)).events
    assert told(events) == [(ADD, BID, 100, 5, 1), (ADD, BID, 100, 7, 2), (CANCEL, BID, 100, 5, 1)]
    assert events.before.tolist() == [0, 5, 12]
    assert events.after.tolist() == [5, 12, 7]
    assert events.orders.tolist() == [1, 2, 1]
    assert events.joined.tolist() == [0, 1, 0]


@pytest.mark.parametrize("maker_first", [True, False])
def test_a_taker_is_in_no_queue_until_it_has_been_matched(tmp_path, maker_first):
    exchange = Exchange(maker_first)
    exchange.add(1, BID, 100, 5)
    exchange.add(2, BID, 100, 5)
    exchange.add(3, ASK, 99, 12)
    found = clean(exchange.out.log(tmp_path))
    assert told(found.events) == [
        *((ADD, BID, 100, 5, 1), (ADD, BID, 100, 5, 2)),
        *((EXECUTE, BID, 100, 5, 1), (EXECUTE, BID, 100, 5, 2), (ADD, ASK, 99, 2, 3)),
    ]
    assert found.calm.tolist()[:2] == [True, True]
    assert not found.calm[2]
    assert found.counts["in flight"] == 1


def test_an_order_that_comes_back_after_its_deletion_is_a_ghost(tmp_path):
    lines = Lines().order("created", 9, ASK, 200, 1).order("deleted", 1, BID, 100, 5).order("created", 1, BID, 100, 5)
    found = clean(lines.order("changed", 1, BID, 100, 3).log(tmp_path))
    assert [event for event in told(found.events) if event[4] == 1] == []
    assert (found.counts["ghosts"], found.counts["on unknown orders"]) == (2, 1)


def test_an_order_that_was_there_before_the_log_has_the_lots_that_it_traded(tmp_path):
    lines = Lines().order("created", 8, ASK, 100, 4).order("changed", 1, BID, 100, 6).order("deleted", 8, ASK, 100, 0)
    found = clean(lines.trade(100, 4).log(tmp_path))
    assert told(found.events) == [(ADD, BID, 100, 10, 1), (EXECUTE, BID, 100, 4, 1)]
    assert found.events.message.tolist() == [-1, 1]
    assert found.counts["older than the log"] == 1


def test_an_order_that_moves_or_grows_goes_to_the_end(tmp_path):
    lines = Lines().order("created", 1, ASK, 100, 5).order("created", 2, ASK, 100, 5).order("changed", 1, ASK, 100, 6)
    found = clean(lines.order("changed", 2, ASK, 101, 5).log(tmp_path))
    assert told(found.events)[2:] == [
        *((CANCEL, ASK, 100, 5, 1), (ADD, ASK, 100, 6, 1)),
        *((CANCEL, ASK, 100, 5, 2), (ADD, ASK, 101, 5, 2)),
    ]
    assert (found.counts["grown"], found.counts["moved"]) == (1, 1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), maker_first=st.booleans())
def test_the_queues_are_those_of_the_exchange_that_wrote_the_log(tmp_path_factory, seed, maker_first):
    exchange = Exchange(maker_first)
    random_flow(seed, 150, exchange)
    exchange.out.wait().book(exchange.levels(BID)[:20], exchange.levels(ASK)[:20])
    log = exchange.out.log(tmp_path_factory.mktemp("log"))
    found = clean(log)
    report = check_orders(log, found)
    assert report.executions == report.trades == report.trades_paired == report.executions_of_the_oldest
    assert report.executions_at_the_best == report.executions
    assert (report.ghosts, report.early_messages, report.executions_without_a_trade) == (0, 0, 0)
    assert (report.bid_match_with_size, report.ask_match_with_size) == (1.0, 1.0)
    events = found.events
    for side in (BID, ASK):
        last = {t: lots for s, t, lots in zip(events.side, events.ticks, events.after, strict=True) if s == side}
        assert {t: lots for t, lots in last.items() if lots} == dict(exchange.levels(side))
    change = np.where(events.code == ADD, events.lots, -events.lots)
    assert np.array_equal(events.before + change, events.after)


def test_the_recorded_day_has_its_known_counts_and_queues(shared_data):
    report = check_orders(*recorded_day(shared_data / DAY))
    assert (report.created, report.deleted, report.changed, report.trades) == (118_960, 119_048, 4_516, 4_251)
    assert (report.ghosts, report.snapshots, report.missing_ids, report.backward_recv) == (17, 29_992, 0, 0)
    assert report.bid_match >= 0.983  # what the recording's description says a right reader finds; we find more
    assert (round(report.bid_match, 4), round(report.ask_match, 4)) == (0.9990, 0.9993)
    assert (report.executions, report.executions_of_the_oldest) == (4_252, 4_252)
    assert (report.trades_unpaired, report.executions_without_a_trade) == (0, 6)
    assert report.longest_flight_ms < 1000


def test_the_report_says_what_the_log_cannot_tell(tmp_path):
    log = Lines().order("created", 1, BID, 100, 5).log(tmp_path)
    report = check_orders(log, clean(log))
    assert "whole seconds" in report.text()
    assert "ghosts" not in " ".join(report.remarks())
    assert "17 messages" in replace(report, ghosts=17).text()
