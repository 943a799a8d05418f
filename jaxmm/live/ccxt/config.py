"""The `gateway` section of a quoter's configuration, and the keys, which are in no configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from jaxmm.config import Section
from jaxmm.errors import InputError

KEY, SECRET, PASSWORD, FILE = "JAXMM_API_KEY", "JAXMM_API_SECRET", "JAXMM_API_PASSWORD", "JAXMM_CREDENTIALS"


class RequestLimit(Section):
    """A limit of a venue that does not tell its own: requests of all kinds in windows of its clock."""

    window_s: int = Field(ge=1)
    """Length of the window."""
    most: int = Field(ge=1)
    """Requests in it."""


class GatewayConfig(Section):
    """Which venue, where, and how patient we are with it."""

    venue: str
    """`binance`, `binanceusdm`, or ccxt's name of another venue."""
    market: str = ""
    """ccxt's name of the instrument, such as `BTC/USDT:USDT`; only where the venue is none of Binance's."""
    rest_url: str = ""
    """Another server that speaks Binance's protocol, such as `jaxmm sim-venue`; empty is the venue's own."""
    ws_url: str = ""
    """Its web sockets."""
    urls: dict[str, str] = Field(default_factory=dict)
    """Other venues: ccxt's names of the addresses in use (`public`, `ws.public`) and where they are."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Other venues: ccxt's options, such as which kinds of markets to load."""
    depth_interval: Literal["0ms", "100ms", "250ms", "500ms", "1000ms"] = "100ms"
    """How often Binance sends book differences."""
    depth_levels: int = Field(default=1000, ge=5, le=5000)
    """Levels a side that a snapshot has; for other venues those of every book message."""
    recv_window_ms: int = Field(default=5000, ge=100, le=60000)
    """A request that reaches the venue later than this is not carried out."""
    timeout_ms: int = Field(default=5000, ge=100)
    """An answer that takes longer is lost."""
    start_timeout_s: float = Field(default=30.0, gt=0)
    """How long the start may take until streams are up and a snapshot came."""
    reserve: float = Field(default=0.2, ge=0, lt=1)
    """Share of every rate limit that only cancels and questions may use."""
    limits: tuple[RequestLimit, ...] = (RequestLimit(window_s=1, most=5),)
    """Rate limits of venues other than Binance, which tells its own."""
    reconnect_first_s: float = Field(default=0.25, gt=0)
    """First wait before a broken stream is opened again; it doubles."""
    reconnect_last_s: float = Field(default=5.0, gt=0)
    """Longest such wait."""
    ping_s: float = Field(default=5.0, gt=0)
    """A socket is asked this often whether it lives; two pings without an answer end it."""
    silence_s: float = Field(default=15.0, gt=0)
    """A market stream without a message for so long is opened again."""
    skew_every_s: float = Field(default=30.0, gt=0)
    """How often the venue's clock is asked."""
    listen_key_s: float = Field(default=1200.0, gt=0)
    """How often the key of a futures user stream is renewed; it lives for an hour."""


@dataclass(frozen=True)
class Credentials:
    """Keys of an account. They are not shown when printed."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every string that must not be seen."""
        return tuple(value for value in (self.api_key, self.secret, self.password) if value)

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Credentials":
        """From the environment, or from the YAML file that it names. Raises `InputError` where a key is missing."""
        if FILE in environ:
            return cls._from_file(Path(environ[FILE]))
        missing = [name for name in (KEY, SECRET) if not environ.get(name)]
        if missing:
            raise InputError(
                f"{', '.join(missing)} not set; set {KEY} and {SECRET}, or {FILE} to a file with api_key and secret"
            )
        return cls(environ[KEY], environ[SECRET], environ.get(PASSWORD, ""))

    @classmethod
    def _from_file(cls, path: Path) -> "Credentials":
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; {FILE} names a file with api_key and secret") from error
        except (yaml.YAMLError, UnicodeDecodeError):
            values = None  # the parser's message would quote the file
        names = {"api_key", "secret", "password"}
        if not isinstance(values, dict) or not {"api_key", "secret"} <= set(values) <= names:
            raise InputError(f"{path}: not a YAML mapping with api_key, secret and perhaps password")
        if not all(isinstance(value, str) and value for value in values.values()):
            raise InputError(f"{path}: api_key, secret and password are texts; put them in quotes")
        return cls(**values)
