"""How fast the quoter's process is, and whether its memory stays flat: on one core, from reception to request.

    python scripts/bench_live.py latency --rate 2000 --seconds 60
    python scripts/bench_live.py memory --messages 1000000

The market is random: each message changes ten levels, one in eight is a trade; the mid moves. Everything between a
market message's reception and `gateway.submit` is the product's: inbox, book, features, a learned policy of two layers
of 64, risk, order manager, journal on disk. The venue is an echo that takes every request at once.
"""

import argparse
import asyncio
import dataclasses
import gc
import json
import os
import resource
import tempfile
import time
from decimal import Decimal
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from jaxmm.features.observation import OBSERVATION
from jaxmm.instrument import Instrument
from jaxmm.live.build import Quoters, core_of, order_manager
from jaxmm.live.ccxt.steady_clock import steady_clock
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal import Journal
from jaxmm.live.messages import Account, Amend, Answered, Book, Cancel, CancelAll, OrderState, OrderStatus, Place, Trade
from jaxmm.live.metrics import Metrics
from jaxmm.live.orders import Desk
from jaxmm.live.pump import Pump
from jaxmm.live.quoters import CheckedPolicy
from jaxmm.policy.actions import DiscreteActions
from jaxmm.policy.bundle import Policy
from jaxmm.policy.network import Choice, Dense, Network, Tanh

MID, LEVELS = 600_000, 20
ROOT = Path(__file__).resolve().parent.parent
INSTRUMENT = Instrument.from_yaml(ROOT / "configs" / "instruments" / "binance_usdm_btcusdt.yaml")


class Times(Metrics):
    """Metrics, and every latency itself: by the clock, and in time that this process had a core for."""

    def __init__(self, quoter, now):
        super().__init__(quoter, now)
        self.ns, self.cpu_ns, self.put_ns = [], [], {}
        self._now = now

    def submitted(self, kind, since_ns):
        super().submitted(kind, since_ns)
        if since_ns in self.put_ns:  # else the cause is no message but the time
            self.ns.append(self._now() - since_ns)
            self.cpu_ns.append(time.thread_time_ns() - self.put_ns[since_ns])

    def forget(self):
        self.ns.clear()
        self.cpu_ns.clear()


class Echo:
    """A venue that does what it is asked at once and trades nothing."""

    def __init__(self, deliver, now):
        self._deliver, self._now, self._orders = deliver, now, {}

    def submit(self, request):
        now = self._now()
        if isinstance(request, Place):
            numbers = request.side, request.price_ticks, request.qty_lots
            order = OrderState(request.client_id, str(request.request_id), *numbers, 0, OrderStatus.OPEN, now, now)
            self._orders[request.client_id] = order
        elif isinstance(request, Cancel):
            old = self._orders.pop(request.client_id)
            numbers = old.side, old.price_ticks, old.qty_lots
            order = OrderState(old.client_id, old.venue_id, *numbers, 0, OrderStatus.CANCELED, now, now)
        else:
            assert isinstance(request, CancelAll | Amend), request
            order = None
        self._deliver(Answered(request.request_id, now, order))


def policy():
    """A network of the usual size with random weights, whose quotes therefore move with the market."""
    rng = np.random.default_rng(0)
    d, actions = len(OBSERVATION), DiscreteActions.grid([0, 1, 2], [0, 1, 2], [5])

    def dense(a, b):
        return Dense(rng.normal(size=(a, b)).astype(np.float32), rng.normal(size=b).astype(np.float32))

    output = dense(64, actions.n)
    output.bias[-2:] = -1e6
    mean, std = np.zeros(d, np.float32), np.ones(d, np.float32)
    network = Network(mean, std, np.float32(10), (dense(d, 64), dense(64, 64)), Tanh(), output, Choice())
    return CheckedPolicy(Policy(network, actions, np.int32(100), np.float32(10)))


def config(clock, journal):
    wide = {
        "max_position_lots": 10**6, "max_order_lots": 100, "max_order_notional": 10**9, "max_open_orders": 20,
        "max_messages_per_s": 10**6, "max_messages_per_day": 10**9, "max_daily_loss": 10**9, "max_drawdown": 10**9,
        "stop_loss": 10**9, "max_book_age_ms": 10**6,
    }  # fmt: skip
    return QuoteConfig.model_validate(
        {
            "name": "bench",
            "instrument": "configs/instruments/binance_usdm_btcusdt.yaml",
            "journal": str(journal),
            "gateway": {"venue": "binanceusdm"},
            "quoter": {"kind": "strategy", "name": "fixed_spread"},
            "observing": {"clock": clock, "levels": LEVELS, "max_position_lots": 100},
            "deciding": {"timeout_ms": 60_000, "max_lateness_ms": 10_000},
            "risk": wide,
        }
    )


class Market:
    """Messages of a book that walks."""

    def __init__(self):
        self._rng, self._mid, self._id = np.random.default_rng(1), MID, 0

    def snapshot(self, now):
        bids = tuple((MID - 1 - i, 50) for i in range(500))
        asks = tuple((MID + 1 + i, 50) for i in range(500))
        return Book(now, now, True, bids, asks, 0)

    def next(self, now):
        self._id += 1
        draw = self._rng.integers(0, 1 << 30, 12).tolist()
        if draw[0] % 8 == 0:
            side = draw[1] % 2
            return Trade(now, now, side, self._mid + (1 if side == 0 else -1), 1 + draw[2] % 20, self._id)
        crossed = ()
        if draw[1] % 10 == 0:  # the mid moves by a tick: the level that it moves onto empties
            step = 1 if draw[2] % 2 else -1
            self._mid += step
            crossed = ((self._mid, 0),)
        levels = [(1 + n % 15, 1 + n % 100) for n in draw[2:]]
        bids = tuple((self._mid - away, lots) for away, lots in levels[:5]) + crossed + ((self._mid - 1, 30),)
        asks = tuple((self._mid + away, lots) for away, lots in levels[5:]) + crossed + ((self._mid + 1, 30),)
        return Book(now, now, False, bids, asks, self._id)


def quoter(folder, clock, now, deliver, observer):
    settings = config(clock, folder / "journal")
    journal = Journal.open(settings.journal, quoter="bench", facts={}, now_ns=now())
    quoters = Quoters(policy(), None, (), (), settings.observing)
    desk = Desk(journal, order_manager(settings, quoters, INSTRUMENT, can_amend=True))
    venue = Echo(deliver, now)
    core = core_of(settings, quoters, desk, venue.submit, observer)
    desk.begin(Account({"USDT": Decimal(10**6)}, 0, now()), now())
    core.begin()
    return core


async def latency(rate, seconds, clock):
    now, market = steady_clock(), Market()
    made = [market.next(0) for _ in range(20_000)]  # beforehand: making them is no part of the quoter
    with tempfile.TemporaryDirectory() as folder:
        times = Times("bench", now)
        core = quoter(Path(folder), clock, now, lambda message: pump.put(message), times)
        pump = Pump(core, now, 20_000_000)
        pump.put(market.snapshot(now()))
        gc.collect()
        gc.freeze()
        began, sent, cpu = now(), 0, time.process_time()
        warm = began + 2 * 10**9
        while (at := now()) < began + int(seconds * 1e9):
            while sent < (at - began) * rate // 10**9:
                stamp = now()
                message = dataclasses.replace(made[sent % len(made)], exch_ts=stamp, recv_ts=stamp)
                times.put_ns[message.recv_ts] = time.thread_time_ns()
                if len(times.put_ns) > rate:
                    del times.put_ns[next(iter(times.put_ns))]
                pump.put(message)
                sent += 1
                if pump.failed.done():
                    pump.failed.result()
            await asyncio.sleep(0.0005)
            if at < warm:
                times.forget()
        used = time.process_time() - cpu
        core.out.journal.commit()
        pump.close()
    wall, cpu_ms = np.array(times.ns) / 1e6, np.array(times.cpu_ns) / 1e6
    print(
        json.dumps(
            {
                "messages_per_s": round(sent / seconds),
                "requests": len(wall),
                "clock": clock,
                "event_to_order_ms": _percentiles(wall),
                "event_to_order_ms_with_the_core_to_itself": _percentiles(cpu_ms),
                "one_core_used": round(used / seconds, 2),
                "cores_of_the_machine": os.cpu_count(),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


def _percentiles(ms):
    return {f"p{q}": round(float(np.percentile(ms, q)), 3) for q in (50, 90, 99, 99.9)}


def memory(messages, clock):
    market, at = Market(), [1_700_000_000 * 10**9]
    made = [market.next(0) for _ in range(20_000)]
    with tempfile.TemporaryDirectory() as folder:
        queue = []
        core = quoter(Path(folder), clock, lambda: at[0], queue.append, Metrics("bench"))
        core.handle(market.snapshot(at[0]))
        seen, cpu = [], time.process_time()
        for number in range(1, messages + 1):
            at[0] += 500_000
            core.handle(dataclasses.replace(made[number % len(made)], exch_ts=at[0], recv_ts=at[0]))
            core.tick(at[0] + 1)
            while queue:
                core.handle(queue.pop(0))
            if number % (messages // 10) == 0:
                resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
                seen.append(round(resident / 2**20, 1))
        spent = time.process_time() - cpu
        size = (Path(folder) / "journal").stat().st_size
    print(
        json.dumps(
            {
                "messages": messages,
                "resident_mb_after_each_tenth": seen,
                "cpu_us_a_message": round(spent / messages * 1e6, 1),
                "journal_bytes_a_message": round(size / messages, 1),
            }
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("latency", "memory"))
    parser.add_argument("--rate", type=int, default=2000, help="market messages a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--clock", default="200ev", help="decision clock")
    parser.add_argument("--core", type=int, default=None, help="the one core to run on")
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    if given.what == "latency":
        asyncio.run(latency(given.rate, given.seconds, given.clock))
    else:
        memory(given.messages, given.clock)


if __name__ == "__main__":
    main()
