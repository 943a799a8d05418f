"""Messages a second of processor time through the matching engine: 256 books of 100 orders a side in lockstep.

Processor seconds are the whole process's, all threads. Messages are drawn beforehand; some are large enough to sweep
several orders, so rounds are more than messages. Ends with the plain book's rate on the same messages.

  .venv/bin/python scripts/bench_matching.py [--books 256] [--slots 100] [--json FILE]
"""

import argparse
import json
import statistics
import time

import jax
import numpy as np

from jaxmm.markets.book_reference import Kind, PlainBook
from jaxmm.markets.matching import Message, check_stream, new_stream, run_stream


def busy_messages(messages: int, books: int, seed: int = 0) -> Message:
    """[T, B]: limit orders around a steady price (two in five), cancels, market orders and a few amendments."""
    rng, shape = np.random.default_rng(seed), (messages, books)
    kind = rng.choice([Kind.LIMIT, Kind.MARKET, Kind.CANCEL, Kind.AMEND], p=[0.4, 0.2, 0.35, 0.05], size=shape)
    side = rng.integers(0, 2, shape)
    price = 1000 + np.where(side == 0, -1, 1) * rng.integers(-1, 20, shape)
    issued = np.cumsum(kind == Kind.LIMIT, axis=0)
    id = np.where(kind == Kind.LIMIT, issued, np.maximum(issued - rng.integers(0, 60, shape), 0))
    return check_stream(Message(kind, side, id, price, rng.integers(1, 12, shape)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, default=256)
    parser.add_argument("--slots", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3000, help="of one timed run")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()

    messages = busy_messages(arguments.rounds, arguments.books)
    begun = new_stream(arguments.slots, (arguments.books,))
    rates, done = [], 0
    for i in range(arguments.repeats + 1):
        cpu = time.process_time()
        stream, _ = jax.block_until_ready(run_stream(begun, messages, rounds=arguments.rounds))
        cpu = time.process_time() - cpu
        done = int(np.asarray(stream.done).sum())
        if i:
            rates.append(done / cpu)
    resting = float((np.asarray(stream.book.lots) > 0).sum() / arguments.books)

    count = int(np.asarray(stream.done)[0])
    rows = list(zip(*(np.asarray(field)[:count, 0].tolist() for field in messages), strict=True))
    cpu = time.process_time()
    plain = PlainBook(arguments.slots)
    for row in rows:
        plain.send(*row)
    plain_rate = count / (time.process_time() - cpu)

    figures = {
        "books": arguments.books,
        "slots_a_side": arguments.slots,
        "bytes_a_book": sum(column.nbytes for column in begun.book) // arguments.books,
        "messages_per_cpu_second": statistics.median(rates),
        "least": min(rates),
        "most": max(rates),
        "runs": len(rates),
        "rounds_a_message": arguments.rounds * arguments.books / done,
        "resting_orders_at_the_end": resting,
        "plain_book_messages_per_cpu_second": plain_rate,
    }
    for name, value in figures.items():
        print(f"{name:36} {value:,.2f}" if isinstance(value, float) else f"{name:36} {value:,}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
