"""Whether venue and journal agree: each rule that is broken is a sentence."""

import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from jaxmm.instrument import Instrument
from jaxmm.live.journal import Journal
from jaxmm.live.messages import BID, Account
from jaxmm.live.orders import Desk, Ledger, OrderManager
from tests.live.faults.process import QuoterProcess

FAULTY_CODES = {"ban": "-1003", "reject": "-1015"}


def strangers(quoter: QuoterProcess) -> list[str]:
    """Orders that are open at the venue and were never journaled."""
    placed = {row.body["client_id"] for row in quoter.rows("place")}
    orders = quoter.venue.state()["open_orders"]
    return [
        f"order {o['client_id']} is open and the journal does not know it"
        for o in orders
        if o["client_id"] not in placed
    ]


def audit(quoter: QuoterProcess, limits: Mapping[str, Any], kinds: tuple[str, ...]) -> list[str]:
    """After the quoter has ended: what does not agree, and what went beyond a limit."""
    state = quoter.venue.state()
    broken = [f"order {order['client_id']} is still open" for order in state["open_orders"]]
    return broken + _fills(quoter, state) + _books(quoter, state) + _limits(state, limits, kinds)


def _fills(quoter: QuoterProcess, state: Mapping[str, Any]) -> list[str]:
    ours: dict[str, tuple[Any, ...]] = {}
    broken = []
    for row in quoter.rows("fill"):
        body = row.body
        realized = None if body["realized"] is None else Decimal(body["realized"])
        said = (
            body["side"],
            body["price_ticks"],
            body["qty_lots"],
            Decimal(body["fee"]),
            body["fee_currency"],
            realized,
        )
        if ours.setdefault(body["trade_id"], said) != said:
            broken.append(f"fill {body['trade_id']} was told as {said} and before as {ours[body['trade_id']]}")
    futures = state["market"] == "usdm"
    venues = {
        str(fill["trade_id"]): (
            BID if fill["side"] == "BUY" else 1 - BID,
            fill["price_ticks"],
            fill["lots"],
            Decimal(fill["fee"]),
            fill["fee_asset"],
            Decimal(fill["realized"]) if futures else None,
        )
        for fill in state["fills"]
    }
    broken += [f"fill {name} is not in the journal: {venues[name]}" for name in venues.keys() - ours.keys()]
    broken += [f"fill {name} is only in the journal: {ours[name]}" for name in ours.keys() - venues.keys()]
    both = ours.keys() & venues.keys()
    return broken + [f"fill {n} is {ours[n]} here and {venues[n]} there" for n in both if ours[n] != venues[n]]


def _books(quoter: QuoterProcess, state: Mapping[str, Any]) -> list[str]:
    """Position and balances that a restart would begin with, against the venue's."""
    ledger = ledger_of(quoter.journal, quoter.folder / "copy", quoter.venue.config.instrument)
    balances = {asset: Decimal(amount) for asset, amount in state["balances"].items()}
    position = state["position_lots"]
    account = Account(balances, position if state["market"] == "usdm" else None, 0)
    broken = [str(difference) for difference in ledger.differences(account)]
    if ledger.position_lots != position:
        broken.append(f"position is {position} lots at the venue and {ledger.position_lots} here")
    fees = {asset: Decimal(amount) for asset, amount in state["fees"].items()}
    if {asset: fee for asset, fee in ledger.fees.items() if fee} != {asset: fee for asset, fee in fees.items() if fee}:
        broken.append(f"fees are {fees} at the venue and {ledger.fees} here")
    return broken


def ledger_of(journal: Path, copy: Path, instrument: Instrument) -> Ledger:
    """What a restart reads from a journal; the journal itself is left as it is."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(journal.parent, copy)
    opened = Journal.open(copy / journal.name, quoter="faults", facts={}, now_ns=0)
    desk = Desk(opened, OrderManager("faults", Ledger(instrument)))
    desk.load()
    opened.close()
    return desk.manager.ledger


def _limits(state: Mapping[str, Any], limits: Mapping[str, Any], kinds: tuple[str, ...]) -> list[str]:
    broken = []
    for what, seen, most in (
        ("position", state["max_position_lots"], limits["max_position_lots"]),
        ("number of open orders", state["max_open_orders"], limits["max_open_orders"]),
        ("orders in ten seconds", state["max_orders_10s"], 10 * limits["max_messages_per_s"]),
    ):
        if seen > most:
            broken.append(f"the largest {what} was {seen}, more than {most}")
    for kind, code in FAULTY_CODES.items():
        if kind not in kinds and code in state["refused"]:
            broken.append(f"the venue refused {state['refused'][code]} requests by its own count ({code})")
    return broken
