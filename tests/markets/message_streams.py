"""Random messages for books, of many tempers, and the comparison of the JAX engine with the plain book.

T messages · B books.
"""

from collections import Counter
from typing import Any

import jax
import numpy as np

from jaxmm.markets.book_reference import Kind, PlainBook, What
from jaxmm.markets.matching import Message, Report, Stream, check_stream, new_stream, resting, run_stream


def random_messages(rng: np.random.Generator, messages: int, books: int) -> Message:
    """[T, B]: some books are crowded until they overflow, some swept by large orders, some nearly empty."""
    shape = (messages, books)
    mixes = rng.dirichlet([4, 1, 2, 1], books)  # of limit, market, cancel, amend, a book
    picked = (rng.random(shape)[..., None] > np.cumsum(mixes, axis=1)[None, :, :-1]).sum(axis=-1)
    kind = np.where(rng.random(shape) < 0.01, Kind.NONE, picked + 1)
    side = rng.integers(0, 2, shape)
    centre = 1000 + np.cumsum(rng.random(shape) < 0.02, axis=0) - np.cumsum(rng.random(shape) < 0.02, axis=0)
    depth = rng.integers(1, 40, books)
    inside = rng.integers(-4, 3, books)  # where the nearest limit price stands: below 0 crosses often
    price = centre + np.where(side == 0, -1, 1) * (inside + (rng.random(shape) * depth).astype(int))
    lots = 1 + (rng.exponential(1, shape) * rng.choice([0.3, 2, 10, 40], books)).astype(int)
    lots = np.where((kind == Kind.MARKET) & (rng.random(shape) < 0.05), 40 * lots, lots)
    lots = np.where(rng.random(shape) < 0.01, rng.integers(-2, 1, shape), lots)
    step = np.where(kind == Kind.LIMIT, rng.integers(1, 3, shape), 0)  # ids may skip
    issued = np.cumsum(step, axis=0)
    reach = rng.choice([5, 50, 400], books)
    id = np.where(kind == Kind.LIMIT, issued, np.maximum(issued + 2 - (rng.random(shape) * reach).astype(int), 0))
    return check_stream(Message(kind, side, id, price, lots))


def finished(stream: Stream, messages: Message) -> bool:
    """Whether every book has dealt with every message."""
    count = messages.kind.shape[0]
    return bool((np.asarray(stream.done) == count).all() and (np.asarray(stream.left.kind) == Kind.NONE).all())


def differences(messages: Message, slots: int, rounds: int = 2048) -> tuple[Counter[str], int, Counter[str]]:
    """(what differed, messages compared, what happened) between the engine and one plain book a lane."""
    count, books = messages.kind.shape
    stream, reports = new_stream(slots, (books,)), []
    while not finished(stream, messages):
        stream, report = run_stream(stream, messages, rounds=rounds)
        reports.append(jax.tree.map(np.asarray, report))
    told = Report(*(np.concatenate(columns) for columns in zip(*reports, strict=True)))
    wrong: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    columns = [np.asarray(field).T.tolist() for field in messages]
    for lane in range(books):
        plain = PlainBook(slots)
        expected: list[Any] = []
        for message in zip(*(column[lane] for column in columns), strict=True):
            expected.extend(plain.send(*message))
        ours = np.stack([column[:, lane] for column in told], axis=1)
        judge = np.array(expected)
        quiet = What.NOTHING
        ours, judge = ours[ours[:, 0] != quiet], judge[judge[:, 0] != quiet]
        wrong["outcomes"] += not np.array_equal(ours, judge)
        book = jax.tree.map(lambda column, lane=lane: column[:, lane], stream.book)
        wrong["books"] += resting(book) != list(plain.resting())
        codes, counts = np.unique(judge[:, 0], return_counts=True)
        happened.update({What(code).name: int(n) for code, n in zip(codes, counts, strict=True)})
    return +wrong, count * books, happened
