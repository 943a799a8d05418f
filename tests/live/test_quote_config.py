"""A quoter's configuration, and the quoters that it makes."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from bundles import bundle

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.build import quoters_of
from jaxmm.live.config import load_quote_config
from jaxmm.live.quoters import Bounded, CheckedPolicy, Ensemble, Widened

ROOT = Path(__file__).resolve().parents[2]
INSTRUMENT = Instrument.from_yaml(ROOT / "configs" / "instruments" / "binance_usdm_btcusdt.yaml")
PLAIN = yaml.safe_load((ROOT / "configs" / "quote" / "sim_usdm_btcusdt.yaml").read_text())


@pytest.fixture
def config(tmp_path):
    def write(**changes):
        path = tmp_path / "quote.yaml"
        path.write_text(yaml.safe_dump(PLAIN | changes))
        return load_quote_config(path)

    return write


def strategy(name="fixed_spread", **settings):
    return {"kind": "strategy", "name": name, "settings": settings}


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "quote").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_of_the_repository_can_be_read(path):
    config = load_quote_config(path)
    assert Instrument.from_yaml(ROOT / config.instrument).symbol


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"quoter": {"kind": "strategy", "name": "glft", "set": {}}}, "unknown field 'quoter.set'"),
        ({"quoter": {"kind": "oracle"}}, "strategy"),
        ({"name": "Has Spaces"}, "name"),
        ({"risk": {}}, "risk.max_position_lots"),
        ({"serving": {"port": 99999}}, "serving.port"),
    ],
)
def test_a_mistake_is_named_with_its_place(config, changes, says):
    with pytest.raises(InputError, match=says):
        config(**changes)


def test_a_configuration_names_its_limits_itself(config):
    limits = dict(PLAIN["risk"])
    del limits["max_daily_loss"]
    with pytest.raises(InputError, match="max_daily_loss"):
        config(risk=limits)


def test_metrics_listen_on_the_loopback_unless_told_otherwise(config):
    assert config(serving={}).serving.host == "127.0.0.1"


def test_a_bundle_brings_how_it_looks_at_the_market_and_its_hash(config, tmp_path):
    bundle(tmp_path / "policy", INSTRUMENT)
    made = quoters_of(config(quoter={"kind": "bundle", "path": str(tmp_path / "policy")}, observing=None), INSTRUMENT)
    assert isinstance(made.primary, CheckedPolicy)
    assert (made.observing.clock, made.observing.levels) == ("100ms", 20)
    assert len(made.hashes[0]) == 64


def test_a_bundle_of_another_instrument_is_refused(config, tmp_path):
    bundle(tmp_path / "policy", replace(INSTRUMENT, tick_size=0.5))
    with pytest.raises(InputError, match=r"tick_size 0\.5, the instrument file says 0\.1"):
        quoters_of(config(quoter={"kind": "bundle", "path": str(tmp_path / "policy")}), INSTRUMENT)


def test_a_bundle_that_looks_at_the_market_otherwise_is_refused(config, tmp_path):
    bundle(tmp_path / "policy", INSTRUMENT)
    quoter = {"kind": "bundle", "path": str(tmp_path / "policy")}
    with pytest.raises(InputError, match="observing: a bundle was trained with"):
        quoters_of(config(quoter=quoter, observing={"clock": "200ms"}), INSTRUMENT)


def test_hybrids_and_ensembles_are_made_of_single_quoters(config, tmp_path):
    bundle(tmp_path / "policy", INSTRUMENT)
    policy = {"kind": "bundle", "path": str(tmp_path / "policy")}
    hybrid = {"kind": "bounded", "proposes": policy, "bounds": strategy("glft")}
    made = quoters_of(config(quoter=hybrid, observing=None), INSTRUMENT)
    assert isinstance(made.primary, Bounded)
    assert len(made.bundles) == 1
    several = {"kind": "ensemble", "members": [strategy(), strategy("glft"), strategy("skewed_spread")]}
    assert isinstance(quoters_of(config(quoter=several), INSTRUMENT).primary, Ensemble)


def test_a_ladder_inside_a_composition_is_refused(config):
    hybrid = {"kind": "bounded", "proposes": strategy(), "bounds": strategy("glft_grid")}
    with pytest.raises(InputError, match="quotes a ladder"):
        quoters_of(config(quoter=hybrid), INSTRUMENT)


def test_the_baseline_is_wider_than_its_strategy_and_may_be_absent(config):
    baseline = {"name": "fixed_spread", "settings": {"half_spread_ticks": 3}, "wider_ticks": 7}
    made = quoters_of(config(baseline=baseline), INSTRUMENT)
    assert made.baseline == Widened(made.baseline.quoter, 7)
    assert quoters_of(config(baseline=None), INSTRUMENT).baseline is None
