"""Recorded days as tapes."""

import pytest

from jaxmm.data.store import import_recording, open_store
from jaxmm.instrument import Instrument
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape

RECORDINGS = {
    "usdm-btc": ("binance_usdm/btcusdt_20240808.gz", "binance_usdm_btcusdt", "100ms"),
    "usdm-eth": ("binance_usdm/ethusdt_20240808.gz", "binance_usdm_ethusdt", "200ev"),
    "spot-btc": ("binance_spot/btcusdt_20240808.gz", "binance_spot_btcusdt", "100ms"),
}


@pytest.fixture(scope="module", params=list(RECORDINGS))
def recorded(request, shared_data, tmp_path_factory) -> Tape:
    """A whole recording."""
    path, instrument, clock = RECORDINGS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    described = Instrument.from_yaml(f"configs/instruments/{instrument}.yaml")
    import_recording([shared_data / path], "binance", described, folder / "store", fix_clock=True)
    return build_tape(open_store(folder / "store"), folder / "tape", clock, 20)
