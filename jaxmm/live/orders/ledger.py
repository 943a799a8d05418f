"""Position, balances, fees and profit, exactly: integers for lots, the venue's own decimals for money.

Futures: wallet = start + Σ realized − Σ fees + Σ transfers, position = start + Σ signed fills. Spot: each balance by
its currency, fees in the base coin included; position = what was bought since the quoter began. Profit counts from the
same start.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from jaxmm.instrument import Instrument
from jaxmm.live.messages import BID, Account, Fill, Transfer

ZERO = Decimal(0)
FUNDING = "funding_fee"
"""The reason of transfers that are profit or loss; others are neither."""
_DIGITS = 50  # more than any sum of a venue's decimals has


class Difference(NamedTuple):
    """A number that the venue and we do not agree on."""

    what: str  # "position" or a currency
    ours: Decimal
    venue: Decimal

    def __str__(self) -> str:
        unit = "lots" if self.what == "position" else self.what
        name = self.what if self.what == "position" else "balance"
        return f"{name} is {self.venue} {unit} at the venue and {self.ours} {unit} here"


class Ledger:
    """What we have, from the start given by `begin` and the fills since.

    Attributes:
        position_lots: signed.
        balances: by currency, free and locked together; wallet balances on futures.
        fees: paid since the beginning, by currency.
        funding: received since the beginning, by currency; negative where it was paid.
        spot: whether balances move with the goods themselves; None before `begin`.
        traded_lots: bought and sold since the beginning.
        fills: how many.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._reset()
        self._tick, self._lot = Decimal(repr(instrument.tick_size)), Decimal(repr(instrument.lot_size))
        self._contract = Decimal(repr(instrument.contract_size))

    def _reset(self) -> None:
        self.position_lots = self._start_lots = 0
        self.balances: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}
        self.spot: bool | None = None
        self.traded_lots = self.fills = 0
        self._cash = ZERO  # −Σ worth of what was bought, see `_worth`
        self._paid = ZERO  # worth of what is held, at its average entry price

    def begin(self, account: Account) -> None:
        """The balances and the position that all is counted from."""
        self._reset()
        self.balances = dict(account.balances)
        self.spot = account.position_lots is None
        self.position_lots = self._start_lots = account.position_lots or 0

    def on_fill(self, fill: Fill) -> None:
        """Counts an execution; whoever calls has seen to it that it is new."""
        signed = fill.qty_lots if fill.side == BID else -fill.qty_lots
        price, quantity = fill.price_ticks * self._tick, signed * self._lot
        with localcontext(prec=_DIGITS):
            self._enter(signed, self._worth(quantity, price))
            self.position_lots += signed
            self.traded_lots += fill.qty_lots
            self.fills += 1
            self._cash -= self._worth(quantity, price)
            self._add(self.fees, fill.fee_currency, fill.fee)
            self._add(self.balances, fill.fee_currency, -fill.fee)
            if fill.realized is not None:
                self._add(self.balances, self.instrument.currency, fill.realized)
            elif self.spot:
                self._add(self.balances, self.instrument.base, quantity)
                self._add(self.balances, self.instrument.quote, -quantity * price)

    def on_transfer(self, transfer: Transfer) -> None:
        """Counts money that moved without an execution; whoever calls has seen to it that it is new."""
        with localcontext(prec=_DIGITS):
            self._add(self.balances, transfer.currency, transfer.amount)
            if transfer.reason == FUNDING:
                self._add(self.funding, transfer.currency, transfer.amount)

    def profit(self, mark: Decimal) -> Decimal:
        """Profit since the beginning at a price of `mark` (quote currency), after funding and fees in its own currency.

        In quote currency, or in the base coin of an inverse contract. A position held before the beginning is not in
        it; fees in the other currency of the pair are valued at `mark`.
        """
        with localcontext(prec=_DIGITS):
            fees = self.fees.get(self.instrument.currency, ZERO)
            if self.instrument.kind == "linear":
                fees += self.fees.get(self.instrument.base, ZERO) * mark
            funding = self.funding.get(self.instrument.currency, ZERO)
            return self._contract * (self._cash + self._worth(self._held_lots * self._lot, mark)) - fees + funding

    def unrealized(self, mark: Decimal) -> Decimal:
        """Profit of what is held since the beginning, at a price of `mark`, against its average entry price."""
        with localcontext(prec=_DIGITS):
            return self._contract * (self._worth(self._held_lots * self._lot, mark) - self._paid)

    @property
    def _held_lots(self) -> int:
        """Signed; without what was held before the beginning, whose price is not known."""
        return self.position_lots - self._start_lots

    def _worth(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Of a signed quantity, contract size aside: in quote currency, of an inverse contract in base coins."""
        return -quantity / price if self.instrument.kind == "inverse" else quantity * price

    def _enter(self, signed_lots: int, worth: Decimal) -> None:
        """Moves the average entry: growing adds, shrinking takes a part of it away, turning round begins anew."""
        before = self._held_lots
        after = before + signed_lots
        if before * signed_lots >= 0:
            self._paid += worth
        elif after * before >= 0:
            self._paid *= Decimal(after) / before
        else:
            self._paid = worth * after / signed_lots

    def differences(self, account: Account) -> list[Difference]:
        """Where the venue's account is not ours, position first; of a part of it, only what is in that part."""
        found = []
        if account.position_lots is not None and account.position_lots != self.position_lots:
            found.append(Difference("position", Decimal(self.position_lots), Decimal(account.position_lots)))
        for currency in sorted(account.balances.keys() | (self.balances.keys() if account.whole else set())):
            ours, venue = self.balances.get(currency, ZERO), account.balances.get(currency, ZERO)
            if ours != venue:
                found.append(Difference(currency, ours, venue))
        return found

    def adopt(self, account: Account) -> None:
        """Takes the venue's numbers; what they differ by is none of our doing, and no profit."""
        if account.position_lots is not None:
            self._start_lots += account.position_lots - self.position_lots
            self.position_lots = account.position_lots
        self.balances = dict(account.balances)

    def to_body(self) -> dict[str, Any]:
        """Plain values, as a state in the journal holds them."""
        return {
            "position_lots": self.position_lots,
            "start_lots": self._start_lots,
            "balances": {currency: str(amount) for currency, amount in self.balances.items()},
            "fees": {currency: str(amount) for currency, amount in self.fees.items()},
            "funding": {currency: str(amount) for currency, amount in self.funding.items()},
            "spot": self.spot,
            "traded_lots": self.traded_lots,
            "fills": self.fills,
            "cash": str(self._cash),
            "paid": str(self._paid),
        }

    def restore(self, body: Mapping[str, Any]) -> None:
        """Becomes what `to_body` described."""
        self.position_lots, self._start_lots = body["position_lots"], body["start_lots"]
        self.balances = {currency: Decimal(amount) for currency, amount in body["balances"].items()}
        self.fees = {currency: Decimal(amount) for currency, amount in body["fees"].items()}
        self.funding = {currency: Decimal(amount) for currency, amount in body["funding"].items()}
        self.spot, self.traded_lots, self.fills = body["spot"], body["traded_lots"], body["fills"]
        self._cash, self._paid = Decimal(body["cash"]), Decimal(body["paid"])

    @staticmethod
    def _add(amounts: dict[str, Decimal], currency: str, amount: Decimal) -> None:
        if amount:
            amounts[currency] = amounts.get(currency, ZERO) + amount
