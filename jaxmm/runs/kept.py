"""The configuration that a run keeps in its folder, so that it can be resumed, scored and exported as it was made."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxmm.config import Config, ModelConfig, dump_config, load_task
from jaxmm.errors import InputError
from jaxmm.files import write_text

CONFIG = "config.yaml"


def load_kept(run_dir: Path) -> Config | ModelConfig:
    """The configuration of a run. Raises `InputError` where the folder is none."""
    if not (run_dir / CONFIG).exists():
        raise InputError(f"{run_dir}: no {CONFIG} here; give a folder that `jaxmm train --out` wrote")
    return load_task(run_dir / CONFIG)


def load_run(run_dir: Path) -> Config:
    """The configuration of a run on a tape. Raises `InputError` where the folder is none."""
    config = load_kept(run_dir)
    if isinstance(config, ModelConfig):
        raise InputError(f"{run_dir}: a run on the model {config.model.name}; `jaxmm score {run_dir}` scores it")
    return config


@contextmanager
def kept_config(config: Config | ModelConfig, run_dir: Path, resume: bool) -> Iterator[None]:
    """Writes the configuration of a new run; if what follows fails, nothing of the new run stays."""
    kept = run_dir / CONFIG
    if kept.exists():
        if not resume:
            raise InputError(f"{run_dir} already holds a run; add --resume to continue it, or choose another --out")
        if load_task(kept) != config:
            raise InputError(f"{run_dir}: --resume with another configuration than {kept}; give the same one")
        yield
        return
    if run_dir.exists() and any(run_dir.iterdir()):
        raise InputError(f"{run_dir}: not empty, and no run; choose another --out")
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        write_text(kept, dump_config(config))
        yield
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise
