"""Real recordings, cut short enough for a test."""

from dataclasses import dataclass

import pytest

from jaxmm.data.store import Store, import_recording, open_store
from jaxmm.instrument import Instrument

FEES = {"maker_fee": 0.0002, "taker_fee": 0.0005}
RECORDINGS = {
    "futures": (
        "binance_usdm/btcusdt_20240808.gz",
        Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001, base="BTC", quote="USDT", **FEES),
    ),
    "spot": (
        "binance_spot/btcusdt_20240808.gz",
        Instrument("binance", "BTCUSDT", 0.01, 0.00001, base="BTC", quote="USDT", **FEES),
    ),
}


@dataclass(frozen=True)
class Beginning:
    """The first rows of a store."""

    store: Store
    rows: int

    @property
    def instrument(self):
        return self.store.instrument

    @property
    def meta(self):
        return self.store.meta

    def batches(self, batch_rows=1 << 17, columns=None):
        left = self.rows
        for batch in self.store.batches(batch_rows, columns):
            if left <= 0:
                return
            yield batch.slice(0, left)
            left -= batch.num_rows


@pytest.fixture(scope="module", params=RECORDINGS)
def beginning(request, shared_data, tmp_path_factory):
    """The first 150,000 rows of a real recording with its clock mended."""
    file, instrument = RECORDINGS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    import_recording([shared_data / file], "binance", instrument, folder / "store", fix_clock=True)
    return Beginning(open_store(folder / "store"), 150_000)
