"""The refusals of the protocol: Binance's codes, texts and HTTP statuses."""


class VenueError(Exception):
    """A request that is refused; `body` is what the client reads."""

    def __init__(self, code: int, text: str, http: int = 400, retry_after: int | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.http = http
        self.retry_after = retry_after  # s

    @property
    def body(self) -> dict[str, object]:
        """As JSON."""
        return {"code": self.code, "msg": self.text}


def unknown_order() -> VenueError:
    """A cancel or amend of what is not open."""
    return VenueError(-2011, "Unknown order sent.")


def no_such_order() -> VenueError:
    """A query of what never was."""
    return VenueError(-2013, "Order does not exist.")


def missing(name: str) -> VenueError:
    """A parameter that must be there."""
    return VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def bad_symbol() -> VenueError:
    """Another symbol than the venue's only one."""
    return VenueError(-1121, "Invalid symbol.")


def post_only(spot: bool) -> VenueError:
    """An order that would take but must not."""
    if spot:
        return VenueError(-2010, "Order would immediately match and take.")
    text = "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    return VenueError(-5022, text + "The order will not be recorded in the order history")


def no_balance(spot: bool) -> VenueError:
    """Not enough money, or margin."""
    if spot:
        return VenueError(-2010, "Account has insufficient balance for requested action.")
    return VenueError(-2019, "Margin is insufficient.")


def duplicate(spot: bool) -> VenueError:
    """The client id of an order that is still open."""
    return VenueError(-2010, "Duplicate order sent.") if spot else VenueError(-4116, "ClientOrderId is duplicated.")


def off_tick(spot: bool) -> VenueError:
    """A price between two ticks."""
    if spot:
        return VenueError(-1013, "Filter failure: PRICE_FILTER")
    return VenueError(-4014, "Price not increased by tick size.")


def off_lot(spot: bool) -> VenueError:
    """A quantity between two lots, or of none."""
    if spot:
        return VenueError(-1013, "Filter failure: LOT_SIZE")
    return VenueError(-1111, "Precision is over the maximum defined for this asset.")


def too_small(spot: bool, least: str) -> VenueError:
    """A notional below the least one."""
    if spot:
        return VenueError(-1013, "Filter failure: NOTIONAL")
    text = f"Order's notional must be no smaller than {least} (unless you choose reduce only)."
    return VenueError(-4164, text)


def beyond_band(spot: bool, high: bool) -> VenueError:
    """A price too far from the market's."""
    if spot:
        return VenueError(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
    if high:
        return VenueError(-4016, "Limit price can't be higher than the multiplier cap.")
    return VenueError(-4024, "Limit price can't be lower than the multiplier floor.")


def too_many_open(spot: bool) -> VenueError:
    """One open order more than the account may have."""
    if spot:
        return VenueError(-1013, "Filter failure: MAX_NUM_ORDERS")
    return VenueError(-2025, "Reach max open order limit.")


def too_large_position() -> VenueError:
    """Beyond the position that the leverage allows."""
    return VenueError(-2027, "Exceeded the maximum allowable position at current leverage.")


def reduce_only() -> VenueError:
    """A reduce-only order that would not reduce."""
    return VenueError(-2022, "ReduceOnly Order is rejected.")
