"""Configurations: what is in `configs/` loads, every field is documented, and what is wrong is named."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from jaxmm import config as module
from jaxmm.config import Config, dump_config, load_config, read_override
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.runs.task import check

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
RUNS = sorted(CONFIGS.glob("*.yaml"))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text("market: {kind: synthetic}\n")
    return path


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_configuration_loads_and_comes_back_from_its_dump(path, tmp_path):
    loaded = load_config(path)
    check(loaded)
    (tmp_path / "again.yaml").write_text(dump_config(loaded))
    assert load_config(tmp_path / "again.yaml") == loaded


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("instruments/*.yaml")), ids=lambda path: path.stem)
def test_every_instrument_loads(path):
    assert Instrument.from_yaml(path).tick_size > 0


def test_the_configurations_of_the_demo_and_the_recordings_are_there():
    assert {"demo", "binance_btcusdt", "gemini_ethusd"} <= {path.stem for path in RUNS}


def sections() -> list[type[BaseModel]]:
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [kind for kind in kinds if kind.__module__ == module.__name__]


@pytest.mark.parametrize("section", sections(), ids=lambda kind: kind.__name__)
def test_every_field_is_documented(section):
    undocumented = [name for name, field in section.model_fields.items() if not field.description and name != "kind"]
    assert not undocumented


def test_overrides_are_yaml_values_at_any_depth(tiny):
    overrides = (
        "train.total_steps=1e6",
        "train.seeds=[7, 8]",
        "env.actions={kind: continuous, max_offset: 3}",
        "env.actions.lots=4",
        "env.reward.inventory=2.5e-3",
        "market.seed=9",
        "split.validate=0.1",
        "learner.hidden=[32, 32]",
        "env.ruin=null",
    )
    loaded = load_config(tiny, overrides)
    assert loaded.train.total_steps == 1_000_000
    assert loaded.train.seeds == (7, 8)
    assert (loaded.env.actions.kind, loaded.env.actions.max_offset, loaded.env.actions.lots) == ("continuous", 3, 4)
    assert loaded.env.reward.inventory == 0.0025
    assert loaded.market.seed == 9
    assert loaded.split.validate_ == 0.1
    assert loaded.learner.settings == {"hidden": [32, 32]}
    assert loaded.env.ruin is None
    assert load_config(tiny).train.total_steps == Config(market={"kind": "synthetic"}).train.total_steps


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("trian.seeds=[1]", "unknown field 'trian'; did you mean 'train'?"),
        ("train.seed=[1]", "unknown field 'train.seed'; did you mean 'seeds'?"),
        ("market.clok=1s", "unknown field 'market.clok'; did you mean 'clock'?"),
        ("env.actions.bid_offsets=[1]", "env.actions.kind is missing; it is one of discrete, continuous"),
        ("env.actions={kind: discrete, bid_ofsets: [1]}", "'env.actions.bid_ofsets'; did you mean 'bid_offsets'?"),
        ("env.reward.invntory=1", "unknown field 'env.reward.invntory'; did you mean 'inventory'?"),
        ("split.valdate=0.2", "did you mean 'validate'?"),
        ("market.kind=synthetc", "market"),
        ("market.seconds=soon", "market.seconds"),
        ("market.levels=2.5", "market.levels"),
        ("market.levels=0", "market.levels"),
        ("train.seeds=3", "train.seeds"),
        ("env.max_position_lots=-1", "env.max_position_lots"),
        ("venue.fills=3", "venue.fills"),
        ("learner.algorithm=pppo", "'ppo' or 'dqn'"),
        ("train=7", "train"),
        ("train.seeds.first=7", "'seeds' is a value, not a section"),
        ("train.seeds", "write it as name=value"),
        ("=3", "write it as name=value"),
        ("train.seeds=[", "no YAML value"),
    ],
)
def test_what_is_wrong_is_named(tiny, override, says):
    overrides = ("train.seeds=[1]", override) if "seeds.first" in override else (override,)
    with pytest.raises(InputError) as refused:
        load_config(tiny, overrides)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("learner.learning_rat=1", "unknown field 'learner.learning_rat'; did you mean 'learning_rate'?"),
        ("learner.num_envs=many", "learner.num_envs"),
        ("venue.fills=risk_avers", "did you mean 'risk_averse'?"),
        ("evaluate.fills=[touch, tuch, touch]", "did you mean 'touch'?"),
        ("evaluate.baselines=[{name: gltf}]", "did you mean 'glft'?"),
        ("evaluate.baselines=[{name: glft, settings: {gama: 1}}]", "did you mean 'gamma'?"),
        ("env.actions={kind: discrete, lots: [0]}", "lots"),
    ],
)
def test_what_only_the_rooms_know_to_be_wrong_is_named_before_any_work(tiny, override, says):
    with pytest.raises(InputError) as refused:
        check(load_config(tiny, (override,)))
    assert says in str(refused.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n", "market: 3\n", "{}\n"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=str(tmp_path / "bad.yaml")):
        load_config(tmp_path / "bad.yaml")


def test_a_number_with_an_exponent_is_a_number_and_a_word_stays_a_word():
    assert read_override("gamma=1e-3") == ("gamma", 0.001)
    assert read_override("gamma=-2.5E+2") == ("gamma", -250.0)
    assert read_override("market.path=e5") == ("market.path", "e5")
    assert read_override("clock=100ms") == ("clock", "100ms")
    assert read_override("a=b=c") == ("a", "b=c")
