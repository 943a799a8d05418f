"""The venue as a server on loopback: HTTP and web sockets in front, the exchange and the player behind."""

import asyncio
import contextlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from jaxmm.errors import InputError
from jaxmm.sim_venue import endpoints
from jaxmm.sim_venue.account import FuturesAccount
from jaxmm.sim_venue.clock import VenueClock
from jaxmm.sim_venue.config import SimConfig
from jaxmm.sim_venue.desk import Desk
from jaxmm.sim_venue.errors import VenueError
from jaxmm.sim_venue.faults import Fault, Faults
from jaxmm.sim_venue.futures import FuturesFormat
from jaxmm.sim_venue.gate import Gate, NoAnswer, Request
from jaxmm.sim_venue.limits import Counted, limits_of
from jaxmm.sim_venue.matching import Exchange, Update
from jaxmm.sim_venue.player import Player
from jaxmm.sim_venue.recording import Recording, load, synthetic
from jaxmm.sim_venue.schedule import Scheduled
from jaxmm.sim_venue.spot import SpotFormat
from jaxmm.sim_venue.state import state_of
from jaxmm.sim_venue.streams import MARKET, USER, Client, Streams

HANG_S = 60.0
MARK_EVERY_S = 1.0


class SimVenue:
    """A venue that runs while its context lasts.

    >>> async with SimVenue(SimConfig(instrument)) as venue:
    ...     venue.rest_url, venue.ws_url, venue.ccxt_urls(), venue.api_key, venue.secret
    ...     venue.fault({"kind": "disconnect", "target": "user"})
    ...     venue.state()["open_orders"]
    """

    def __init__(
        self, config: SimConfig, recording: Recording | None = None, schedule: Iterable[Scheduled] = ()
    ) -> None:
        self.config = config
        self.recording = recording if recording is not None else _recording(config)
        self.clock = VenueClock()
        self.faults = Faults(config.seed)
        self.exchange = Exchange(config, self.clock.now_ms, self._tell)
        limits = limits_of(config)
        self.counted = Counted(limits)
        self.form = SpotFormat(self.exchange, limits) if config.units.spot else FuturesFormat(self.exchange, limits)
        self.streams = Streams(config.instrument.symbol, config.units.spot, self.faults)
        self.player = Player(self.exchange, self.recording, config.speed, self.streams.publish)
        self.desk = Desk(self.exchange, self.form, self.player)
        self.endpoints = (endpoints.spot if config.units.spot else endpoints.futures)(self.desk)
        self.gate = Gate(config, self.clock, self.faults, self.counted, self.exchange.truth)
        self._schedule = tuple(schedule)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    # --- the Python side ------------------------------------------------------------------------------------------

    @property
    def api_key(self) -> str:
        """The account's key."""
        return self.config.api_key

    @property
    def secret(self) -> str:
        """The account's secret."""
        return self.config.secret

    @property
    def rest_url(self) -> str:
        """Such as `http://127.0.0.1:4000`; paths are Binance's."""
        return f"http://{self.config.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Such as `ws://127.0.0.1:4000`; see `ccxt_urls` for the paths."""
        return f"ws://{self.config.host}:{self.port}"

    def ccxt_urls(self) -> dict[str, Any]:
        """What ccxt's `exchange.urls["api"]` must hold to trade here."""
        return ccxt_urls(self.rest_url, self.ws_url, spot=self.config.units.spot)

    def fault(self, fault: Fault | dict[str, Any]) -> None:
        """Begins a fault."""
        fault = fault if isinstance(fault, Fault) else Fault.parse(fault)
        loop = asyncio.get_running_loop()
        if fault.kind == "clock_jump":
            self.clock.ahead_ms += fault.offset_ms
            loop.call_later(fault.duration_s, self._clock_back, fault.offset_ms)
        if fault.kind == "disconnect":
            self.faults.struck["disconnect"] = self.faults.struck.get("disconnect", 0) + 1
            self.streams.cut(fault.target)
        if fault.duration_s or fault.count:
            self.faults.add(fault)
        if fault.kind == "outage" and fault.target == USER:  # a silent loss would leave no trace at all
            loop.call_later(fault.duration_s, self.streams.cut, USER)

    def pay(self, amount: Decimal, kind: str = "FUNDING_FEE") -> None:
        """Futures: money comes without an execution, or goes where it is negative; kind may be `TRANSFER`."""
        account, form = self.exchange.account, self.form
        assert isinstance(account, FuturesAccount)
        assert isinstance(form, FuturesFormat)
        account.pay(kind, amount, self.clock.now_ms())
        self.streams.tell_user(form.paid(kind))

    def clear_faults(self) -> None:
        """Ends all faults, bans and clock jumps included."""
        self.faults.clear()
        self.clock.ahead_ms = 0
        self.counted.banned_until = 0.0

    def state(self) -> dict[str, Any]:
        """The truth, as `GET /sim/state` tells it."""
        return state_of(self.exchange, self.player, self.faults, self.streams)

    async def __aenter__(self) -> "SimVenue":
        app = web.Application()
        app.router.add_route("*", "/sim/{what}", self._sim)
        app.router.add_get("/ws-api/v3", self._ws_api)
        app.router.add_get("/ws-fapi/v1", self._ws_api)
        app.router.add_get("/{room:stream|fstream|ws}{path:.*}", self._ws)
        app.router.add_route("*", "/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.config.host, self.config.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise InputError(f"sim-venue: {self.config.host}:{self.config.port}: {error.strerror}") from error
        self.port = self._runner.addresses[0][1]
        self.player.begin()
        self._tasks = [asyncio.create_task(run) for run in (self.player.run(), self._mark(), self._run_schedule())]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        self.desk.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for target in (MARKET, USER):
            self.streams.cut(target)
        await self._runner.cleanup()

    # --- what happens by itself -----------------------------------------------------------------------------------

    def _tell(self, update: Update) -> None:
        self.streams.tell_user(self.form.events(update, self.desk.cancel_id))

    def _clock_back(self, offset_ms: int) -> None:
        if self.clock.ahead_ms:
            self.clock.ahead_ms -= offset_ms

    async def _mark(self) -> None:
        while isinstance(self.form, FuturesFormat):
            now, mark = self.clock.now_ms(), self.form.mark()
            body = {
                "e": "markPriceUpdate",
                "E": now,
                "s": self.form.symbol,
                "p": mark,
                "ap": mark,
                "i": mark,
                "P": mark,
            }
            self.streams.publish("markPrice", {**body, "r": "0.00000000", "T": now - now % 28_800_000 + 28_800_000})
            await asyncio.sleep(MARK_EVERY_S)

    async def _run_schedule(self) -> None:
        began = asyncio.get_running_loop().time()
        for scheduled in sorted(self._schedule, key=lambda s: s.at_s):
            await asyncio.sleep(max(began + scheduled.at_s - asyncio.get_running_loop().time(), 0))
            self.fault(scheduled.fault)

    # --- HTTP -----------------------------------------------------------------------------------------------------

    async def _rest(self, http: web.Request) -> web.StreamResponse:
        endpoint = self.endpoints.get(f"{http.method} {http.path}")
        if endpoint is None:
            return _json({"code": -1000, "msg": f"no such path here: {http.method} {http.path}"}, 404)
        texts = [text for text in (http.rel_url.raw_query_string, (await http.read()).decode()) if text]
        signed = ["&".join(pair for pair in text.split("&") if not pair.startswith("signature=")) for text in texts]
        params = {name: value for text in texts for name, value in parse_qsl(text, keep_blank_values=True)}
        key = http.headers.get("X-MBX-APIKEY", "")
        request = Request(params, key, "".join(signed), params.get("signature", ""))
        try:
            answer = await self.gate.ask(endpoint, request)
        except VenueError as error:
            retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            return _json(error.body, error.http, self.counted.headers(endpoint.order) | retry)
        except NoAnswer as lost:
            return await self._no_answer(http, lost)
        return _json(answer, 200, self.counted.headers(endpoint.order))

    async def _no_answer(self, http: web.Request, lost: NoAnswer) -> web.StreamResponse:
        if lost.mode == "hang":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), HANG_S)
        if http.transport is not None:
            http.transport.abort()
        return web.Response(status=499)

    async def _sim(self, http: web.Request) -> web.StreamResponse:
        what = (http.method, http.match_info["what"])
        if what == ("GET", "state"):
            return _json(self.state())
        if what == ("DELETE", "fault"):
            self.clear_faults()
        elif what == ("POST", "fault"):
            try:
                asked = orjson.loads(await http.read())
                faults = [Fault.parse(one) for one in (asked if isinstance(asked, list) else [asked])]
            except (ValueError, AttributeError, TypeError) as error:
                return _json({"error": str(error)}, 400)
            for fault in faults:
                self.fault(fault)
        else:
            return _json({"error": f"{http.method} {http.path}: there are GET state, POST fault and DELETE fault"}, 404)
        return _json({"active": self.faults.kinds()})

    # --- web sockets ----------------------------------------------------------------------------------------------

    async def _ws(self, http: web.Request) -> web.StreamResponse:
        path, query = http.path, http.query
        key = query.get("listenKey") or next((key for key in self.desk.listen_keys if path.endswith(key)), "")
        if key or "/private" in path:
            if key not in self.desk.listen_keys:
                return _json({"code": -1125, "msg": "This listenKey does not exist."}, 400)
            return await self.streams.serve(http, USER, self.streams.subscription, subscribed=True)
        named = [name for name in query.get("streams", "").split("/") if name]
        named += [part for part in path.split("/") if "@" in part]
        client = {"wrapped": bool(query.get("streams"))}
        facts: dict[str, Any] = {**client, "streams": {}}
        for name in named:
            facts["streams"].setdefault(name.split("@")[1], []).append(name)
        return await self.streams.serve(http, MARKET, self.streams.subscription, **facts)

    async def _ws_api(self, http: web.Request) -> web.StreamResponse:
        return await self.streams.serve(http, USER, self._ws_answer)

    async def _ws_answer(self, message: dict[str, Any], client: Client) -> str | None:
        params = {name: _text(value) for name, value in (message.get("params") or {}).items()}
        method, signature = message.get("method", ""), params.pop("signature", "")
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        request = Request(params, params.get("apiKey", ""), payload, signature)
        told: dict[str, Any] = {"id": message.get("id"), "status": 200}
        subscribing = method in ("userDataStream.subscribe.signature", "userDataStream.subscribe")
        endpoint = self.endpoints.get("account.status" if subscribing else method)
        if endpoint is None:
            return _dump({**told, "status": 400, "error": {"code": -1000, "msg": f"no such method here: {method}"}})
        try:
            result = await self.gate.ask(endpoint, request)
        except VenueError as error:
            return _dump({**told, "status": error.http, "error": error.body})
        except NoAnswer as lost:
            if lost.mode == "close":
                client.outbox.abort()
            return None
        if subscribing:
            client.subscribed, result = True, {"subscriptionId": 0}
        return _dump({**told, "result": result})


def ccxt_urls(rest_url: str, ws_url: str, *, spot: bool) -> dict[str, Any]:
    """ccxt's `urls["api"]` for a venue at these addresses; the rest points at a closed port."""
    nowhere = "http://127.0.0.1:9"
    names = ["sapi", "sapiV2", "sapiV3", "sapiV4", "dapiPublic", "dapiPrivate", "dapiPrivateV2", "dapiData"]
    names += ["eapiPublic", "eapiPrivate", "fapiData", "papi", "papiV2", "v1"]
    urls: dict[str, Any] = dict.fromkeys(names, nowhere)
    urls |= dict.fromkeys(("public", "private"), f"{rest_url}/api/v3")
    for version in (1, 2, 3):
        suffix = "" if version == 1 else f"V{version}"
        urls |= {f"{name}{suffix}": f"{rest_url}/fapi/v{version}" for name in ("fapiPublic", "fapiPrivate")}
    away = "ws://127.0.0.1:9"
    spot_ws, linear_ws = (f"{ws_url}/stream/ws", away) if spot else (away, f"{ws_url}/fstream/ws")
    api = {"spot": f"{ws_url}/ws-api/v3", "linear": f"{ws_url}/ws-fapi/v1", "inverse": away}
    others = dict.fromkeys(("margin", "inverse", "stock", "option", "optionMarket", "optionPrivate", "papi"), away)
    return urls | {"ws": {**others, "spot": spot_ws, "linear": linear_ws, "ws-api": api}}


def _recording(config: SimConfig) -> Recording:
    if config.recording:
        return load(tuple(Path(path) for path in config.recording), config.format, config.instrument, config.seconds)
    return synthetic(config.instrument, config.seconds or 120.0, config.seed)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dump(body: object) -> str:
    return orjson.dumps(body).decode()


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")
