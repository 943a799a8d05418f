"""hftbacktest under our strategies, as the judge of our fills and as the opponent of our benchmark.

Runs in `.venv-peers` (scripts/peer-setup), which has neither jaxmm nor JAX. It reads one job a line from its input, a
JSON object, and answers each with one line: see `run`. So one process compiles once and is timed as often as wanted.

    {"feed": "FOLDER", "queue": "power3(3)", "depth": "hashmap", "strategy": "two_quotes", "params": [{...}],
     "entry_ns": 10000000, "response_ns": 10000000, "out": "FILE.npz"}

All that a strategy computes is whole numbers: ticks, half-ticks and lots. D decisions.
"""

import json
import re
import resource
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest import NEW as STATUS_NEW
from hftbacktest.types import event_dtype
from numba import njit

CODES = np.array(
    [TRADE_EVENT | SELL_EVENT, TRADE_EVENT | BUY_EVENT, DEPTH_EVENT | BUY_EVENT, DEPTH_EVENT | SELL_EVENT], np.uint64
)
"""By `jaxmm.tape.tape.Code`."""
DEPTHS = {"hashmap": HashMapMarketDepthBacktest, "roivector": ROIVectorMarketDepthBacktest}
AFTER_NS = 3_600_000_000_000
NO_LEVEL = 1 << 40
"""Ticks: the peer's best of an empty side lies far beyond."""


# --- the feed ----------------------------------------------------------------------------------------------------


@cache
def load(folder):
    """(the feed's facts, the peer's events, decision times int64 [D])."""
    folder = Path(folder)
    facts = json.loads((folder / "feed.json").read_text())
    exch_ts, exch, local_ts, local, ts = (
        np.load(folder / f"{name}.npy") for name in ("exch_ts", "exch_event", "local_ts", "local_event", "ts_ns")
    )
    both = merge(exch_ts, exch, local_ts, local)
    return facts, events(facts, exch_ts, exch, local_ts, local, *both, int(ts[-1]) + AFTER_NS), ts


@njit
def merge(exch_ts, exch, local_ts, local):
    """Which exchange event (or −1) and which local event (or −1) stand in each row of the peer's one array.

    The peer reads both orders from one array, each skipping the rows of the other. An event that comes next in both is
    one row; so a feed whose messages never overtake each other has no row that anyone skips, the peer's best case.
    """
    i = j = rows = 0
    at_exchange = np.empty(len(exch) + len(local), np.int64)
    at_home = np.empty(len(exch) + len(local), np.int64)
    while i < len(exch) or j < len(local):
        same = i < len(exch) and j < len(local)
        if same:
            for column in range(3):
                same = same and exch[i, column] == local[j, column]
            same = same and exch_ts[i] <= local_ts[j]
        exchange_next = j == len(local) or (i < len(exch) and exch_ts[i] <= local_ts[j])
        at_exchange[rows] = i if same or exchange_next else -1
        at_home[rows] = j if same or not exchange_next else -1
        i += same or exchange_next
        j += same or not exchange_next
        rows += 1
    return at_exchange[:rows], at_home[:rows]


def events(facts, exch_ts, exch, local_ts, local, at_exchange, at_home, end_ts):
    """The peer's array, with one more local event at `end_ts`, so that its clock runs to the last decision."""
    rows = len(at_exchange)
    array = np.zeros(rows + 1, event_dtype)
    seen = at_home >= 0
    what = np.where(seen[:, None], local[at_home], exch[at_exchange])
    flags = np.where(at_exchange >= 0, np.uint64(EXCH_EVENT), 0) | np.where(seen, np.uint64(LOCAL_EVENT), 0)
    array["ev"][:rows] = CODES[what[:, 0]] | flags.astype(np.uint64)
    array["exch_ts"][:rows] = np.where(at_exchange >= 0, exch_ts[at_exchange], local_ts[at_home])
    array["local_ts"][:rows] = np.where(seen, local_ts[at_home], exch_ts[at_exchange])
    array["px"][:rows] = decimal(what[:, 1], facts["tick_size"])
    array["qty"][:rows] = decimal(what[:, 2], facts["lot_size"])
    array[rows] = array[rows - 1]
    array["ev"][rows] = np.uint64(TRADE_EVENT | BUY_EVENT | LOCAL_EVENT)
    array["exch_ts"][rows] = array["local_ts"][rows] = end_ts
    return array


def decimal(units, unit):
    """Multiples of `unit` as the float64 nearest to the decimal number, which a recorded feed would hold."""
    per_unit = round(1 / unit)
    return units / per_unit if unit < 1 and abs(per_unit * unit - 1) < 1e-9 else units * unit


# --- the strategies ----------------------------------------------------------------------------------------------


ID, PRICE, ANSWERED, LOOKED = range(4)
"""Of one of our orders, int64 [4]: its id (0: none), its price, when our last request is answered, and 1 once its state
was looked up since: an answered order's state changes only by a fill, which the number of trades tells of."""


@njit
def quote(hbt, side, own, price, lots, wants, traded, tick_size, lot_size, now, answer_ns, next_id):
    """The order manager of one quote: what is wanted becomes our only order, by as few requests as possible.

    `traded`: whether any order of ours filled since the last decision. Returns the next free id.
    """
    if now < own[ANSWERED]:
        return next_id
    if own[ID] > 0 and (traded or not own[LOOKED]):
        order = hbt.orders(0).get(np.uint64(own[ID]))
        own[LOOKED] = 1
        if order is None or order.status != STATUS_NEW:
            own[ID] = 0
    if own[ID] > 0:
        if wants and own[PRICE] == price:
            return next_id
        hbt.cancel(0, np.uint64(own[ID]), False)
        own[ID], own[ANSWERED] = 0, now + answer_ns
    if wants:
        if side > 0:
            hbt.submit_buy_order(0, np.uint64(next_id), price * tick_size, lots * lot_size, GTX, LIMIT, False)
        else:
            hbt.submit_sell_order(0, np.uint64(next_id), price * tick_size, lots * lot_size, GTX, LIMIT, False)
        own[ID], own[PRICE], own[ANSWERED], own[LOOKED] = next_id, price, now + answer_ns, 0
        next_id += 1
    return next_id


@njit
def note(hbt, k, lot_size, ints, floats):
    """Writes what we know at decision k into its row; returns the position in lots and the number of trades."""
    values = hbt.state_values(0)
    position = np.int64(round(values.position / lot_size))
    ints[k, 0], ints[k, 1] = position, values.num_trades
    floats[k, 0], floats[k, 1], floats[k, 2] = values.position, values.balance, values.fee
    return position, values.num_trades


@njit
def touch(hbt, k, ints):
    """The best bid and ask that we see, in ticks, of an empty side the last ones; written into row k."""
    depth = hbt.depth(0)
    bid, ask = depth.best_bid_tick, depth.best_ask_tick
    ints[k, 4] = bid if bid > -NO_LEVEL else ints[k - 1, 4]
    ints[k, 5] = ask if ask < NO_LEVEL else ints[k - 1, 5]
    return ints[k, 4], ints[k, 5]


@njit
def shown(own):
    """The price of our order as far as we know after deciding, 0 where there is none; as asked until it is answered."""
    return own[PRICE] if own[ID] > 0 else 0


@njit
def two_quotes(hbt, ts, first_ts, answer_ns, tick_size, lot_size, params, ints, floats):
    """A spread of whole half-ticks around the mid that leans against the inventory: jaxmm's `SkewedSpread`.

    `params` int64 [4]: half spread and skew a clip in half-ticks, lots of a quote, the position limit in lots.
    Fills `ints` int64 [D, 6] (position, trades, our bid and ask as `shown`, best bid and ask) and `floats` [D, 3]
    (position, balance, fee). Returns 0, or the peer's error code.
    """
    half_spread, skew, lots, most = params
    bid_own, ask_own = np.zeros(4, np.int64), np.zeros(4, np.int64)
    now, next_id, trades = first_ts, np.int64(1), np.int64(0)
    for k in range(len(ts)):
        code = hbt.elapse(np.uint64(ts[k] - now))
        if code != 0:
            return code
        now = ts[k]
        best_bid, best_ask = touch(hbt, k, ints)
        position, known = note(hbt, k, lot_size, ints, floats)
        traded, trades = known != trades, known
        centre = best_bid + best_ask - skew * (position // lots)
        bid = min((centre - half_spread) // 2, best_ask - 1)
        ask = max(-((-centre - half_spread) // 2), best_bid + 1)
        buys, sells = position + lots <= most, position - lots >= -most
        next_id = quote(hbt, 1, bid_own, bid, lots, buys, traded, tick_size, lot_size, now, answer_ns, next_id)
        next_id = quote(hbt, -1, ask_own, ask, lots, sells, traded, tick_size, lot_size, now, answer_ns, next_id)
        ints[k, 2], ints[k, 3] = shown(bid_own), shown(ask_own)
        if k % 64 == 0:
            hbt.clear_inactive_orders(0)
    return 0


@njit
def grid(hbt, ts, first_ts, answer_ns, tick_size, lot_size, params, ints, floats):
    """Many orders a side on multiples of an interval, behind the quotes that GLFT's half spread and skew ask for.

    `params` int64 [6]: half spread and skew a clip in half-ticks, interval in ticks, orders a side, lots of an order,
    the position limit in lots, which all orders of a side together respect. An order stays where it is while its price
    is one of those wanted. Fills `ints` and `floats` as `two_quotes` does, with the innermost prices for our quotes.
    """
    half_spread, skew, interval, rungs, lots, most = params
    own = np.zeros((2, rungs, 4), np.int64)
    now, next_id, trades = first_ts, np.int64(1), np.int64(0)
    for k in range(len(ts)):
        code = hbt.elapse(np.uint64(ts[k] - now))
        if code != 0:
            return code
        now = ts[k]
        best_bid, best_ask = touch(hbt, k, ints)
        position, known = note(hbt, k, lot_size, ints, floats)
        traded, trades = known != trades, known
        centre = best_bid + best_ask - skew * (position // lots)
        bid = min((centre - half_spread) // 2, best_ask - 1) // interval
        ask = -(-max(-((-centre - half_spread) // 2), best_bid + 1) // interval)
        for j in range(rungs):  # a price has one place whatever the market does, so the others need not move with it
            buys, sells = position + (j + 1) * lots <= most, position - (j + 1) * lots >= -most
            mine, price = own[0, (bid - j) % rungs], (bid - j) * interval
            next_id = quote(hbt, 1, mine, price, lots, buys, traded, tick_size, lot_size, now, answer_ns, next_id)
            mine, price = own[1, (ask + j) % rungs], (ask + j) * interval
            next_id = quote(hbt, -1, mine, price, lots, sells, traded, tick_size, lot_size, now, answer_ns, next_id)
        ints[k, 2], ints[k, 3] = bid * interval, ask * interval
        if k % 64 == 0:
            hbt.clear_inactive_orders(0)
    return 0


STRATEGIES = {
    "two_quotes": (two_quotes, ("half_spread", "skew", "lots", "max_position_lots")),
    "grid": (grid, ("half_spread", "skew", "interval", "orders", "lots", "max_position_lots")),
}


# --- jobs --------------------------------------------------------------------------------------------------------


def asset_of(facts, feed, queue, entry_ns, response_ns):
    """The instrument, its feed, the venue's delays and the queue model, as the peer names them."""
    asset = BacktestAsset().data(feed).tick_size(facts["tick_size"]).lot_size(facts["lot_size"])
    kind = asset.inverse_asset if facts["kind"] == "inverse" else asset.linear_asset
    asset = kind(facts["contract_size"]).constant_order_latency(entry_ns, response_ns)
    name, n = re.fullmatch(r"(\w+?)(?:\(([\d.]+)\))?", queue).groups()
    model = {
        "risk_averse": "risk_adverse_queue_model",
        "power": "power_prob_queue_model",
        "power2": "power_prob_queue_model2",
        "power3": "power_prob_queue_model3",
        "log": "log_prob_queue_model",
        "log2": "log_prob_queue_model2",
    }[name]
    asset = getattr(asset, model)(*([float(n)] if n else []))
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(facts["maker_fee"], facts["taker_fee"])
    tick = facts["tick_size"]
    return asset.roi_lb(facts["lowest_tick"] * tick).roi_ub(facts["highest_tick"] * tick).last_trades_capacity(0)


def run(job):
    """Runs a job's parameter sets one after another and returns what it took.

    Returns the wall seconds of each run alone, without building or compiling; the position in lots and the trades at
    the end of each; the events and decisions of one run; and the peak memory of this process in MiB. With `out`, the
    last run's records are written there, compressed.
    """
    facts, feed, ts = load(job["feed"])
    ts = ts[: job.get("decisions", len(ts))]
    strategy, names = STRATEGIES[job["strategy"]]
    first_ts = first_of(feed)
    ints, floats = np.zeros((len(ts), 6), np.int64), np.zeros((len(ts), 3))
    walls, ends = [], []
    for values in job["params"]:
        params = np.array([values[name] for name in names], np.int64)
        asset = asset_of(facts, feed, job["queue"], job["entry_ns"], job["response_ns"])
        hbt = DEPTHS[job.get("depth", "hashmap")]([asset])
        answer_ns = job["entry_ns"] + job["response_ns"]
        began = time.perf_counter()
        code = strategy(hbt, ts, first_ts, answer_ns, facts["tick_size"], facts["lot_size"], params, ints, floats)
        walls.append(time.perf_counter() - began)
        hbt.close()
        if code:
            raise RuntimeError(f"hftbacktest stopped with code {code}")
        ends.append((int(ints[-1, 0]), int(ints[-1, 1])))
    if "out" in job:
        np.savez_compressed(job["out"], ints=ints, floats=floats)
    return {
        "walls": walls,
        "ends": ends,
        "events": int(len(feed) - 1),
        "decisions": len(ts),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def first_of(feed):
    """Where the peer's clock starts: its first event on either clock."""
    at_exchange, at_home = (feed["ev"] & np.uint64(flag) != 0 for flag in (EXCH_EVENT, LOCAL_EVENT))
    return min(int(feed["exch_ts"][np.argmax(at_exchange)]), int(feed["local_ts"][np.argmax(at_home)]))


def main():
    """Answers one line a job until the input ends."""
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
