from jaxmm.exchange.reference_orders import Wanted
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.messages import Answered, Place, Transfer
from jaxmm.live.orders import LOOKBACK_NS
from tests.live.orders.venue import desk_at, fill_of, state_of


def test_requests_and_what_is_heard_are_in_the_file_before_anything_is_done_about_them(tmp_path):
    desk = desk_at(tmp_path / "j")
    (place,) = desk.send(desk.manager.want(Wanted(100, 5), 1), 1)
    assert isinstance(place, Place)
    assert place.client_id == f"{desk.manager.prefix}{place.request_id}"
    assert [row.seq for row in read_rows(tmp_path / "j") if row.kind == "place"] == [place.request_id]
    desk.hear(Answered(place.request_id, 2, state_of(place)), 2)
    assert desk.hear(fill_of(place, "t1", 2), 3)
    assert not desk.hear(fill_of(place, "t1", 2), 4)
    kinds = [row.kind for row in read_rows(tmp_path / "j")]
    assert kinds == ["opened", "state", "place", "answered", "fill", "fill"]
    desk.journal.close()


def test_what_other_parts_keep_stands_in_the_state_and_comes_back(tmp_path):
    desk = desk_at(tmp_path / "j")
    desk.others = lambda: {"risk": {"state": "halted"}}
    desk.save(5)
    desk.journal.close()
    desk = desk_at(tmp_path / "j")
    assert desk.loaded["risk"] == {"state": "halted"}
    desk.journal.close()


def test_executions_and_transfers_that_may_be_told_again_are_known_after_a_restart(tmp_path):
    desk = desk_at(tmp_path / "j")
    desk.complete_ns, desk.balanced_ns = 3 * LOOKBACK_NS, 2 * LOOKBACK_NS
    (place,) = desk.send(desk.manager.want(Wanted(100, 5), 1), 1)
    for name, ts in (("old", LOOKBACK_NS - 1), ("new", LOOKBACK_NS)):
        desk.hear(fill_of(place, name, 1, ts=ts), ts)
        desk.hear(Transfer(f"transfer {name}", "transfer", desk.manager.ledger.balances["USDT"], "USDT", ts, ts), ts)
    desk.save(5)
    desk.journal.close()
    desk = desk_at(tmp_path / "j")
    assert [desk.manager.knows(id) for id in ("old", "transfer old", "new", "transfer new")] == [
        False,
        False,
        True,
        True,
    ]
    desk.journal.close()


def test_a_request_that_stays_without_an_answer_is_journaled_as_lost_and_asked_about(tmp_path):
    desk = desk_at(tmp_path / "j")
    (place,) = desk.send(desk.manager.want(Wanted(100, 5), 1), 1)
    (query,) = desk.send_due(60 * 10**9)
    assert [row.body["request_id"] for row in desk.journal.rows("lost")] == [place.request_id]
    assert query.client_id == place.client_id
    desk.journal.close()
