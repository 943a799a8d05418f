"""What every request passes before it is answered: bans, weights, key, signature, time, order counts, and faults."""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass

from jaxmm.sim_venue.clock import VenueClock
from jaxmm.sim_venue.config import SimConfig
from jaxmm.sim_venue.desk import Endpoint, Json
from jaxmm.sim_venue.errors import VenueError
from jaxmm.sim_venue.faults import Fault, Faults
from jaxmm.sim_venue.limits import Counted
from jaxmm.sim_venue.orderforms import Params, integer
from jaxmm.sim_venue.truth import Truth

RECV_WINDOW_MS = 5000
LONGEST_WINDOW_MS = 60_000
REJECT_TEXTS = {-2010: "Account has insufficient balance for requested action.", -2019: "Margin is insufficient."}


class NoAnswer(Exception):
    """The client gets none: `mode` says whether the connection closes or hangs."""

    def __init__(self, mode: str) -> None:
        super().__init__(mode)
        self.mode = mode


@dataclass
class Request:
    """One request, from whichever transport."""

    params: Params
    api_key: str
    payload: str  # what was signed
    signature: str


@dataclass
class Gate:
    """The way in."""

    config: SimConfig
    clock: VenueClock
    faults: Faults
    counted: Counted
    truth: Truth

    async def ask(self, endpoint: Endpoint, request: Request) -> Json:
        """The answer to a request. Raises `VenueError` where it is refused, `NoAnswer` where none goes out."""
        try:
            return await self._ask(endpoint, request)
        except VenueError as error:
            self.truth.see_refusal(error.code)
            raise

    async def _ask(self, endpoint: Endpoint, request: Request) -> Json:
        self.truth.requests += 1
        self._strike_all()
        delay = self.faults.strike("delay", "rest")
        late = self.config.latency_ms + (delay.delay_ms if delay else 0.0)
        if late:
            await asyncio.sleep(late / 1000)
        self.counted.weigh(endpoint.weighs(request.params))
        self._authorize(endpoint, request)
        lost = self._strike_one(endpoint)
        if endpoint.order:
            self.counted.order()
            self.truth.see_order(self.clock.now_ms())
        answer = endpoint.answer(request.params)
        if lost is not None:
            self._fail(lost)
        if self.config.latency_ms:
            await asyncio.sleep(self.config.latency_ms / 1000)
        return answer

    # --- faults ---------------------------------------------------------------------------------------------------

    def _strike_all(self) -> None:
        ban = self.faults.strike("ban", "rest")
        if ban is not None:
            if ban.code == 429:
                raise VenueError(-1003, "Too many requests; please use the websocket for live updates.", 429, 1)
            self.counted.ban(max(ban.duration_s, 0.001))
        self.counted.check_ban()
        outage = self.faults.strike("outage", "rest")
        if outage is not None:
            self._fail(outage)

    def _strike_one(self, endpoint: Endpoint) -> Fault | None:
        """The time-out that this request will meet, if it is carried out first; what refuses it raises here."""
        if endpoint.kind == "place" and (reject := self.faults.strike("reject", "rest")):
            raise VenueError(reject.code, REJECT_TEXTS.get(reject.code, "This action is disabled on this account."))
        kinds = {"place": "accepted_timeout", "cancel": "cancel_timeout"}
        lost = self.faults.strike(kinds[endpoint.kind], "rest") if endpoint.kind else None
        if lost is not None and not lost.executed:
            self._fail(lost)
        return lost

    def _fail(self, fault: Fault) -> None:
        if fault.mode == "busy":
            text = "Unknown error, please check your request or try again later."
            raise VenueError(-1000, text, 503)
        raise NoAnswer(fault.mode)

    # --- who asks -------------------------------------------------------------------------------------------------

    def _authorize(self, endpoint: Endpoint, request: Request) -> None:
        if endpoint.access == "open":
            return
        if request.api_key != self.config.api_key:
            raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if endpoint.access == "keyed":
            return
        expected = hmac.new(self.config.secret.encode(), request.payload.encode(), hashlib.sha256).hexdigest()
        if not request.signature:
            raise VenueError(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        if not hmac.compare_digest(expected, request.signature):
            raise VenueError(-1022, "Signature for this request is not valid.")
        self._check_time(request.params)

    def _check_time(self, params: Params) -> None:
        stamp, window = integer(params, "timestamp"), integer(params, "recvWindow") or RECV_WINDOW_MS
        if stamp is None:
            raise VenueError(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
        if window > LONGEST_WINDOW_MS:
            raise VenueError(-1131, "recvWindow must be less than 60000.")
        late = self.clock.now_ms() - stamp
        if late > window:
            raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")
        if late < -1000:
            raise VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
