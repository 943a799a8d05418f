"""Health, readiness and metrics over HTTP, for probes and Prometheus; on the loopback unless configured otherwise."""

from collections.abc import Callable

import orjson
from aiohttp import web

from jaxmm.live.metrics import Metrics
from jaxmm.live.observer import Status


class Endpoints:
    """`/health` (the process turns), `/ready` (it quotes), `/status` (how it stands) and `/metrics`."""

    def __init__(self, metrics: Metrics, status: Callable[[], Status], turning: Callable[[], bool]) -> None:
        self._metrics, self._status, self._turning = metrics, status, turning
        app = web.Application()
        answers = {"health": self._health, "ready": self._ready, "status": self._show, "metrics": self._scrape}
        app.add_routes([web.get(f"/{name}", answer) for name, answer in answers.items()])
        self._runner = web.AppRunner(app, access_log=None)
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listens; port 0 takes a free one, which `port` then says."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stops listening."""
        await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        turning = self._turning()
        return web.json_response({"turning": turning}, status=200 if turning else 503)

    async def _ready(self, request: web.Request) -> web.Response:
        status = self._status()
        answer = {"ready": status.quoting, "state": status.state, "why": status.hindrance or status.reason}
        return web.json_response(answer, status=200 if status.quoting else 503)

    async def _show(self, request: web.Request) -> web.Response:
        body = orjson.dumps(self._status(), default=str)
        return web.Response(body=body, content_type="application/json")

    async def _scrape(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})
