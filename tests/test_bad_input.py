"""Bad input, end to end: one sentence that says where and what would be right, exit code 2, and nothing left behind."""

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import yaml

from tests.commands import BTCUSDT, TINY, importing, jaxmm, process, recording, recording_lines, refusal


@pytest.fixture
def refuses(tmp_path: Path):
    """A check that importing some files is refused, by a sentence that begins as said, and leaves nothing behind."""

    def check(begins: str, *paths: Path, run=jaxmm, **options) -> str:
        out = tmp_path / "made" / "store"
        sentence = refusal(run(*importing(out, *paths, **options)))
        assert sentence.startswith(begins), sentence
        assert not list(tmp_path.glob("made/*"))
        return sentence

    return check


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    done = jaxmm(*importing(folder / "store", recording(folder / "good.txt")))
    assert done.returncode == 0, done.stderr
    return folder / "store"


@pytest.fixture(scope="module")
def tape(store: Path) -> Path:
    out = store.with_name("tape")
    done = jaxmm("tape", "build", store, "--clock", "100ms", "--levels", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


# --- recordings -----------------------------------------------------------------------------------------------------


def test_a_truncated_gzip_is_named_with_the_line_where_it_ends(refuses, tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress("\n".join(recording_lines()).encode())[:-200])
    sentence = refuses(f"{path}: line ", path)
    assert "the file is truncated" in sentence


def test_a_recording_cut_off_on_the_venue_s_disk_is_named_too(refuses, tmp_path, shared_data):
    path = tmp_path / "real.gz"
    whole = (shared_data / "binance_usdm" / "btcusdt_20240808.gz").read_bytes()
    path.write_bytes(whole[:200_000])
    assert "truncated" in refuses(f"{path}: line ", path, run=process)


def test_a_line_cut_in_its_json_is_named(refuses, tmp_path):
    lines = recording_lines()
    lines[37] = lines[37][:-25]
    path = recording(tmp_path / "cut.txt", lines)
    refuses(f"{path}: line 38: ", path, run=process)


def test_the_line_is_counted_in_its_own_file(refuses, tmp_path):
    lines = recording_lines()
    first, second = recording(tmp_path / "1.txt", lines[:50]), recording(tmp_path / "2.txt", [*lines[50:55], "oops"])
    refuses(f"{second}: line 6: ", first, second)


def test_another_symbol_than_the_instrument_s_is_refused(refuses, tmp_path):
    path = recording(tmp_path / "btc.txt")
    sentence = refuses(f"{path}: line 2: ", path, instrument=BTCUSDT.with_name("binance_usdm_ethusdt.yaml"))
    assert "'BTCUSDT'" in sentence
    assert "'ETHUSDT'" in sentence


def test_missing_columns_are_named(refuses, tmp_path):
    path = tmp_path / "trades.csv"
    path.write_text("exchange,symbol,timestamp,local_timestamp,id,side,price\nbinance-futures,BTCUSDT,1,2,3,buy,4\n")
    sentence = refuses(f"{path}: line 1: ", path, format="tardis", instrument=BTCUSDT.with_name("tardis_btcusdt.yaml"))
    assert "amount" in sentence


@pytest.mark.parametrize("compress", [False, True])
def test_an_empty_file_is_refused(refuses, tmp_path, compress):
    path = tmp_path / "empty"
    path.write_bytes(gzip.compress(b"") if compress else b"")
    assert "empty" in refuses(f"{path}: line 1: ", path)


def test_a_file_that_is_not_there_is_refused(refuses, tmp_path):
    refuses(f"{tmp_path / 'none.gz'}: No such file", tmp_path / "none.gz")


def test_an_unknown_format_names_the_nearest(refuses, tmp_path):
    assert "did you mean 'binance'?" in refuses(
        "unknown format 'binnance'", recording(tmp_path / "a"), format="binnance"
    )


def test_a_price_off_the_tick_is_named_with_its_line(refuses, tmp_path):
    lines = recording_lines()
    lines[5] = lines[5].replace('"b": "100.0"', '"b": "100.05"')
    path = recording(tmp_path / "off.txt", lines)
    sentence = refuses(f"{path}: line 6: ", path)
    assert "100.05" in sentence
    assert "tick_size" in sentence


def test_a_quantity_too_large_for_the_lot_names_the_lot_that_would_fit(refuses, tmp_path):
    lines = recording_lines()
    lines[4] = lines[4].replace('"2.5"', '"3000000000"')
    path = recording(tmp_path / "large.txt", lines)
    assert "a lot_size of 10.0 would fit" in refuses(f"{path}: line 5: ", path)


def instrument_file(path: Path, **changes) -> Path:
    path.write_text(yaml.safe_dump({**yaml.safe_load(BTCUSDT.read_text()), **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tick_size": 0}, "tick_size is 0"),
        ({"tick_sise": 0.1}, "did you mean 'tick_size'?"),
        ({"kind": "quanto"}, "'linear' or 'inverse'"),
        ({"maker_fee": 2}, "fraction of notional"),
    ],
)
def test_a_wrong_instrument_file_is_refused(refuses, tmp_path, changes, says):
    instrument = instrument_file(tmp_path / "instrument.yaml", **changes)
    assert says in refuses("", recording(tmp_path / "a"), instrument=instrument)


def test_an_instrument_file_that_is_no_yaml_is_refused_in_one_line(refuses, tmp_path):
    instrument = tmp_path / "instrument.yaml"
    instrument.write_text("venue: [\n")
    assert "not YAML" in refuses(f"{instrument}: ", recording(tmp_path / "a"), instrument=instrument)


# --- places to write ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 kB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small tmpfs needs root")
    yield mount
    subprocess.run(["umount", mount], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(small_disk, store, tmp_path):
    path = recording(tmp_path / "long.txt", recording_lines(seconds=30))
    assert str(small_disk / "store") in refusal(jaxmm(*importing(small_disk / "store", path)))
    assert not list(small_disk.iterdir())
    done = process("tape", "build", store, "--clock", "10ms", "--out", small_disk / "tape")
    assert str(small_disk / "tape") in refusal(done)
    assert not list(small_disk.iterdir())


def test_a_store_that_is_there_already_is_not_overwritten(store, tmp_path):
    before = sorted(path.stat().st_mtime_ns for path in store.rglob("*"))
    assert "already there" in refusal(jaxmm(*importing(store, recording(tmp_path / "again.txt"))))
    assert sorted(path.stat().st_mtime_ns for path in store.rglob("*")) == before


def test_a_folder_of_something_else_is_not_replaced_by_a_tape(store, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    done = jaxmm("tape", "build", store, "--clock", "100ms", "--out", tmp_path / "thesis")
    assert "holds no tape.json" in refusal(done)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


# --- what a newcomer types ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--clock", "100ms"], "--out"),
        (["--clock", "100", "--out", "t"], "clock '100': write an interval such as 100ms"),
        (["--clock", "0ms", "--out", "t"], "clock '0ms'"),
        (["--clock", "100ms", "--levels", "0", "--out", "t"], "--levels"),
        (["--clok", "100ms", "--out", "t"], "--clock"),
    ],
)
def test_a_wrong_option_of_a_tape_is_one_sentence(store, tmp_path, options, says):
    assert says in refusal(jaxmm("tape", "build", store, *options, cwd=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_command_that_does_not_exist_is_one_sentence():
    assert "did you mean 'check'?" in refusal(jaxmm("data", "chek", "store")).lower()
    assert "missing argument 'store'" in refusal(jaxmm("data", "check")).lower()


def test_a_store_or_a_tape_that_is_none_says_how_to_make_one(store, tmp_path):
    assert "jaxmm data import" in refusal(jaxmm("data", "check", tmp_path))
    assert "jaxmm data import" in refusal(jaxmm("tape", "build", tmp_path, "--clock", "1s", "--out", tmp_path / "t"))


def test_a_damaged_store_is_refused_by_a_sentence(store, tmp_path):
    copy = tmp_path / "store"
    subprocess.run(["cp", "-r", store, copy], check=True)
    part = next(copy.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    assert str(part) in refusal(jaxmm("data", "check", copy))
    (copy / "store.json").write_text("{")
    assert "store.json" in refusal(jaxmm("data", "check", copy))


@pytest.mark.parametrize(
    ("run", "override", "says"),
    [
        (process, "train.total_stps=3", "unknown field 'train.total_stps'; did you mean 'total_steps'?"),
        (jaxmm, "train.total_steps=many", "train.total_steps"),
        (jaxmm, "market.clok=1s", "did you mean 'clock'?"),
        (jaxmm, "trian.total_steps=3", "did you mean 'train'?"),
        (jaxmm, "train.total_steps", "name=value"),
        (jaxmm, "env.reward.pnl=[1", "no YAML value"),
    ],
)
def test_a_config_typo_is_refused_before_anything_is_written(tmp_path, run, override, says):
    config = tmp_path / "tiny.yaml"
    config.write_text(TINY)
    sentence = refusal(run("train", config, "--out", tmp_path / "run", "--set", override))
    assert says in sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("market={kind: tape, path: nowhere}", "nowhere/tape.json: No such file"),
        ("split.train=0.9", "fractions are"),
        ("env.episode_steps=100000", "env.episode_steps is 100000"),
        ("learner.learning_rate=-1", "learning_rate is -1"),
        ("venue.margin={balance: 0.001}", "a balance of 0.001 quote currency at leverage 1 opens 0 lots"),
    ],
)
def test_a_run_that_can_not_begin_leaves_nothing(tmp_path, override, says):
    options = ("--set", "market.seconds=60", "--set", override)
    assert says in refusal(jaxmm("train", "configs/demo.yaml", "--out", tmp_path / "run", *options))
    assert not list(tmp_path.iterdir())


def test_a_config_that_is_not_there_or_no_yaml_is_refused(tmp_path):
    assert "No such file" in refusal(jaxmm("train", tmp_path / "no.yaml", "--out", tmp_path / "run"))
    (tmp_path / "bad.yaml").write_text("market: {kind: synthetic\n")
    assert "not YAML" in refusal(jaxmm("train", tmp_path / "bad.yaml", "--out", tmp_path / "run"))
    (tmp_path / "latin.yaml").write_bytes("# Grüße\nmarket: x\n".encode("latin-1"))
    refusal(jaxmm("train", tmp_path / "latin.yaml", "--out", tmp_path / "run"))


# --- our own faults -------------------------------------------------------------------------------------------------


def test_a_fault_of_ours_is_one_line_and_a_traceback_only_on_request(store, monkeypatch):
    monkeypatch.setattr("jaxmm.data.store.open_store", mock.Mock(side_effect=KeyError("oops\nand more")))
    said = refusal(jaxmm("data", "check", store), code=1)
    assert said.startswith("our fault: KeyError")
    assert "JAXMM_DEBUG=1" in said
    monkeypatch.setenv("JAXMM_DEBUG", "1")
    shown = jaxmm("data", "check", store)
    assert shown.returncode == 1
    assert shown.stderr.startswith("Traceback")
