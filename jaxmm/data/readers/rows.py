"""Columns to record batches; every price and quantity is checked, and a bad one is named by file and line."""

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import batch_of
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import INT32_MAX, Instrument

NO_ID = -1
BATCH_ROWS = 16384
DAY_NS = 86_400 * 10**9
DUST_SHARE = 0.05  # of a batch: more quantities off the lot than this and the lot is wrong

Where = Callable[[int], str]  # a row's index in the batch → `file: line n`
ToUnits = Callable[[np.ndarray], np.ndarray]

_PRICED = np.array([k in (Kind.TRADE, Kind.DEPTH, Kind.TOP, Kind.SNAPSHOT) for k in Kind])


def event_batch(
    *,
    exch_ts: np.ndarray,
    recv_ts: np.ndarray,
    kind: np.ndarray,
    side: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    id: np.ndarray,
    instrument: Instrument,
    log: ReadLog,
    where: Where,
) -> pa.RecordBatch:
    """One batch of canonical events; all arrays are [rows].

    A few quantities finer than the lot (dust that a venue kept from an earlier, finer lot) are rounded to it, never to
    nothing, and counted in `log.rounded`. Raises `InputError` on the first row whose price is off the tick, whose
    quantity is off the lot where that is not rare, whose units do not fit int32, or whose clocks are over a day apart.
    """
    _check_clocks(exch_ts, recv_ts, where)
    priced = np.flatnonzero(_PRICED[kind])
    _check_prices(price[priced], instrument, lambda i: where(int(priced[i])))
    _check_marks(price, kind, where)
    lots = qty[priced]
    qty = qty.copy()
    qty[priced] = _whole_lots(lots, instrument, log, lambda i: where(int(priced[i])))
    columns = (exch_ts, recv_ts, kind.astype(np.int8), side.astype(np.int8), price, qty, id)
    return batch_of(columns)


def trade_batch(
    *,
    exch_ts: np.ndarray,
    recv_ts: np.ndarray,
    aggressor: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    id: np.ndarray | None = None,
    instrument: Instrument,
    log: ReadLog,
    where: Where,
) -> pa.RecordBatch:
    """Prints, [trades] each."""
    return event_batch(
        exch_ts=exch_ts,
        recv_ts=recv_ts,
        kind=np.full(len(price), int(Kind.TRADE)),
        side=aggressor,
        price=price,
        qty=qty,
        id=np.full(len(price), NO_ID) if id is None else id,
        instrument=instrument,
        log=log,
        where=where,
    )


def quote_batch(
    *,
    exch_ts: np.ndarray,
    recv_ts: np.ndarray,
    bid: tuple[np.ndarray, np.ndarray],
    ask: tuple[np.ndarray, np.ndarray],
    instrument: Instrument,
    log: ReadLog,
    where: Where,
) -> pa.RecordBatch:
    """Quotes without ids: a TOP row a side, each of (price, quantity) [quotes]; CLEAR where the price is NaN."""
    price, qty = np.stack([bid[0], ask[0]], axis=1), np.stack([bid[1], ask[1]], axis=1)  # [quotes, sides]
    missing = np.isnan(price)
    return event_batch(
        exch_ts=np.repeat(exch_ts, 2),
        recv_ts=np.repeat(recv_ts, 2),
        kind=np.where(missing, int(Kind.CLEAR), int(Kind.TOP)).ravel(),
        side=np.tile([int(Side.BID), int(Side.ASK)], len(price)),
        price=np.where(missing, 0.0, price).ravel(),
        qty=np.where(missing, 0.0, qty).ravel(),
        id=np.full(price.size, NO_ID),
        instrument=instrument,
        log=log,
        where=lambda i: where(i // 2),
    )


def _check_clocks(exch_ts: np.ndarray, recv_ts: np.ndarray, where: Where) -> None:
    apart = np.flatnonzero(np.abs(recv_ts - exch_ts) > DAY_NS)
    if apart.size:
        i = int(apart[0])
        raise InputError(
            f"{where(i)}: local time {recv_ts[i]} ns and exchange time {exch_ts[i]} ns are more than a day apart; "
            "check the units of both"
        )


def _check_marks(price: np.ndarray, kind: np.ndarray, where: Where) -> None:
    wrong = ((kind == Kind.MARK) & ~((price > 0) & np.isfinite(price))) | ((kind == Kind.FUNDING) & ~(abs(price) < 1))
    bad = np.flatnonzero(wrong)
    if bad.size:
        what = "a mark price is positive" if kind[bad[0]] == Kind.MARK else "a funding rate is a fraction below 1"
        raise InputError(f"{where(int(bad[0]))}: {what}; got {price[bad[0]]!s}")


def _check_prices(price: np.ndarray, instrument: Instrument, where: Where) -> None:
    bad = np.flatnonzero(~(price > 0))
    if bad.size:
        raise InputError(f"{where(int(bad[0]))}: price {price[bad[0]]!s} is not a positive number")
    _check_size(price, "price", "tick_size", instrument.tick_size, where)
    try:
        instrument.to_ticks(price)
    except InputError as error:
        raise _off_grid(price, instrument.to_ticks, "price", "tick_size", instrument.tick_size, where) from error


def _whole_lots(qty: np.ndarray, instrument: Instrument, log: ReadLog, where: Where) -> np.ndarray:
    bad = np.flatnonzero(~(qty >= 0))
    if bad.size:
        raise InputError(f"{where(int(bad[0]))}: quantity {qty[bad[0]]!s} is not a number of at least 0")
    lot = instrument.lot_size
    _check_size(qty, "quantity", "lot_size", lot, where)
    try:
        instrument.to_lots(qty)
        return qty
    except InputError as error:
        whole = np.maximum(np.rint(qty / lot), qty > 0) * lot
        dust = int(np.count_nonzero(np.abs(whole - qty) > 1e-6 * lot))
        if dust > DUST_SHARE * len(qty):
            raise _off_grid(qty, instrument.to_lots, "quantity", "lot_size", lot, where) from error
        log.rounded += dust
        return whole


def _check_size(values: np.ndarray, what: str, field: str, unit: float, where: Where) -> None:
    too_large = np.flatnonzero(values > float(INT32_MAX) * unit)
    if too_large.size:
        value = float(values[too_large[0]])
        raise InputError(
            f"{where(int(too_large[0]))}: {what} {value!r} is more than {INT32_MAX} times {field} {unit!r}, "
            f"too large for int32; a {field} of {_unit_that_fits(value, unit)} would fit"
        )


def _unit_that_fits(value: float, unit: float) -> str:
    """The smallest power-of-ten multiple of `unit` in which `value` fits int32."""
    fitting = Decimal(repr(unit))
    while value / float(fitting) > INT32_MAX:
        fitting *= 10
    return repr(float(fitting))


def _off_grid(values: np.ndarray, to_units: ToUnits, what: str, field: str, unit: float, where: Where) -> InputError:
    i = _first_refused(values, to_units)
    return InputError(
        f"{where(i)}: {what} {float(values[i])!r} is not a multiple of {field} {unit!r}; "
        f"correct {field} in the instrument file"
    )


def _first_refused(values: np.ndarray, to_units: ToUnits) -> int:
    def refused(length: int) -> bool:
        try:
            to_units(values[:length])
        except InputError:
            return True
        return False

    return bisect_left(range(1, len(values) + 1), True, key=refused)
