"""Start is recovery: the journal says what we believe, the venue what is; quoting begins when both agree.

The same questions, without the end, serve a running quoter whose user stream was away: see `catch_up`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from jaxmm.errors import InputError
from jaxmm.live.gateway import Gateway, Unreachable
from jaxmm.live.messages import Account, CancelAll, OrderState
from jaxmm.live.orders import LOOKBACK_NS, Desk, Difference

T = TypeVar("T")

TRANSFERS_NS = 3 * 10**9
"""Between two questions for transfers, which venues count dearly; less than risk's patience with a difference."""
FIRST_PAUSE_S = 0.02
MOST_PAUSE_S = 1.0


@dataclass(frozen=True)
class Recovery:
    """How a recovery goes about it.

    Attributes:
        deadline_s: after which it gives up.
        attempts: how often the account is compared, a second apart, before a difference counts.
        take_over: cancel all orders of the symbol, also those that are not this quoter's, instead of refusing.
        adopt: take the venue's position and balances where they differ, on a person's word; the journal says so.
    """

    deadline_s: float = 60.0
    attempts: int = 3
    take_over: bool = False
    adopt: bool = False


async def recover(
    desk: Desk, gateway: Gateway, now: Callable[[], int], recovery: Recovery | None = None
) -> list[Difference]:
    """Brings journal and venue together: cancels all our orders, learns all fills, compares position and balances.

    The desk must be loaded and the gateway up, with an inbox that leads to `desk.hear` while this waits. Afterwards
    nothing of ours is open. On the first start the account becomes what all is counted from.

    Returns:
        The differences that were adopted; none unless `recovery.adopt`.

    Raises:
        InputError: the venue does not answer, an order cannot be got rid of, an order of the symbol is not ours, or the
            books do not balance; the sentence names the number that differs.
    """
    recovery = recovery or Recovery()
    desk.resume(now())
    try:
        async with asyncio.timeout(recovery.deadline_s):
            return await _recover(desk, gateway, now, recovery)
    except TimeoutError as error:
        raise InputError(
            f"recovery: not done after {recovery.deadline_s:g} s; {_unfinished(desk)}; "
            "look at the venue's own page, and start again once it answers"
        ) from error


async def catch_up(desk: Desk, gateway: Gateway, now: Callable[[], int]) -> list[OrderState]:
    """Asks for what a broken user stream may have kept from us: fills, and orders that are not open any more.

    Returns the open orders of the symbol. Raises `Unreachable` where the venue does not answer.
    """
    asked_ns = now()
    for fill in await gateway.fills_since(desk.complete_ns - LOOKBACK_NS):
        if not desk.manager.knows(fill.trade_id):
            desk.hear(fill, now())
    states = await gateway.open_orders()
    desk.hear_open_orders(states, asked_ns)
    desk.complete_ns = asked_ns
    desk.journal.commit()
    return states


async def account_of(desk: Desk, gateway: Gateway, now: Callable[[], int]) -> Account:
    """The venue's account; where its balances are not ours, transfers such as funding are asked for and counted.

    Raises `Unreachable` where the venue does not answer.
    """
    asked_ns = now()
    account = await gateway.account()
    differences = desk.manager.ledger.differences(account)
    if not differences:
        desk.balanced_ns = asked_ns
    elif differences[-1].what != "position" and _transfers_are_due(desk, asked_ns):
        desk.transfers_asked_ns = asked_ns
        for transfer in await gateway.transfers_since(desk.balanced_ns - LOOKBACK_NS):
            if not desk.manager.knows(transfer.transfer_id):
                desk.hear(transfer, now())
    return account


def _transfers_are_due(desk: Desk, now_ns: int) -> bool:
    return desk.transfers_asked_ns is None or now_ns >= desk.transfers_asked_ns + TRANSFERS_NS


async def _recover(desk: Desk, gateway: Gateway, now: Callable[[], int], recovery: Recovery) -> list[Difference]:
    if not desk.begun:
        await _forget_what_was(desk, gateway, now)
    attempt, pause_s = 0, FIRST_PAUSE_S
    while True:
        states = await _answer(lambda: catch_up(desk, gateway, now))
        strangers = [state for state in states if not state.client_id.startswith(desk.manager.prefix)]
        if strangers:
            if not recovery.take_over:
                raise InputError(_not_ours(strangers))
            for request in desk.send([CancelAll(0)], now()):
                gateway.submit(request)
        await _settle(desk, gateway, now)
        if states or not desk.manager.quiet:  # ask once more whether nothing is open, or for fills that are owed
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_PAUSE_S)
            continue
        if not desk.begun:
            desk.begin(await _answer(gateway.account), now())
            return []
        account = await _answer(lambda: account_of(desk, gateway, now))
        desk.hear(account, now())
        differences = desk.manager.ledger.differences(account)
        attempt += 1
        if not differences or (recovery.adopt and attempt == recovery.attempts):
            desk.adopt(account, differences, now())
            return differences
        if attempt == recovery.attempts:
            raise InputError(_not_balanced(differences))
        await asyncio.sleep(MOST_PAUSE_S)


async def _settle(desk: Desk, gateway: Gateway, now: Callable[[], int]) -> None:
    """Until no order of ours is or may be open and no answer outstanding, or fills have been owed for too long."""
    while not desk.manager.quiet and not desk.manager.fills_owed(now()):
        for request in desk.send_due(now()):
            gateway.submit(request)
        await asyncio.sleep(FIRST_PAUSE_S)


async def _forget_what_was(desk: Desk, gateway: Gateway, now: Callable[[], int]) -> None:
    """On the first start: executions and transfers that the account already holds are not ours to count."""
    start_ns = now()
    for fill in await _answer(lambda: gateway.fills_since(start_ns - LOOKBACK_NS)):
        desk.manager.forget(fill)
    for transfer in await _answer(lambda: gateway.transfers_since(start_ns - LOOKBACK_NS)):
        desk.manager.forget(transfer)
    desk.complete_ns = start_ns


async def _answer(question: Callable[[], Awaitable[T]]) -> T:
    """Asks until there is an answer; who waits too long is woken from outside."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await question()
        except Unreachable:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MOST_PAUSE_S)


def _unfinished(desk: Desk) -> str:
    orders = desk.manager.open_orders()
    if not orders:
        return "the venue did not answer"
    told = ", ".join(f"{order.client_id} ({order.status})" for order in orders[:5])
    return f"{len(orders)} orders may still be open: {told}"


def _not_ours(states: list[OrderState]) -> str:
    told = ", ".join(state.client_id or state.venue_id for state in states[:5])
    return (
        f"recovery: {len(states)} open orders of the symbol are not this quoter's ({told}); "
        "cancel them, or give the quoter an account of its own"
    )


def _not_balanced(differences: list[Difference]) -> str:
    told = "; ".join(map(str, differences))
    return f"recovery: the books do not balance: {told}; find out why, then start with the venue's numbers adopted"
