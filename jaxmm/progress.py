"""A counter on stderr for jobs of unknown length and a bar for others: on a terminal only."""

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


@contextmanager
def bar(verb: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yields a function to be told how much is done, and of how much; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(verb, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
