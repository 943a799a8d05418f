"""The integrity report of a store: what is wrong with a recording, in numbers, before anyone trusts a backtest."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from jaxmm.data.clock import ClockEnvelope, venue_stamped
from jaxmm.data.messages import Rows, rows_of, whole_messages
from jaxmm.data.quotes import TouchAccount, crossed_and_locked, quotes_of
from jaxmm.data.rebuild import BookAccount
from jaxmm.data.schema import Kind
from jaxmm.data.store import Store

KEPT_TRADE_IDS = 1 << 18  # a trade that is received again later than this many others is not recognised
FEEDS = ((Kind.TRADE,), (Kind.TOP,), (Kind.DEPTH, Kind.SNAPSHOT, Kind.CLEAR))  # each is one channel with its own order
TOLD_DRIFT_MS = 10.0
NS_PER_S = 1e9
NS_PER_MS = 1e6


@dataclass(frozen=True)
class IntegrityReport:
    """What `jaxmm data check` says; the fields are those of its JSON form."""

    rows: int
    quotes: int  # messages with the venue's best bid and ask
    trades: int
    book_messages: int  # diffs and snapshots
    span_s: float  # of local time
    clocks: Literal["both", "exchange"]  # an exchange-only recording has no latency to speak of
    crossed: int  # quotes and rebuilt books whose bid is above the ask
    locked: int  # and at the ask
    id_breaks: int  # holes in the chain of update ids
    top_match: (
        float | None
    )  # share of best bids and asks after diffs that are the quote's, in price and size; None: no ids
    top_mismatches: int  # diffs after which either side is not
    clock_offset_ms: float | None  # recorder's clock minus the exchange's, as left in the store; None with one clock
    clock_mended_ms: float  # what was subtracted from the local times at import
    clock_drift_ppm: float | None  # how fast that offset grows; None under a minute
    min_latency_ms: float | None  # robust lower envelope of local minus exchange time
    negative_latency: int  # rows received before they happened
    max_gap_s: float  # longest time without a quote or book message (or trade, where there are only trades)
    backward_recv: int  # steps back of the local clock
    backward_exch: int  # steps back of the exchange's clock within a feed
    duplicates: int  # trades and book messages received again
    openers: int  # first prints of a sweep with a quote before them
    trades_away: int  # of those, not at the touch of that quote
    bad_rows: int  # unknown kind or side, or price or quantity that the instrument does not have
    first_bad_row: int | None  # row number in received order, from 0
    snapshot_drops: int  # book messages that no snapshot is followed by
    rounded: int  # quantities finer than the lot, rounded to it at import
    receiver_stamped: int  # messages without a venue time

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """For people: one line a finding."""
        lines = [f"{name.replace('_', ' '):<18} {_plain(value)}" for name, value in self.to_dict().items()]
        return "\n".join(lines + self.remarks())

    def remarks(self) -> list[str]:
        """Sentences on what needs a hand."""
        says = []
        if self.clock_offset_ms:
            says.append(
                f"The recorder's clock runs {-self.clock_offset_ms:.1f} ms behind the exchange's: "
                "import again with --fix-clock before use."
            )
        if self.clock_mended_ms:
            says.append(
                f"The recorder's clock was {-self.clock_mended_ms:.1f} ms behind the exchange's; this is mended."
            )
        drift_ms = abs(self.clock_drift_ppm or 0.0) * self.span_s / 1e3
        if drift_ms > TOLD_DRIFT_MS:
            says.append(
                f"The recorder's clock drifts by {drift_ms:.0f} ms over the recording: latencies are too long by up to "
                "that; import shorter pieces."
            )
        if self.clocks == "exchange":
            says.append("One clock only, the exchange's: latency is unknown.")
        if self.receiver_stamped:
            says.append(f"{self.receiver_stamped:,} messages have no venue time and carry the receiver's.")
        if self.id_breaks:
            says.append(f"The book is not to be trusted after {self.id_breaks:,} breaks, until the next snapshot.")
        if self.rounded:
            says.append(f"{self.rounded:,} quantities were finer than the lot and are rounded to it.")
        if self.bad_rows:
            says.append(f"{self.bad_rows:,} rows are bad, the first is row {self.first_bad_row:,}.")
        return says


def check_store(store: Store) -> IntegrityReport:
    """Reads the store once, in pieces, and reports on it."""
    account = _Account(store)
    pieces = (rows_of(batch, store.instrument) for batch in store.batches())
    for rows in whole_messages(pieces):
        account.add(rows)
    return account.report()


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


class _Clock:
    """Steps back and the longest hole of one stream of times."""

    def __init__(self) -> None:
        self.last: int | None = None
        self.backward = 0
        self.hole = 0

    def add(self, times: np.ndarray) -> None:
        if times.size:
            steps = np.diff(times, prepend=times[0] if self.last is None else self.last)
            self.backward += int(np.count_nonzero(steps < 0))
            self.hole = max(self.hole, int(steps.max()))
            self.last = int(times[-1])


class _Account:
    """Everything the report counts, added to piece by piece."""

    def __init__(self, store: Store):
        self.store = store
        self.book = BookAccount()
        self.touch = TouchAccount()
        self.envelope = ClockEnvelope()
        self.recv, self.market = _Clock(), _Clock()
        self.exch = [_Clock() for _ in FEEDS]
        self.first_recv: int | None = None
        self.latest_recv = 0
        self.rows = self.quotes = self.trades = self.id_breaks = self.bad_rows = 0
        self.crossed = self.locked = self.negative_latency = self.repeated_trades = 0
        self.first_bad_row: int | None = None
        self.trade_ids = np.empty(0, np.int64)

    def add(self, rows: Rows) -> None:
        """One piece of whole messages."""
        self._add_bad(rows)
        self._add_times(rows)
        quotes = quotes_of(rows)
        trades = rows.pick(rows.kind == Kind.TRADE)
        self.rows += len(rows.kind)
        self.quotes += len(quotes.id)
        self.trades += len(trades.kind)
        self.id_breaks += int(np.count_nonzero(rows.kind == Kind.GAP))
        crossed, locked = crossed_and_locked(quotes.top)
        self.crossed += crossed
        self.locked += locked
        self.book.add(rows, quotes)
        if self.store.report.receiver_stamped:  # quotes without a venue time: only the local order can be asked
            self.touch.add(quotes.recv_ts, quotes.top, trades.recv_ts, trades)
        else:
            self.touch.add(quotes.exch_ts, quotes.top, trades.exch_ts, trades)
        self._add_trade_ids(trades.id[trades.id >= 0])

    def _add_bad(self, rows: Rows) -> None:
        bad = np.flatnonzero(rows.bad)
        if bad.size and self.first_bad_row is None:
            self.first_bad_row = self.rows + int(bad[0])
        self.bad_rows += len(bad)

    def _add_times(self, rows: Rows) -> None:
        self.first_recv = int(rows.recv_ts[0]) if self.first_recv is None else self.first_recv
        self.latest_recv = max(self.latest_recv, int(rows.recv_ts.max()))
        self.recv.add(rows.recv_ts)
        of_feeds = [np.isin(rows.kind, feed) for feed in FEEDS]
        for clock, of_feed in zip(self.exch, of_feeds, strict=True):
            clock.add(rows.exch_ts[of_feed])
        self.market.add(rows.recv_ts[of_feeds[1] | of_feeds[2]])
        two_clocks = venue_stamped(rows.exch_ts, rows.recv_ts, rows.kind)
        self.envelope.add(rows.exch_ts[two_clocks], rows.recv_ts[two_clocks])
        self.negative_latency += int(np.count_nonzero(rows.recv_ts < rows.exch_ts))

    def _add_trade_ids(self, ids: np.ndarray) -> None:
        fresh = np.unique(ids)
        known = np.isin(fresh, self.trade_ids)
        self.repeated_trades += len(ids) - len(fresh) + int(np.count_nonzero(known))
        self.trade_ids = np.concatenate([self.trade_ids, fresh[~known]])[-KEPT_TRADE_IDS:]

    def report(self) -> IntegrityReport:
        """After the last piece."""
        self.touch.finish()
        both = self.store.clocks == "both"
        offset, envelope = self.envelope.offset_ns(), self.envelope.envelope_ns()
        imported = self.store.report
        hole = self.market.hole if self.market.last is not None else self.exch[0].hole
        return IntegrityReport(
            rows=self.rows,
            quotes=self.quotes,
            trades=self.trades,
            book_messages=self.book.messages,
            span_s=(self.latest_recv - (self.first_recv or 0)) / NS_PER_S,
            clocks=self.store.clocks,
            crossed=self.crossed + self.book.crossed,
            locked=self.locked + self.book.locked,
            id_breaks=self.id_breaks,
            top_match=self.book.top_match,
            top_mismatches=self.book.mismatched_diffs,
            clock_offset_ms=offset / NS_PER_MS if both and offset is not None else None,
            clock_mended_ms=imported.clock_mended_ns / NS_PER_MS,
            clock_drift_ppm=self.envelope.drift_ppm() if both else None,
            min_latency_ms=envelope / NS_PER_MS if both and envelope is not None else None,
            negative_latency=self.negative_latency,
            max_gap_s=hole / NS_PER_S,
            backward_recv=self.recv.backward,
            backward_exch=sum(clock.backward for clock in self.exch),
            duplicates=self.repeated_trades + imported.duplicates,
            openers=self.touch.compared,
            trades_away=self.touch.away,
            bad_rows=self.bad_rows,
            first_bad_row=self.first_bad_row,
            snapshot_drops=imported.snapshot_drops,
            rounded=imported.rounded,
            receiver_stamped=imported.receiver_stamped,
        )
