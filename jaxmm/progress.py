"""A counter on stderr for jobs of unknown length: shown on a terminal only, and only once a second has passed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counter(verb: str, unit: str) -> Iterator[Callable[..., None] | None]:
    """Yields a function to be told the count so far, and the total if known; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{verb} {unit}", total=None)
        yield lambda count, total=None: progress.update(task, completed=count, total=total)
