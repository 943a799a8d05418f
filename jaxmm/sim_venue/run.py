"""A simulated venue as a process: it says where it listens, and runs until it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from jaxmm.errors import InputError
from jaxmm.sim_venue.config import SimConfig
from jaxmm.sim_venue.schedule import Scheduled
from jaxmm.sim_venue.server import SimVenue


def run(
    config: SimConfig,
    schedule: Iterable[Scheduled],
    ready: Callable[[dict[str, Any]], None],
    for_s: float | None = None,
) -> dict[str, Any]:
    """Runs a venue until SIGINT, SIGTERM or the end of `for_s`, and returns its last state.

    `ready` gets its addresses once it listens.
    """
    return asyncio.run(_run(config, schedule, ready, for_s))


async def _run(
    config: SimConfig, schedule: Iterable[Scheduled], ready: Callable[[dict[str, Any]], None], for_s: float | None
) -> dict[str, Any]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with SimVenue(config, schedule=schedule) as venue:
        rest, ws = venue.rest_url, venue.ws_url
        ready({"rest": rest, "ws": ws, "api_key": venue.api_key, "secret": venue.secret, "state": f"{rest}/sim/state"})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), for_s)
        return venue.state()


def parse_balances(texts: Iterable[str]) -> dict[str, Decimal]:
    """`USDT=1000` and such. Raises `InputError` on anything else."""
    found = {}
    for text in texts:
        asset, _, amount = text.partition("=")
        try:
            found[asset] = Decimal(amount)
        except InvalidOperation:
            found[asset] = Decimal("NaN")
        if not asset or not found[asset].is_finite() or found[asset] < 0:
            raise InputError(f"--balance {text}: not a currency and an amount; write such as USDT=100000")
    return found
