"""What is traded: venue, symbol, tick, lot, contract kind and fees. The meaning of every integer in the simulator."""

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxmm.errors import InputError, nearest

INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Instrument:
    """One tradable contract; prices become integer ticks and quantities integer lots through it.

    Attributes:
        venue: exchange name, such as `binance-usdm`.
        symbol: the venue's own name for the contract, such as `BTCUSDT`.
        tick_size: smallest price step, in quote currency.
        lot_size: smallest quantity step, in base currency (linear) or contracts (inverse).
        kind: `linear` (P&L in quote currency) or `inverse` (P&L in base currency).
        contract_size: base units (linear) or quote units (inverse) that one unit of quantity stands for.
        maker_fee: fraction of notional paid when our resting order fills; negative is a rebate.
        taker_fee: fraction of notional paid when our order takes.
        fee_tiers: (30-day volume in settlement currency, maker_fee, taker_fee) of the tiers above the one given by
            `maker_fee` and `taker_fee`, volumes rising.
        base: the base coin's name, such as `BTC`; empty where it is not known.
        quote: the quote currency's name, likewise.
    """

    venue: str
    symbol: str
    tick_size: float
    lot_size: float
    kind: Literal["linear", "inverse"] = "linear"
    contract_size: float = 1.0
    maker_fee: float = 0.0
    taker_fee: float = 0.0
    fee_tiers: tuple[tuple[float, float, float], ...] = ()
    base: str = ""
    quote: str = ""

    def __post_init__(self) -> None:
        for field in ("tick_size", "lot_size", "contract_size"):
            value = getattr(self, field)
            if not isinstance(value, int | float) or not np.isfinite(value) or value <= 0:
                raise InputError(f"instrument {self.symbol}: {field} is {value!r}; it must be a positive number")
        for field in ("maker_fee", "taker_fee"):
            self._check_fee(field, getattr(self, field))
        self._check_tiers()
        if self.kind not in ("linear", "inverse"):
            raise InputError(f"instrument {self.symbol}: kind is {self.kind!r}; it is 'linear' or 'inverse'")

    def _check_fee(self, field: str, value: Any) -> None:
        if not isinstance(value, int | float) or not abs(value) < 0.1:
            raise InputError(
                f"instrument {self.symbol}: {field} is {value!r}; it is a fraction of notional (0.0002 is 2 bp)"
            )

    def _check_tiers(self) -> None:
        reached = 0.0
        for i, tier in enumerate(self.fee_tiers):
            field = f"fee_tiers[{i}]"
            if not isinstance(tier, tuple) or len(tier) != 3 or not all(isinstance(x, int | float) for x in tier):
                raise InputError(f"instrument {self.symbol}: {field} is {tier!r}; it is volume, maker_fee, taker_fee")
            if not reached < tier[0] < np.inf:
                raise InputError(f"instrument {self.symbol}: {field} starts at {tier[0]!r}; volumes rise from above 0")
            reached = tier[0]
            self._check_fee(f"{field} maker_fee", tier[1])
            self._check_fee(f"{field} taker_fee", tier[2])

    @property
    def currency(self) -> str:
        """What profit and loss are paid in: the quote currency, or the base coin of an inverse contract."""
        if self.kind == "inverse":
            return self.base or "base coin"
        return self.quote or "quote currency"

    def to_ticks(self, price: np.ndarray) -> np.ndarray:
        """Prices as int64 ticks, same shape. Raises `InputError` on the first price that is off the tick."""
        return _to_units(price, self.tick_size, f"{self.symbol}: price", "tick_size")

    def to_lots(self, qty: np.ndarray) -> np.ndarray:
        """Quantities as int64 lots, same shape. Raises `InputError` on the first quantity that is off the lot."""
        return _to_units(qty, self.lot_size, f"{self.symbol}: quantity", "lot_size")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as YAML and Parquet metadata hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "instrument") -> "Instrument":
        """The inverse of `to_dict`; refuses unknown and missing names, saying `where`."""
        names = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(values, dict):
            raise InputError(f"{where}: an instrument is a mapping with {', '.join(sorted(names))}; got {values!r}")
        for name in values:
            if name not in names:
                raise InputError(f"{where}: unknown field {name!r}; {nearest(str(name), names)}")
        missing = [n for n in ("venue", "symbol", "tick_size", "lot_size") if n not in values]
        if missing:
            raise InputError(
                f"{where}: {', '.join(missing)} missing; give at least venue, symbol, tick_size and lot_size"
            )
        tiers = values.get("fee_tiers") or ()
        if not isinstance(tiers, list | tuple) or not all(isinstance(tier, list | tuple) for tier in tiers):
            raise InputError(f"{where}: fee_tiers is {tiers!r}; it is a list of [volume, maker_fee, taker_fee]")
        return cls(**values | {"fee_tiers": tuple(tuple(tier) for tier in tiers)})

    @classmethod
    def from_yaml(cls, path: str | Path) -> "Instrument":
        """Reads an instrument file."""
        import yaml

        try:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; give the path of an instrument YAML file") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not YAML ({error})") from error
        return cls.from_dict(values, where=str(path))


def _to_units(values: np.ndarray, unit: float, what: str, field: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    ratio = Fraction(repr(unit))
    units = values * float(ratio.denominator) / float(ratio.numerator)
    rounded = np.rint(units)
    off = ~(np.abs(units - rounded) <= 1e-9 * np.maximum(np.abs(units), 1e3))
    if off.any():
        index = int(np.flatnonzero(off.ravel())[0])
        raise InputError(
            f"{what} {values.ravel()[index]!r} (entry {index}) is not a multiple of {field} {unit!r}; "
            f"correct {field} in the instrument file"
        )
    return rounded.astype(np.int64)
