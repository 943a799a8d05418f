"""A local venue that speaks Binance's protocol, spot and USD-M futures, well enough for unmodified ccxt.pro to trade.

In a test or a notebook:

    from jaxmm.sim_venue import SimConfig, SimVenue

    async with SimVenue(SimConfig(instrument, speed=10)) as venue:  # no recording: a small synthetic market
        exchange = ccxt.pro.binance({"apiKey": venue.api_key, "secret": venue.secret, "options": CCXT_OPTIONS["spot"]})
        exchange.urls["api"] = venue.ccxt_urls()  # spot; futures: ccxt.pro.binanceusdm
        venue.fault({"kind": "accepted_timeout", "count": 1})
        venue.state()["open_orders"]

An instrument whose venue's name holds `spot` makes a spot venue, any other USD-M futures. `GET /sim/state` tells the
truth, `POST /sim/fault` begins a fault (`jaxmm.sim_venue.faults.Fault` names its parameters), `DELETE /sim/fault` ends
all. As a process: `jaxmm sim-venue --help`.
"""

from jaxmm.sim_venue.config import RateLimits, SimConfig
from jaxmm.sim_venue.faults import Fault
from jaxmm.sim_venue.recording import Recording, load, synthetic
from jaxmm.sim_venue.schedule import Scheduled, draw_schedule
from jaxmm.sim_venue.server import SimVenue, ccxt_urls

__all__ = [
    "CCXT_OPTIONS",
    "Fault",
    "RateLimits",
    "Recording",
    "Scheduled",
    "SimConfig",
    "SimVenue",
    "ccxt_urls",
    "draw_schedule",
    "load",
    "synthetic",
]


def _ccxt_options(types: tuple[str, ...]) -> dict[str, object]:
    return {"fetchMarkets": {"types": list(types)}, "fetchCurrencies": False, "fetchMargins": False}


CCXT_OPTIONS = {"spot": _ccxt_options(("spot",)), "usdm": _ccxt_options(("linear",))}
"""ccxt's `options` by market, so that it asks only for what is here."""
