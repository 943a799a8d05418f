"""Whole recordings traded on paper: the quoter sees the tape, value for value, and trades as the simulator says."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxmm.data.store import open_store
from jaxmm.exchange.latency import Latency
from jaxmm.instrument import Instrument
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.recorded_day import trade_recorded
from jaxmm.runs.live_comparing import compare_journal
from jaxmm.tape.tape import Tape

Claim = tuple[str, bool, str]
OF_CONTRACTS = ("binance_usdm_btcusdt", "binance_usdm_ethusdt", "binance_coinm_btcusd_perp")
NAMES = (*OF_CONTRACTS, "binance_spot_btcusdt", "binance_spot_ethusdt")
QUOTERS = {
    "one order a side": ("fixed_spread", {"half_spread_ticks": 2, "lots": 10, "max_position_lots": 100}),
    "three orders a side": ("glft_grid", {"lots": 5, "max_position_lots": 100, "levels": 3}),
}
LATENCY = "5ms,5ms"
MUCH = 10**9
RISK = {
    "max_position_lots": MUCH, "max_order_lots": MUCH, "max_order_notional": MUCH, "max_open_orders": MUCH,
    "max_messages_per_s": MUCH, "max_messages_per_day": MUCH, "max_daily_loss": MUCH, "max_drawdown": MUCH,
    "stop_loss": MUCH, "price_band": 0.99, "max_book_age_ms": MUCH, "max_skew_ms": MUCH,
}  # fmt: skip
"""Limits that nothing reaches."""


def config_of(name: str, quoter: str, journal: Path, instruments: Path) -> QuoteConfig:
    """A quoter of the recording `name` on paper."""
    file = instruments / f"{name}.yaml"
    instrument, spot = Instrument.from_yaml(file), "spot" in name
    coins = (instrument.base, instrument.quote) if spot else (instrument.currency,)
    strategy, settings = QUOTERS[quoter]
    return QuoteConfig.model_validate(
        {
            "name": "verify",
            "instrument": str(file),
            "journal": str(journal),
            "gateway": {"venue": "binance" if spot else "binanceusdm"},
            "paper": {"spot": spot, "balances": dict.fromkeys(coins, 1_000_000), "latency": LATENCY},
            "quoter": {"kind": "strategy", "name": strategy, "settings": settings},
            "observing": {"clock": "100ms", "levels": 20},
            "deciding": {"max_distance_ticks": MUCH},
            "risk": RISK,
        }
    )


def claims(name: str, store: Path, folder: Path, instruments: Path) -> Iterator[Claim]:
    """What one recording shows, with each quoter."""
    for quoter in QUOTERS:
        journal = folder / f"{name}-{QUOTERS[quoter][0]}"
        trade_recorded(config_of(name, quoter, journal, instruments), open_store(store))
        told = compare_journal(journal, out=folder / f"{journal.name}-compared", latency=Latency.parse(LATENCY))
        tape = Tape.open(folder / f"{journal.name}-compared" / "tape")
        rows, booked = ([row for row in read_rows(journal) if row.kind == kind] for kind in ("decision", "fill"))
        seen = np.stack([np.frombuffer(row.blob, np.float32)[: len(tape.meta.features)] for row in rows])
        same = [row.ts_ns for row in rows] == tape.ts_ns.tolist() and seen.tobytes() == tape.features[:].tobytes()
        yield f"paper: {name}, {quoter}: the quoter's observations are the tape's", same, f"{len(rows)} decisions"
        fills, terms = told["fills"], told["terms"]
        worst = max(abs(term["gap"]) for key, term in terms.items() if "fee" not in key and key != "net")
        fee = abs(terms["maker_fees"]["gap"])
        coin = tape.book_price.max() * tape.instrument.tick_size if "spot" in name else 1.0  # what fees are rounded in
        rounding = 1e-8 * coin * len(booked)
        exact = (fills["miss"], fills["extra"], told["gap"], worst) == (0, 0, 0, 0) and fee <= rounding
        figures = f"{fills}, terms apart {worst:g}, fees {fee:.1g}"
        yield f"paper: {name}, {quoter}: fills and P&L are the simulator's", exact, figures
