"""Each reward term against the formula worked out by hand, and that money is never made or lost by rounding."""

import math

import jax.numpy as jnp
import pytest

from jaxmm.envs.rewards import TERMS, Moments, RewardWeights, Settings, no_moments, reward_terms, weighted
from jaxmm.exchange.ledger import Step

UNIT, LIMIT, AVERSION, RATE = 0.05, 10, 2.0, 0.1
SETTINGS = Settings(jnp.float32(UNIT), jnp.int32(LIMIT), jnp.float32(AVERSION), jnp.float32(RATE))


def stepped(pnl: int = 10, spread: int = 4, fee: float = 1.5, position: int = -3, funding: float = 0.25) -> Step:
    """What one step brought, in half-tick·lots."""
    nothing = Step(*(jnp.int32(0) for _ in Step._fields))
    return nothing._replace(
        position=jnp.int32(position),
        pnl=jnp.int32(pnl),
        spread=jnp.int32(spread),
        carried=jnp.int32(pnl - spread),
        fee=jnp.float32(fee),
        funding=jnp.float32(funding),
    )


def terms_of(step: Step, moments: Moments | None = None, last: bool = False) -> dict[str, float]:
    terms, _ = reward_terms(step, moments or no_moments(), jnp.asarray(last), SETTINGS)
    return {name: float(value) for name, value in terms._asdict().items()}


NET = (10 - 1.5 - 0.25) * UNIT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pnl", 10 * UNIT),
        ("fees", -1.5 * UNIT),
        ("funding", -0.25 * UNIT),
        ("spread", 4 * UNIT),
        ("dampened", -(10 - 4) * UNIT),
        ("inventory", -((3 / LIMIT) ** 2)),
        ("terminal_inventory", -((3 / LIMIT) ** 2)),
        ("utility", (1 - math.exp(-AVERSION * NET)) / AVERSION),
        ("sharpe", 0.0),
    ],
)
def test_a_term_is_its_formula(name, value):
    assert terms_of(stepped(), last=True)[name] == pytest.approx(value, rel=1e-6)


def test_every_term_has_its_formula_checked():
    checked = test_a_term_is_its_formula.pytestmark[0].args[1]
    assert {name for name, _ in checked} == set(TERMS)


def test_losses_of_holding_a_position_are_not_dampened():
    assert terms_of(stepped(pnl=-10, spread=4))["dampened"] == 0


def test_the_terminal_penalty_waits_for_the_end():
    assert terms_of(stepped(), last=False)["terminal_inventory"] == 0


def test_the_differential_sharpe_ratio_is_moody_and_saffell_s():
    a, b = 0.1, 0.05
    delta_a, delta_b = NET - a, NET**2 - b
    expected = (b * delta_a - a * delta_b / 2) / (b - a**2) ** 1.5
    moments = Moments(jnp.float32(a), jnp.float32(b))
    assert terms_of(stepped(), moments)["sharpe"] == pytest.approx(expected, rel=1e-5)
    _, moved = reward_terms(stepped(), moments, jnp.asarray(False), SETTINGS)
    assert float(moved.mean) == pytest.approx(a + RATE * delta_a, rel=1e-5)
    assert float(moved.square) == pytest.approx(b + RATE * delta_b, rel=1e-5)


def test_a_reward_weighs_its_terms():
    terms = RewardWeights(*(jnp.float32(i) for i in range(1, 10)))
    weights = RewardWeights(*(jnp.float32(10.0**-i) for i in range(9)))
    assert float(weighted(terms, weights)) == pytest.approx(1.23456789, rel=1e-6)
