"""A recorded day traded on paper in virtual time, and once more in the simulator."""

from dataclasses import asdict, replace

import pytest
import yaml

from jaxmm.errors import InputError
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal import Journal
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.recorded_day import trade_recorded
from jaxmm.runs.live_comparing import compare_journal
from tests.live.paper_core import NAMED, WIDE
from tests.tape.memory_store import MemoryStore, RandomMarket


def config(folder, journal="journal", instrument=NAMED, **changes):
    (folder / "instrument.yaml").write_text(yaml.safe_dump(asdict(instrument) | {"fee_tiers": []}))
    plain = {
        "name": "test",
        "instrument": str(folder / "instrument.yaml"),
        "journal": str(folder / journal),
        "gateway": {"venue": "binanceusdm"},
        "paper": {"balances": {"USD": 1_000_000}, "latency": "1500ns,700ns", "fills": "risk_averse:partial"},
        "quoter": {
            "kind": "strategy",
            "name": "skewed_spread",
            "settings": {"half_spread_ticks": 4, "skew_ticks": 0.02, "lots": 3, "max_position_lots": 20},
        },
        "observing": {"clock": "3us", "levels": 5},
        "risk": WIDE,
        "deciding": {"max_distance_ticks": 10**6},
    }
    return QuoteConfig.model_validate(plain | changes)


@pytest.fixture(scope="module")
def store():
    return MemoryStore(RandomMarket(11).stream(2_500), NAMED)


@pytest.fixture(scope="module")
def day(tmp_path_factory, store):
    """A journal of a day traded on paper, and how the quoter stood at its end."""
    folder = tmp_path_factory.mktemp("day")
    settings = config(folder)
    return settings, trade_recorded(settings, store)


def test_a_day_on_paper_compares_with_its_simulation_in_every_fill_and_every_term(day, tmp_path):
    settings = day[0]
    told = compare_journal(settings.journal, out=tmp_path / "compared")
    fills, terms = told["fills"], told["terms"]
    assert fills["hit"] > 50
    assert (told["gap"], fills["miss"], fills["extra"], fills["apart_ms_p99"]) == (0, 0, 0, 0)
    assert all(term["gap"] == 0 for name, term in terms.items() if "fee" not in name and name != "net")
    assert terms["maker_fees"]["gap"] == pytest.approx(0, abs=1e-8 * 1000)
    assert told["flags"] == []
    assert told["latency_fit"]["constant"] == "1500ns,700ns"
    assert (tmp_path / "compared" / "compare.json").exists()


def test_the_same_recording_and_configuration_give_the_same_journal(day, tmp_path, store):
    again = config(tmp_path)
    assert trade_recorded(again, store) == day[1]
    rows = [
        [row for row in read_rows(settings.journal) if row.kind not in ("opened", "stage")]
        for settings in (day[0], again)
    ]
    assert rows[0] == rows[1]


def test_a_journal_that_holds_a_day_is_not_continued_by_another(day, store):
    with pytest.raises(InputError, match="holds another day; name a new one"):
        trade_recorded(day[0], store)


def test_a_recording_of_another_instrument_is_refused(tmp_path, store):
    with pytest.raises(InputError, match=r"tick_size is 0\.5, of the recording 0\.1"):
        trade_recorded(config(tmp_path, instrument=replace(NAMED, tick_size=0.5)), store)


def test_a_journal_without_a_decision_is_not_compared(tmp_path, store):
    Journal.open(tmp_path / "empty", quoter="test", facts={}, now_ns=0).close()
    with pytest.raises(InputError, match="no decision was taken"):
        compare_journal(tmp_path / "empty")
