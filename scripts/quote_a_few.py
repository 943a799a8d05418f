"""Loads a bundle with numpy alone and quotes a few decisions of a run's tape: what the live quoter will do."""

import sys
from pathlib import Path

import numpy as np

from jaxmm.policy.bundle import Bundle
from jaxmm.policy.types import View
from jaxmm.tape.tape import Tape


def main(bundle_dir: str, run_dir: str) -> None:
    """Prints the quotes of five decisions from the end of the tape."""
    bundle = Bundle.load(bundle_dir)
    tape = Tape.open(Path(run_dir) / "tape")
    tick = tape.instrument.tick_size
    print("quotes from numpy, flat and without open orders:")
    for k in range(tape.decisions - 5, tape.decisions):
        bid, ask = (int(price) for price in tape.book_price[k, :, 0])
        zero = np.int32(0)
        view = View(np.int32(bid), np.int32(ask), zero, tape.features[k], zero, zero, zero, zero, np.float32(1))
        quotes = bundle.quote(view)
        sides = ((quotes.bid_ticks, quotes.bid_lots), (quotes.ask_ticks, quotes.ask_lots))
        ours = [f"{int(lots)} @ {int(price) * tick:.10g}" if lots else "none" for price, lots in sides]
        print(f"  market {bid * tick:.10g} / {ask * tick:.10g}   bid {ours[0]:>20}   ask {ours[1]:>20}")
    assert "jax" not in sys.modules, "quoting must not need JAX"


if __name__ == "__main__":
    main(*sys.argv[1:])
