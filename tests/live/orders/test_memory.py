import orjson

from jaxmm.live.messages import BID, Answered, OrderStatus, Place
from jaxmm.live.orders import memory
from tests.live.orders.venue import Talk, fill_of, manager_of, state_of


def test_orders_trade_ids_and_waiting_fills_stay_flat_however_long_the_quoter_runs(monkeypatch):
    for name, kept in (("KEPT_ORDERS", 40), ("KEPT_TRADES", 200), ("KEPT_FILLS", 10)):
        monkeypatch.setattr(memory, name, kept)
    manager = manager_of()
    for i in range(1, 301):
        place = Place(i, f"{manager.prefix}{i}", BID, 100, 1, 1)
        if i <= 60:
            manager.sent(place, 0)
            manager.hear(Answered(i, 0, state_of(place, OrderStatus.FILLED, filled=1)))
        manager.hear(fill_of(place, f"t{i}", 1, client_id=""))
    assert manager.quiet
    assert manager.orders.get(f"{manager.prefix}20") is None
    assert manager.orders.get(f"{manager.prefix}21") is not None
    assert not manager.knows("t100")
    assert manager.knows("t101")
    assert manager.position_lots == 300
    body = manager.to_body(0)
    assert (len(body["trades"]), len(body["fills"])) == (200, 10)


def journaled(manager) -> dict:
    """Its state as a journal gives it back."""
    return orjson.loads(orjson.dumps(manager.to_body(0), default=str))


def test_a_manager_comes_back_from_a_state_as_it_was():
    talk = Talk(manager_of(count=2))
    first, second = talk.want([100, 99], [5, 4])
    talk.manager.hear(Answered(first.request_id, 0, state_of(first)))
    talk.manager.hear(fill_of(first, "t1", 2))
    talk.manager.hear(fill_of(second, "t2", 1, client_id=""))
    again = manager_of(count=2)
    for _ in range(2):  # the second time over what it knows already
        again.restore(journaled(talk.manager))
    assert journaled(again) == journaled(talk.manager)
    for manager in (talk.manager, again):
        manager.hear(Answered(second.request_id, 0, state_of(second, filled=1)))
        assert not manager.hear(fill_of(first, "t1", 2))
        assert manager.own(BID) == ((100, 99), (3, 3))
    assert journaled(again) == journaled(talk.manager)
