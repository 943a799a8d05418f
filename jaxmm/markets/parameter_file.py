"""The parameter files that `jaxmm calibrate` writes: YAML with a model, its settings, their errors and their source."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jaxmm.errors import InputError

SUFFIXES = (".yaml", ".yml")


class ParameterFile(NamedTuple):
    """What a file holds."""

    model: str
    settings: dict[str, Any]
    standard_errors: dict[str, Any]
    source: dict[str, Any]


def read_parameters(path: str | Path, models: Iterable[str]) -> ParameterFile:
    """Reads a parameter file of one of `models`. Raises `InputError` where it is none."""
    import yaml

    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make one with `jaxmm calibrate`") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML ({error})") from error
    if not isinstance(values, dict) or not isinstance(values.get("settings"), dict) or "model" not in values:
        raise InputError(f"{path}: a parameter file holds a model and its settings; make one with `jaxmm calibrate`")
    model, wanted = str(values["model"]), list(models)
    if model not in wanted:
        raise InputError(f"{path}: holds parameters of {model!r}; what is read here is of {', '.join(wanted)}")
    parts = {name: values.get(name) or {} for name in ("standard_errors", "source")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise InputError(f"{path}: {name} is {part!r}; it must be a mapping")
    return ParameterFile(model, values["settings"], **parts)
