import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import train_probe
from jax import monitoring

from jaxmm.errors import InputError
from jaxmm.learn.checkpoint import Checkpoints
from jaxmm.learn.loop import Best, Progress, _keep_best, load, train
from jaxmm.learn.records import Records
from jaxmm.stopping import stop_requests

UPDATES = 600


def lines(run_dir: Path) -> list[dict]:
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines(keepends=True)]
    return []


def results(run_dir: Path) -> list[dict]:
    """The lines without the clock."""
    return [
        {name: value for name, value in line.items() if name not in ("wall_s", "steps_per_s")}
        for line in lines(run_dir)
    ]


def run_json(run_dir: Path) -> dict:
    return json.loads((run_dir / "run.json").read_text())


def assert_bit_equal(a: Progress, b: Progress) -> None:
    bits = lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)  # noqa: E731
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(bits(x), bits(y))


def score(policy) -> dict[str, np.ndarray]:
    """A score that goes up and down as training moves the weights."""
    return {"score": np.asarray(jnp.sin(1e3 * policy.params["actor_out"]["kernel"].sum((1, 2))))}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Progress, Path]:
    run_dir = tmp_path_factory.mktemp("uninterrupted")
    return train_probe.run(run_dir, UPDATES, progress=False), run_dir


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, "running"), (signal.SIGINT, "interrupted")])
def test_a_run_that_a_signal_ends_resumes_bit_equal(number, status, uninterrupted, compilation_cache, tmp_path):
    command = [sys.executable, train_probe.__file__, str(tmp_path), str(UPDATES), "2", "4"]
    process = subprocess.Popen(command, env=compilation_cache, stderr=subprocess.PIPE)
    while process.poll() is None and (not any((tmp_path / "checkpoints").glob("[0-9]*")) or len(lines(tmp_path)) < 70):
        time.sleep(0.01)
    process.send_signal(number)
    stderr = process.communicate()[1]
    assert process.returncode == -number, stderr.decode()
    assert run_json(tmp_path)["status"] == status
    assert len(lines(tmp_path)) < UPDATES

    resumed = train_probe.run(tmp_path, UPDATES, progress=False, resume=True)
    assert_bit_equal(resumed, uninterrupted[0])
    assert results(tmp_path) == results(uninterrupted[1])
    assert run_json(tmp_path)["status"] == "done"


def test_validation_and_its_best_policies_resume_bit_equal_too(tmp_path):
    options = {"validate": score, "validate_every": 4, "checkpoint_every": 7, "progress": False}
    whole = train_probe.run(tmp_path / "whole", 30, **options)

    def stop_at_16(policy):
        if len(lines(tmp_path / "parts")) == 15:
            os.kill(os.getpid(), signal.SIGTERM)
        return score(policy)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM; the run resumes after update 16"):
        train_probe.run(tmp_path / "parts", 30, **options | {"validate": stop_at_16})
    assert_bit_equal(train_probe.run(tmp_path / "parts", 30, resume=True, **options), whole)
    assert results(tmp_path / "parts") == results(tmp_path / "whole")

    scores = {
        line["update"]: line["validation/score"] for line in lines(tmp_path / "whole") if "validation/score" in line
    }
    assert list(scores) == [4, 8, 12, 16, 20, 24, 28, 30]
    for seed in range(2):
        assert whole.best.score[seed] == pytest.approx(max(score[seed] for score in scores.values()))
        assert scores[int(whole.best.update[seed])][seed] == pytest.approx(float(whole.best.score[seed]))
    np.testing.assert_allclose(score(whole.best.policy)["score"], whole.best.score, atol=1e-4)
    assert_bit_equal(load(train_probe.learner(), tmp_path / "whole"), whole)


def test_patience_ends_a_run_that_no_longer_improves(tmp_path):
    never = lambda policy: {"score": np.zeros(2)}  # noqa: E731
    options = {"validate": never, "validate_every": 5, "patience": 3, "progress": False}
    train_probe.run(tmp_path, 100, **options)
    assert run_json(tmp_path) | {"status": "done", "updates": 20} == run_json(tmp_path)
    train_probe.run(tmp_path, 100, resume=True, **options)
    assert len(lines(tmp_path)) == 20


def test_a_seed_keeps_its_own_best_and_a_nan_is_never_best():
    best = Best(jnp.zeros((3, 2)), jnp.array([1.0, 1.0, 1.0]), jnp.zeros(3, jnp.int32), jnp.int32(4))
    after = _keep_best(best, jnp.ones((3, 2)), jnp.array([2.0, jnp.nan, 1.0]), jnp.int32(9))
    assert after.policy.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert after.update.tolist() == [9, 0, 0]
    assert after.stalled == 0
    assert _keep_best(after, after.policy, jnp.zeros(3), jnp.int32(10)).stalled == 1


def test_a_seed_trains_alone_as_it_does_among_others(uninterrupted, tmp_path):
    train_probe.run(tmp_path, 20, seeds=1, progress=False)
    alone, among = lines(tmp_path)[19], lines(uninterrupted[1])[19]
    for name in ("reward", "entropy", "value_loss"):
        assert alone[name] == pytest.approx(among[name][:1], rel=1e-3)


def test_nothing_compiles_after_the_first_update(tmp_path):
    compiled: list[tuple[int, str]] = []
    note = lambda name, duration, **_: compiled.append((len(lines(tmp_path)), name))  # noqa: E731
    monitoring.register_event_duration_secs_listener(note)
    try:
        train_probe.run(tmp_path, 20, checkpoint_every=1, progress=False)
    finally:
        monitoring.unregister_event_duration_listener(note)
    assert any("compile" in name for done, name in compiled if done == 0)
    assert not [(done, name) for done, name in compiled if done > 1 and "compile" in name]


def test_two_devices_train_what_one_does_whether_seeds_or_environments_are_spread(compilation_cache, tmp_path):
    script = "import sys, train_probe\nfor n in (1, 2): train_probe.run(f'{sys.argv[1]}/{n}', 3, n, progress=False)"
    flags = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    two = {"XLA_FLAGS": flags, "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=compilation_cache | two, check=True)
    for seeds in (1, 2):
        assert run_json(tmp_path / f"{seeds}")["device"].startswith("2 x")
        alone = train_probe.run(tmp_path / f"{seeds} alone", 3, seeds=seeds, progress=False)
        spread = load(train_probe.learner(), tmp_path / f"{seeds}")
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), spread.state.params, alone.state.params)


@pytest.mark.parametrize("wrong", [{"total_steps": 0, "seeds": [1]}, {"total_steps": 9, "seeds": [1, 1]}])
def test_a_run_of_nothing_or_of_the_same_seed_twice_is_refused(wrong, tmp_path):
    with pytest.raises(InputError, match="at least one step and distinct seeds"):
        train(train_probe.learner(), run_dir=tmp_path / "none", **wrong)
    assert not (tmp_path / "none").exists()


def test_a_folder_with_a_run_is_neither_overwritten_nor_continued_as_another(tmp_path):
    train_probe.run(tmp_path, 1, progress=False)
    with pytest.raises(InputError, match="already holds a run; resume it or choose another folder"):
        train_probe.run(tmp_path, 1)
    with pytest.raises(InputError, match=r"made with seeds \[0, 1\], not \[0, 1, 2\]"):
        train_probe.run(tmp_path, 1, seeds=3, resume=True)
    with pytest.raises(InputError, match="made with config"):
        train_probe.run(tmp_path, 1, num_envs=8, resume=True)
    with pytest.raises(InputError, match=r"no run\.json here"):
        load(train_probe.learner(), tmp_path / "elsewhere")
    assert len(lines(tmp_path)) == 1


def test_resuming_drops_lines_past_the_checkpoint_and_a_torn_last_one(tmp_path):
    records = Records(tmp_path)
    for update in (1, 2, 3):
        records.append({"update": update, "wall_s": update / 2, "score": [float("nan")]})
    with records.metrics.open("ab") as file:
        file.write(b'{"update": 2, "wa')
    assert records.keep_until(2) == 1.0
    assert lines(tmp_path) == [
        {"update": 1, "wall_s": 0.5, "score": [None]},
        {"update": 2, "wall_s": 1.0, "score": [None]},
    ]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow past a kilobyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before_and_nothing_else(tmp_path, request):
    state = {"weights": jax.random.normal(jax.random.key(0), (1000,))}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state)
        request.getfixturevalue("full_disk")
        with pytest.raises(InputError, match=r"2: could not be written .*; make room and resume the run"):
            checkpoints.save(2, state)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_records_that_find_no_room_stay_as_they_were(tmp_path, full_disk):
    records = Records(tmp_path)
    records.write({"status": "running"})
    with pytest.raises(InputError, match=r"run\.json: could not be written \(File too large\)"):
        records.write({"status": "x" * 2000})
    assert records.read() == {"status": "running"}
    with pytest.raises(InputError, match=r"metrics\.jsonl: could not be written"):
        records.append({"long": "x" * 2000})
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "metrics.jsonl"}


@pytest.fixture
def python_answers_sigint():
    """Python's own handler; a job in the background of a shell is started without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_is_not_held_back(python_answers_sigint):
    with stop_requests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_progress_is_log_lines_with_speed_and_scores_where_there_is_no_terminal(tmp_path, capsys):
    train_probe.run(tmp_path, 2, validate=score)
    shown = capsys.readouterr().err
    assert "update=2" in shown
    assert "steps_per_s=" in shown
    assert "validation/score=" in shown
