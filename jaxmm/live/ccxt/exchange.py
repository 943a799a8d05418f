"""ccxt.pro's Binance with our ears: every message reaches us as it was read, and errors keep the venue's own code.

ccxt signs, connects, pings and parses JSON. Its own books, caches and error classes are left out: they cost more than
our whole path, and they forget what tells a refusal from an unknown outcome.
"""

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import aiohttp
import ccxt.pro

from jaxmm.errors import InputError
from jaxmm.live.ccxt.config import Credentials, GatewayConfig
from jaxmm.live.ccxt.failures import VenueAnswer, VenueRefused

NOWHERE = {"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"}
"""A closed port: every address that is not configured, so that no mistake reaches a venue."""
IDLE_S = 60.0  # connections stay open between requests, so that an order waits for no handshake

Hear = Callable[[Any, dict[str, Any]], None]
Headers = Callable[[Mapping[str, str]], None]


class _WithEars:
    """What both of ccxt's classes get."""

    ear: Hear
    header_ear: Headers

    def handle_message(self, client: Any, message: Any) -> None:
        """Every message of every socket, in the moment it is read."""
        self.ear(client, message)

    def handle_errors(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        response: Any,
        request_headers: Any,
        request_body: Any,
    ) -> None:
        """Every answer over HTTP: tells its headers, and raises what is a refusal with all that it says."""
        self.header_ear(headers)
        told = response if isinstance(response, dict) else {}
        number = told.get("code")
        number = number if isinstance(number, int) else None
        if code >= 400 or (number is not None and number < 0):
            retry = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
            text = f"{code} {number if number is not None else ''} {told.get('msg') or body or reason}"
            raise VenueRefused(VenueAnswer(code, number, text, float(retry) if retry.isdigit() else None))


class SpotWithEars(_WithEars, ccxt.pro.binance):
    """Spot."""


class UsdmWithEars(_WithEars, ccxt.pro.binanceusdm):
    """USD-margined futures."""


def settings(config: GatewayConfig, credentials: Credentials) -> dict[str, Any]:
    """ccxt's settings that hold for every venue."""
    quiet = logging.getLogger(f"{__name__}.ccxt")
    quiet.setLevel(logging.WARNING)  # below that, ccxt logs keys and signatures
    return {
        "logger": quiet,
        "apiKey": credentials.api_key,
        "secret": credentials.secret,
        "password": credentials.password,
        "enableRateLimit": False,  # it delays requests; our budget refuses them
        "timeout": config.timeout_ms,
        "options": {
            "recvWindow": config.recv_window_ms,
            "ws": {"compress": 0},  # inflating costs more than reading, and holds messages up
        },
    }


def open_session(exchange: Any) -> None:
    """Gives ccxt connections that stay open between requests."""
    context = ssl.create_default_context(cafile=exchange.cafile)
    connector = aiohttp.TCPConnector(ssl=context, keepalive_timeout=IDLE_S, ttl_dns_cache=300)
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    session._retry_connection = False  # aiohttp asks PUT and DELETE twice; an amend that was carried out looks refused
    exchange.session, exchange.own_session = session, False


async def close_session(exchange: Any) -> None:
    """Closes ccxt's sockets and the connections; may be called twice."""
    session = exchange.session
    await exchange.close()
    if session is not None:
        await session.close()


def prepare(exchange: Any, addresses: Mapping[str, str], config: GatewayConfig, now_ns: Callable[[], int]) -> None:
    """Gives ccxt our clock, and points it at the addresses in use and everything else at a closed port.

    `addresses` maps ccxt's names (`fapiPublic`, `ws.linear`) to where they are; an empty one keeps ccxt's own.
    """
    known = dict(_leaves(exchange.urls["api"]))
    for name in addresses:
        if name not in known:
            raise InputError(f"gateway urls: {exchange.id} has no address {name!r}; it has {', '.join(sorted(known))}")
    closed = {name: NOWHERE["ws" if url.startswith("ws") else "http"] for name, url in known.items()}
    used = {name: url or known[name] for name, url in addresses.items()}
    exchange.urls["api"] = _tree(closed | used)
    exchange.milliseconds = lambda: now_ns() // 1_000_000  # signs with the clock that the skew was measured on
    exchange.own_session = False
    exchange.timeout_on_exit = 0
    exchange.streaming = {**exchange.streaming, "keepAlive": int(config.ping_s * 1000)}


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield prefix, tree
    elif isinstance(tree, dict):
        for name, branch in tree.items():
            yield from _leaves(branch, f"{prefix}.{name}" if prefix else name)


def _tree(leaves: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, url in leaves.items():
        *branches, leaf = name.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = url
    return tree
