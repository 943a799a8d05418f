"""Web sockets: the public streams, both user data streams, and the ws-api."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from jaxmm.sim_venue.faults import Faults
from jaxmm.sim_venue.outbox import Outbox

Answer = Callable[[dict[str, Any], "Client"], Awaitable[str | None]]
MARKET, USER = "market", "user"


@dataclass(eq=False)
class Client:
    """One connection."""

    target: str  # market or user
    outbox: Outbox
    wrapped: bool = False  # /stream names the stream of each message, /ws does not
    streams: dict[str, list[str]] = field(default_factory=dict)  # subscriptions by kind of stream
    subscribed: bool = False  # to user data, on the ws-api

    def subscribe(self, names: list[str]) -> None:
        """Adds streams such as `btcusdt@depth@100ms`."""
        for name in names:
            self.streams.setdefault(_kind(name), []).append(name)

    def unsubscribe(self, names: list[str]) -> None:
        """Takes streams out."""
        for name in names:
            if name in self.streams.get(_kind(name), []):
                self.streams[_kind(name)].remove(name)

    def names(self) -> list[str]:
        """All subscriptions."""
        return [name for names in self.streams.values() for name in names]


def _kind(name: str) -> str:
    return name.split("@")[1] if "@" in name else name


@dataclass
class Streams:
    """Who is connected, and what is sent to whom."""

    symbol: str
    spot: bool
    faults: Faults
    clients: set[Client] = field(default_factory=set)

    def publish(self, kind: str, message: dict[str, Any]) -> None:
        """A message of the market, to those who subscribed to it."""
        listening = [client for client in self.clients if client.streams.get(kind)]
        if not listening:
            return
        text = orjson.dumps(message).decode()
        copies = self.faults.copies(MARKET, diff=kind == "depth")
        for client in listening:
            for name in client.streams[kind]:
                if name.split("@")[0] == self.symbol.lower():
                    client.outbox.push(f'{{"stream":"{name}","data":{text}}}' if client.wrapped else text, copies)

    def tell_user(self, events: list[dict[str, Any]]) -> None:
        """What happened to the account, to those who hear of it."""
        for event in events:
            body = {"subscriptionId": 0, "event": event} if self.spot else event
            text = orjson.dumps(body).decode()
            copies = self.faults.copies(USER)
            for client in self.clients:
                if client.subscribed:
                    client.outbox.push(text, copies)

    def cut(self, target: str) -> int:
        """Cuts the connections of a target; returns how many."""
        cut = [client for client in self.clients if client.target == target]
        for client in cut:
            client.outbox.abort()
        return len(cut)

    async def serve(self, request: web.Request, target: str, answer: Answer, **client_facts: Any) -> web.StreamResponse:
        """Runs one connection to its end."""
        if self.faults.active("disconnect", target):
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=1 << 20, autoping=False)
        try:
            await socket.prepare(request)
        except ConnectionError:  # it gave up waiting
            return web.Response(status=499)
        client = Client(target, Outbox(socket), **client_facts)
        self.clients.add(client)
        try:
            with contextlib.suppress(ConnectionError):  # it went while we wrote
                await self._hear(socket, client, answer)
        finally:
            self.clients.discard(client)
            await client.outbox.close()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, client: Client, answer: Answer) -> None:
        async for message in socket:
            if self.faults.active("outage", client.target):  # a dead peer answers nothing, no ping either
                continue
            if message.type is WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                said = await answer(orjson.loads(message.data), client)
                if said is not None:
                    client.outbox.push(said)

    async def subscription(self, message: dict[str, Any], client: Client) -> str | None:
        """Answers SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
        names = message.get("params") or []
        if message.get("method") == "SUBSCRIBE":
            client.subscribe(names)
        elif message.get("method") == "UNSUBSCRIBE":
            client.unsubscribe(names)
        elif message.get("method") != "LIST_SUBSCRIPTIONS":
            error = {"code": 2, "msg": "Invalid request: unknown method"}
            return orjson.dumps({"error": error, "id": message.get("id")}).decode()
        listed = client.names() if message["method"] == "LIST_SUBSCRIPTIONS" else None
        return orjson.dumps({"result": listed, "id": message.get("id")}).decode()
