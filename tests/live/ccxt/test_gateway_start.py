"""How a gateway starts, what it refuses to start with, and what it never tells or reaches."""

import asyncio
import logging
import socket
from typing import Any

import pytest
from gateway_desk import INSTRUMENTS, KEY, SECRET, VENUES, Desk, config_at, desk_at, still, until

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.config import FILE, Credentials, GatewayConfig
from jaxmm.live.ccxt.config import KEY as KEY_VARIABLE
from jaxmm.live.ccxt.config import SECRET as SECRET_VARIABLE
from jaxmm.live.ccxt.exchange import NOWHERE
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.gateway import Unreachable
from jaxmm.live.messages import Book, Message, Skew, Stream, Trade
from jaxmm.sim_venue import Fault, SimConfig, SimVenue


def leaves(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [leaf for branch in tree.values() for leaf in leaves(branch)]


async def test_a_start_returns_with_the_clock_known_both_streams_up_and_a_book(market):
    async with desk_at(market, still()) as desk:
        kinds = [type(message) for message in desk.heard]
        assert kinds.index(Skew) < kinds.index(Stream)
        assert desk.stream("market") == desk.stream("user") == [True]
        assert desk.of(Book)[0].snapshot


async def test_the_market_alone_is_heard_without_keys(market):
    async with SimVenue(SimConfig(INSTRUMENTS[market], speed=10.0)) as venue:
        desk = Desk(venue, CcxtGateway(config_at(venue, market), INSTRUMENTS[market], Credentials("", "")))
        await desk.gateway.start_market(desk.heard.append)
        await until(lambda: desk.of(Trade) and desk.sees_the_venues_book())
        assert desk.stream("user") == []
        assert venue.state()["connections"]["user"] == 0
        await desk.gateway.close()
        await desk.gateway.close()


async def test_a_venue_that_answers_late_is_waited_for(market):
    sim = SimConfig(INSTRUMENTS[market], api_key=KEY, secret=SECRET)
    async with SimVenue(sim, still()) as venue:
        venue.fault(Fault("outage", "rest", duration_s=0.4))
        venue.fault(Fault("disconnect", "market", duration_s=0.6))
        desk = Desk(venue, CcxtGateway(config_at(venue, market), INSTRUMENTS[market], Credentials(KEY, SECRET)))
        await desk.gateway.start(desk.heard.append)
        assert desk.sees_the_venues_book()
        await desk.gateway.close()


async def start_fails(market: str, gateway: dict[str, Any], instrument: Instrument, secret: str = SECRET) -> str:
    """What a start says that fails; no socket and no task stays."""
    heard: list[Message] = []
    async with SimVenue(SimConfig(INSTRUMENTS[market], api_key=KEY, secret=SECRET), still()) as venue:
        refusing = CcxtGateway(config_at(venue, market, **gateway), instrument, Credentials(KEY, secret))
        with pytest.raises((Unreachable, InputError)) as error:
            await refusing.start(heard.append)
        await until(lambda: not any(venue.state()["connections"].values()))
    assert len(asyncio.all_tasks()) == 1
    assert KEY not in f"{error.value}{heard}"
    assert secret not in f"{error.value}{heard}"
    return str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("tick_size", 0.05, "tick_size of the instrument is 0.05"),
        ("lot_size", 0.5, "lot_size of the instrument is 0.5"),
    ],
)
async def test_an_instrument_with_other_steps_than_the_venues_is_refused(market, field, value, says):
    other = Instrument.from_dict(INSTRUMENTS[market].to_dict() | {field: value})
    assert says in await start_fails(market, {}, other)


async def test_a_symbol_that_the_venue_does_not_know_is_refused(market):
    other = Instrument.from_dict(INSTRUMENTS[market].to_dict() | {"symbol": "NONEUSDT"})
    assert "no symbol 'NONEUSDT'" in await start_fails(market, {}, other)


async def test_a_wrong_secret_ends_the_start_with_the_venues_reason():
    said = await start_fails("spot", {"start_timeout_s": 1.0}, INSTRUMENTS["spot"], secret="another-secret")
    assert "no user" in said
    assert "-1022" in said


async def test_a_venue_that_is_not_there_is_unreachable(market):
    config = GatewayConfig(venue=VENUES[market], rest_url=NOWHERE["http"], ws_url=NOWHERE["ws"], start_timeout_s=0.5)
    gateway = CcxtGateway(config, INSTRUMENTS[market], Credentials(KEY, SECRET))
    with pytest.raises(Unreachable) as error:
        await gateway.start(lambda message: None)
    said = str(error.value)
    assert "within 0.5 s; the last failure: ExchangeNotAvailable" in said


async def test_every_address_that_is_not_in_use_is_a_closed_port(market):
    async with desk_at(market, still()) as desk:
        exchange = desk.gateway._venue._exchange
        open_ones = {url for url in leaves(exchange.urls["api"]) if not url.startswith(tuple(NOWHERE.values()))}
        assert all(url.startswith((desk.venue.rest_url, desk.venue.ws_url)) for url in open_ones)
        assert len(open_ones) in (3, 4)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 9)) != 0


async def test_the_venues_own_addresses_are_kept_where_no_other_server_is_named(market):
    gateway = CcxtGateway(GatewayConfig(venue=VENUES[market]), INSTRUMENTS[market], Credentials(KEY, SECRET))
    urls = leaves(gateway._venue._exchange.urls["api"])
    hosts = {url.split("/")[2].split(":")[0] for url in urls}
    assert len([host for host in hosts if host.endswith("binance.com")]) in (2, 3)
    assert sum(url.startswith(tuple(NOWHERE.values())) for url in urls) > 20
    await gateway.close()


async def test_nothing_secret_is_logged_even_at_the_finest_level(market, caplog):
    with caplog.at_level(logging.DEBUG):
        async with desk_at(market, still()) as desk:
            await desk.gateway.account()
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
    assert "signature=" not in caplog.text


# --- keys ---------------------------------------------------------------------------------------------------------


def test_keys_come_from_the_environment_and_are_not_shown():
    keys = Credentials.read({KEY_VARIABLE: "abcd", SECRET_VARIABLE: "efgh"})
    assert keys.secrets == ("abcd", "efgh")
    assert "abcd" not in repr(keys)
    assert "efgh" not in f"{keys}"


def test_keys_come_from_a_mounted_file(tmp_path):
    file = tmp_path / "keys.yaml"
    file.write_text("api_key: abcd\nsecret: efgh\n")
    assert Credentials.read({FILE: str(file)}) == Credentials("abcd", "efgh")


def test_missing_keys_are_named():
    with pytest.raises(InputError, match=f"{SECRET_VARIABLE} not set"):
        Credentials.read({KEY_VARIABLE: "abcd"})


@pytest.mark.parametrize("text", ["api_key: abcd", "hush: [", "api_key: 1234\nsecret: 5678", "just words"])
def test_a_file_without_keys_is_refused_without_quoting_it(tmp_path, text):
    file = tmp_path / "keys.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        Credentials.read({FILE: str(file)})
    assert "keys.yaml" in str(error.value)
    assert not {"abcd", "hush", "1234", "just"} & set(str(error.value).replace(":", " ").split())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        Credentials.read({FILE: str(tmp_path / "none.yaml")})
