"""From measurements to a parameter file: which number of the recording is which parameter of a model, in which units.

Prices are in ticks, times in seconds, and a unit of inventory is one fill of one order. What a recording cannot tell
(how long, how much inventory, how averse to risk) follows rules that hold on any market, and `--set` overrides them.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxmm.calibrate.hawkes import fit_hawkes
from jaxmm.calibrate.orders import market_orders, untied_seconds
from jaxmm.calibrate.queue_reactive import queue_reactive
from jaxmm.calibrate.quoting import Calibration, calibrate, span_s
from jaxmm.calibrate.regimes import MOST_STATES, chosen_step_s, fit_regimes, mid_returns
from jaxmm.errors import InputError, nearest
from jaxmm.markets.hawkes import Events
from jaxmm.markets.models import model_of
from jaxmm.tape.tape import Tape

HORIZON_S = 60.0
INVENTORY = 10
HOLDING_S = 10.0
_FILL_A_STEP = 0.2  # of the published sets: λ·dt
_WIDEST = 4.5  # d_max in units of 1/κ, as in the published sets

Values = dict[str, Any]


class Fitted(NamedTuple):
    """What a fit has to say: parameters, their errors, where not measured the rule, and what else is worth knowing."""

    settings: Values
    standard_errors: Values
    chosen: Values
    facts: Values


def fit_model(name: str, tape: Tape, given: Values) -> Fitted:
    """The parameters of model `name` from a tape; `given` overrides free parameters and a fit's options.

    Raises `InputError` where `check_given` does, and where the span cannot tell.
    """
    check_given(name, given)
    return FITS[name](tape, given)


def check_given(name: str, given: Values) -> None:
    """Raises `InputError` on an unknown model, or on names and values in `given` that it has no use for."""
    if name not in FITS:
        raise InputError(f"there is nothing to calibrate called {name!r}; {nearest(name, FITS)}")
    if name in _MAPPINGS:
        model_of(name, given)
        return
    options = _options(name, given)
    for option, (least, most) in _RANGES.items():
        if option in options and not least <= options[option] <= most:
            raise InputError(f"{name}: {option} is {options[option]:g}; it must be {least:g} … {most:g}")


def _quoting(name: str) -> Callable[[Tape, Values], Fitted]:
    def fit(tape: Tape, given: Values) -> Fitted:
        measured = calibrate(tape)
        settings, errors, chosen = _MAPPINGS[name](measured, {})
        if given:  # what is given may shape what follows from it, such as N from T
            plain = model_of(name, given)
            settings, errors, chosen = _MAPPINGS[name](measured, {key: getattr(plain, key) for key in given})
            settings |= {key: getattr(plain, key) for key in given}
            errors = {key: value for key, value in errors.items() if key not in given}
            chosen = {key: value for key, value in chosen.items() if key not in given} | dict.fromkeys(given, "given")
        model_of(name, settings)
        return Fitted(_plain(settings), errors, chosen, {"noise_of_mid": measured.noise})

    return fit


def _as(measured: Calibration, given: Values) -> tuple[Values, Values, Values]:
    horizon, steps = _steps(measured, given)
    settings = {"T": horizon, "N": steps, "sigma": measured.sigma, "k": measured.k, "A": measured.A}
    chosen = _STEPPED | {"gamma": _GAMMA}
    return settings | {"gamma": _gamma(measured, INVENTORY)}, _errors(measured, "A", "k"), chosen


def _glft(measured: Calibration, given: Values) -> tuple[Values, Values, Values]:
    limit = given.get("Q", INVENTORY)
    settings = {"sigma": measured.sigma, "A": measured.A, "k": measured.k, "gamma": _gamma(measured, limit)}
    chosen = {"T": _STEPPED["T"], "Q": _LIMIT, "gamma": _GAMMA}
    return settings | {"T": given.get("T", HORIZON_S), "Q": limit}, _errors(measured, "A", "k"), chosen


def _cj(measured: Calibration, given: Values) -> tuple[Values, Values, Values]:
    limit = given.get("Q", INVENTORY)
    settings = {
        "T": given.get("T", HORIZON_S),
        "Q": limit,
        "lam": measured.A,
        "kappa": measured.k,
        "phi": _gamma(measured, limit) * measured.sigma**2 / 2,
        "alpha": 1 / (measured.k * limit),
        "sigma": measured.sigma,
    }
    chosen = {"T": _STEPPED["T"], "Q": _LIMIT, "phi": _PHI, "alpha": _ALPHA}
    return settings, _errors(measured, "lam", "kappa"), chosen


def _cj_steps(measured: Calibration, given: Values) -> tuple[Values, Values, Values]:
    settings, errors, chosen = _cj(measured, given)
    horizon, steps = _steps(measured, given)
    settings |= {"T": horizon, "N": steps, "d_max": _WIDEST / measured.k}
    return settings, errors, chosen | _STEPPED | {"d_max": f"{_WIDEST}/κ"}


def _steps(measured: Calibration, given: Values) -> tuple[float, int]:
    horizon = float(given.get("T", HORIZON_S))
    return horizon, max(math.ceil(measured.A * horizon / _FILL_A_STEP), 1)


def _gamma(measured: Calibration, limit: float) -> float:
    return 1 / (measured.k * measured.sigma**2 * HOLDING_S * limit)


def _errors(measured: Calibration, rate: str, decay: str) -> Values:
    return {"sigma": measured.sigma_se, rate: measured.A_se, decay: measured.k_se}


def _hawkes(tape: Tape, given: Values) -> Fitted:
    options = _options("hawkes", given)
    orders = market_orders(np.asarray(tape.exch_ts), np.asarray(tape.event), np.asarray(tape.best))
    seconds, step_s = untied_seconds(orders.ts_ns, int(tape.exch_ts[0]), options["seed"])
    sells = (orders.sign < 0).astype(np.int64) * (options["components"] - 1)
    found = fit_hawkes(Events(seconds, sells), max(span_s(tape), float(seconds[-1])), options["components"])
    values = found.to_dict()
    settings, errors = values.pop("settings"), values.pop("standard_errors")
    names = ["market orders"] if options["components"] == 1 else ["buyers' orders", "sellers' orders"]
    facts = {"components": names, "orders": len(seconds), "clock_step_s": step_s} | values
    if found.branching_ratio < 1:
        facts["rate"] = found.model.rate.tolist()
    return Fitted(settings, errors, {}, facts)


def _queues(tape: Tape, given: Values) -> Fitted:
    options = _options("queue-reactive", given)
    found = queue_reactive(tape, options["levels"], options["sizes"])
    values = found.to_dict()
    settings, errors = values.pop("settings"), values.pop("standard_errors")
    shares = {"shares": found.shares.tolist(), "shares_that_the_rates_imply": found.invariant_shares().tolist()}
    return Fitted(settings, errors, {}, values | shares)


def _regimes(tape: Tape, given: Values) -> Fitted:
    ts_ns, mid = np.asarray(tape.ts_ns), np.asarray(tape.book_price[:, :, 0]).mean(axis=1)
    options = _options("regimes", given)
    step_s = options["step_s"] or chosen_step_s(ts_ns, mid, options["states"])
    values = fit_regimes(mid_returns(ts_ns, mid, step_s), options["states"], step_s).to_dict()
    chosen = {} if options["step_s"] else {"step_s": _STEP}
    return Fitted(values.pop("settings"), values.pop("standard_errors"), chosen, values)


def _options(name: str, given: Values) -> Values:
    """The options of a fit with what is `given`, each value of the kind of its default."""
    known = dict(_OPTIONS[name])
    for option, value in given.items():
        if option not in known:
            raise InputError(f"{name} has no option {option!r}; {nearest(option, known)}")
        kind = type(known[option])
        if isinstance(value, bool) or not isinstance(value, int | float) or kind(value) != value:
            what = "a whole number" if kind is int else "a number"
            raise InputError(f"{name}: {option} is {value!r}; it must be {what}")
        known[option] = kind(value)
    return known


def _plain(settings: Values) -> Values:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


_OPTIONS: dict[str, Values] = {
    "hawkes": {"components": 2, "seed": 0},  # 1 takes all orders for one process, 2 buyers' and sellers'
    "queue-reactive": {"levels": 3, "sizes": 21},
    "regimes": {"states": 2, "step_s": 0.0},  # 0: chosen
}
_RANGES = {
    "components": (1, 2),
    "seed": (0, 2**32),
    "levels": (1, 100),
    "sizes": (2, 1000),
    "states": (2, MOST_STATES),
    "step_s": (0, 86400),
}
_STEPPED = {"T": f"{HORIZON_S:g} s", "N": f"so many that a fill at the mid has probability {_FILL_A_STEP} a step"}
_LIMIT = f"{INVENTORY} orders"
_GAMMA = f"1/(kσ²·{HOLDING_S:g} s·Q), Q = {INVENTORY} orders where the model has none"
_PHI = f"γσ²/2 with γ = 1/(κσ²·{HOLDING_S:g} s·Q)"
_ALPHA = "1/(κQ): to close a full position costs 1/κ a unit"
_STEP = "the shortest of 1 … 60 s with at most 5 % of returns zero, or the longest that leaves enough of them"
_MAPPINGS = {"as": _as, "glft": _glft, "cj": _cj, "cj-dt": _cj_steps}

FITS: dict[str, Callable[[Tape, Values], Fitted]] = {name: _quoting(name) for name in _MAPPINGS} | {
    "hawkes": _hawkes,
    "queue-reactive": _queues,
    "regimes": _regimes,
}
"""What can be calibrated, by the name on the command line."""
