"""The quoter on 30 recorded minutes at ten times their speed, and whether its books are the venue's to the last digit.

    python scripts/quote_half_an_hour.py ../shared/data/binance_usdm/btcusdt_20240808.gz \
        --instrument configs/instruments/binance_usdm_btcusdt.yaml --speed 10

Venue and quoter are the real commands, `jaxmm sim-venue` and `jaxmm quote --live`, each in a process of its own, with
unmodified ccxt.pro between them. Prints what the venue and the journal say, and ends with 1 where they differ.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from jaxmm.instrument import Instrument
from jaxmm.live.journal.reading import read_rows

ROOT = Path(__file__).resolve().parent.parent
START_S = 300.0


def jaxmm(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "jaxmm.cli", *arguments], text=True, **options)


def config(venue: dict[str, str], instrument: Path, folder: Path, speed: float) -> Path:
    """A quoter whose times are those of the recording, divided by the speed."""
    one = Instrument.from_yaml(instrument)
    spot = "spot" in one.venue
    lots = 100 if spot else 10
    risk = yaml.safe_load((ROOT / "configs" / "quote" / "sim_usdm_btcusdt.yaml").read_text())["risk"]
    values = {
        "name": "half-an-hour",
        "instrument": str(instrument),
        "journal": str(folder / "journal"),
        "gateway": {
            "venue": "binance" if spot else "binanceusdm", "rest_url": venue["rest"], "ws_url": venue["ws"],
            "timeout_ms": 30_000, "recv_window_ms": 60_000, "start_timeout_s": START_S, "ping_s": 30, "silence_s": 60,
        },
        "quoter": {
            "kind": "strategy", "name": "skewed_spread",
            "settings": {"half_spread_ticks": 1, "skew_ticks": 0.5, "lots": lots, "max_position_lots": 10 * lots},
        },
        "baseline": {"name": "fixed_spread", "settings": {"half_spread_ticks": 20, "lots": lots}, "wider_ticks": 0},
        "observing": {"clock": f"{round(500 / speed)}ms", "levels": 20},
        "deciding": {"timeout_ms": 1000, "max_lateness_ms": 1000},
        "serving": {"port": 0},
        "pace": {"compare_s": 5, "stop_s": 60, "dead_man_s": 60},
        "risk": risk | {
            "max_position_lots": 20 * lots, "max_order_lots": lots, "max_open_orders": 8, "max_messages_per_s": 1000,
            "max_book_age_ms": 30_000,
        },
    }  # fmt: skip
    path = folder / "quote.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def state_of(venue: dict[str, str]) -> dict[str, Any]:
    with urllib.request.urlopen(venue["state"]) as answer:
        return json.load(answer)


def amounts(by_currency: dict[str, str]) -> dict[str, str]:
    """Without trailing zeros, so that equal numbers are equal texts."""
    return {name: format(Decimal(text).normalize(), "f") for name, text in by_currency.items() if Decimal(text)}


def journal_says(path: Path) -> dict[str, Any]:
    """Of the last state, which the quoter wrote when it had stopped."""
    state = [row.body for row in read_rows(path) if row.kind == "state"][-1]
    ledger = state["ledger"]
    return {
        "position_lots": ledger["position_lots"],
        "balances": amounts(ledger["balances"]),
        "fees": amounts(ledger["fees"]),
        "fills": ledger["fills"],
        "open_orders": state["orders"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--instrument", type=Path, required=True)
    parser.add_argument("--speed", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the recording")
    given = parser.parse_args()
    keys = {"JAXMM_API_KEY": "sim-key", "JAXMM_API_SECRET": "sim-secret"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        play = ["sim-venue", str(given.instrument), "--recording", str(given.recording), "--json"]
        player = jaxmm(*play, "--speed", str(given.speed), stdout=subprocess.PIPE)
        try:
            assert player.stdout is not None
            venue = json.loads(player.stdout.readline())
            path = config(venue, given.instrument, folder, given.speed)
            with (folder / "log").open("w") as log:
                quoter = jaxmm("quote", str(path), "--live", "--yes-live", stderr=log, env=os.environ | keys)
                ends = time.monotonic() + START_S
                while '"event":"begun"' not in (folder / "log").read_text():
                    if quoter.poll() is not None or time.monotonic() > ends:
                        print((folder / "log").read_text()[-2000:])
                        return 1
                    time.sleep(0.2)
                began = state_of(venue)["recorded_s"]
                while state_of(venue)["recorded_s"] < began + 60 * given.minutes and quoter.poll() is None:
                    time.sleep(1.0)
                quoter.send_signal(signal.SIGTERM)
                code = quoter.wait(timeout=120)
            state = state_of(venue)
        finally:
            player.terminate()
            player.wait()
        theirs = {
            "position_lots": state["position_lots"],
            "balances": amounts(state["balances"]),
            "fees": amounts(state["fees"]),
            "fills": len(state["fills"]),
            "open_orders": state["open_orders"],
        }
        ours = journal_says(folder / "journal")
        print(
            json.dumps({"recorded_s": round(state["recorded_s"] - began, 1), "exit": code, "orders": state["orders"]})
        )
        print("venue  ", json.dumps(theirs))
        print("journal", json.dumps(ours))
        print("refused", json.dumps(state["refused"]))
        print("to the last digit" if theirs == ours else "THEY DIFFER")
        if theirs != ours or code:
            print((folder / "log").read_text()[-3000:])
        return 0 if theirs == ours and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
