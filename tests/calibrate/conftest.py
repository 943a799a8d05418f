"""Recordings that the tests of calibration share."""

import pytest

from tests.commands import ROOT, answer, importing, jaxmm


@pytest.fixture(scope="session")
def futures(shared_data, tmp_path_factory):
    """A function from a symbol to its store of the futures recording, the clock mended; imported once."""
    folder = tmp_path_factory.mktemp("futures")

    def store_of(symbol: str):
        if not (folder / symbol).exists():
            files = [shared_data / "binance_usdm" / f"{symbol}_20240808.gz"]
            instrument = ROOT / "configs" / "instruments" / f"binance_usdm_{symbol}.yaml"
            answer(jaxmm(*importing(folder / symbol, *files, instrument=instrument), "--fix-clock", "--json"))
        return folder / symbol

    return store_of
