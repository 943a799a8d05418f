"""Components of a market beside the moments that their sources give them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets import adverse, arrivals, mid
from jaxmm.markets.components import Sides, Trades
from jaxmm.markets.fill_functions import Competitor, Decay, Exponential, Power, Reach, Rival, Tail, Triangular
from jaxmm.markets.randomness import draw

PATHS, STEPS, DT = 40_000, 50, 0.02
NOTHING = Trades(Sides(jnp.bool(False), jnp.bool(False)), Sides(jnp.bool(False), jnp.bool(False)))


@partial(jax.jit, static_argnames=("part", "chance"))
def walk(part, numbers, seed: int, chance: float = 0.0):
    """Mids [PATHS] from 100 after STEPS, and the states; orders come on both sides with `chance`, all to us."""
    numbers = type(numbers)(*(jnp.asarray(number, jnp.float32) for number in numbers))

    def step(carry, key):
        def one(key, price, state):
            drawn, coins = draw(key, part.draws + 2, part.coins)
            arrived = Sides(drawn[0] < chance, drawn[1] < chance)
            state, move = part.move(numbers, state, price, Trades(arrived, arrived), drawn[2:] + coins, jnp.float32(DT))
            return price + move, state

        return jax.vmap(one)(jax.random.split(key, PATHS), *carry), None

    start = jax.tree.map(lambda x: jnp.broadcast_to(x, PATHS), (jnp.float32(100.0), part.start(numbers)))
    (price, state), _ = jax.lax.scan(step, start, jax.random.split(jax.random.key(seed), STEPS))
    return price, state


def check_moments(values, mean: float, variance: float):
    """Within 4 standard errors, the variance's from the sample's own fourth moment."""
    values = np.asarray(values, np.float64)
    around = values - mean
    assert abs(around.mean()) < 4 * np.sqrt(variance / len(values))
    assert abs(np.mean(around**2) - variance) < 4 * np.std(around**2) / np.sqrt(len(values))


T = STEPS * DT
KAPPA, THETA, V0 = 2.0, 0.04, 0.09


@pytest.mark.parametrize(
    ("part", "numbers", "mean", "variance"),
    [
        (mid.RandomWalk(), mid.Volatility(2.0), 100.0, 4.0 * T),
        (mid.Brownian(), mid.Volatility(2.0), 100.0, 4.0 * T),
        (mid.Geometric(), mid.Growth(0.1, 0.3), 100 * np.exp(0.1), 1e4 * np.exp(0.2) * np.expm1(0.09)),
        (
            mid.OrnsteinUhlenbeck(),
            mid.Reversion(90.0, 1.5, 2.0),
            90 + 10 * np.exp(-1.5 * T),
            4.0 * (1 - np.exp(-3.0 * T)) / 3.0,
        ),
        (
            mid.Jumps(),
            mid.JumpSizes(5.0, 0.5, 1.0),
            100 + STEPS * (p := 1 - np.exp(-5.0 * DT)) * 0.5,
            STEPS * (p * 1.25 - (p * 0.5) ** 2),
        ),
    ],
)
def test_mids_have_their_mean_and_variance(part, numbers, mean, variance):
    check_moments(walk(part, numbers, 2)[0], mean, variance)


def test_hestons_variance_reverts_and_moves_against_the_price():
    price, variance = walk(mid.Heston(), mid.StochasticVariance(V0, THETA, KAPPA, 0.3, -0.7), 3)
    kept = (1 - KAPPA * DT) ** STEPS  # of the Euler step; e^{−κT} as dt goes to 0
    total = DT * sum(THETA + (V0 - THETA) * (1 - KAPPA * DT) ** n for n in range(STEPS))
    assert np.mean(variance) == pytest.approx(THETA + (V0 - THETA) * kept, rel=0.02)
    assert np.mean(price) == pytest.approx(100.0, abs=4 * 30 / np.sqrt(PATHS))  # a martingale
    assert -2 * np.mean(np.log(price / 100)) == pytest.approx(total, abs=4 * 0.3 * 2 / np.sqrt(PATHS))
    assert np.corrcoef(np.log(price), variance)[0, 1] < -0.4


def test_regimes_are_visited_as_their_chain_says():
    numbers = mid.Regimes([[0.0, 2.0], [1.0, 0.0]], [0.0, 3.0], [0.5, 0.5])
    price, regime = walk(mid.RegimeSwitching(), numbers, 4)
    once = np.array([[1 - 2.0 * DT, 2.0 * DT], [1.0 * DT, 1 - 1.0 * DT]])
    chances = [np.linalg.matrix_power(once, n)[0, 1] for n in range(1, STEPS + 1)]
    assert np.mean(regime) == pytest.approx(chances[-1], abs=4 * 0.5 / np.sqrt(PATHS))
    drift = 3.0 * DT * sum(chances)
    assert np.mean(price) - 100 == pytest.approx(drift, abs=float(4 * np.std(price) / np.sqrt(PATHS)))


def test_an_alpha_is_fed_by_orders_and_drifts_the_price():
    price, alpha = walk(mid.ShortTermAlpha(), mid.AlphaSignal(3.0, 0.8, 1.5, 1.0), 5, chance=0.2)
    kept, shaken = np.exp(-3.0 * DT), 0.64 * (1 - np.exp(-6.0 * DT)) / 6.0
    each = shaken + 1.5**2 * 2 * 0.2 * 0.8
    check_moments(alpha, 0.0, each * (1 - kept ** (2 * STEPS)) / (1 - kept**2))
    bought = Trades(Sides(jnp.bool(False), jnp.bool(True)), NOTHING.filled)
    kicked, _ = mid.ShortTermAlpha().move(
        mid.AlphaSignal(3.0, 0.0, 1.5, 1.0), jnp.float32(0), 100.0, bought, (jnp.float32(0.5),), DT
    )
    assert float(kicked) == pytest.approx(1.5)
    lengths = (1 - kept ** np.arange(STEPS)) / (1 - kept)  # for how many steps a shock k steps ago has driven the price
    check_moments(price - 100, 0.0, each * DT**2 * np.sum(lengths**2))


def test_informed_orders_move_the_mid_their_own_way():
    price, _ = walk(adverse.AdverseSelection(), adverse.Informed(0.1), 6, chance=0.3)
    check_moments(price - 100, 0.0, STEPS * 2 * (0.3 * 2 * 0.01 - (0.3 * 0.1) ** 2))
    bought = Trades(Sides(jnp.bool(False), jnp.bool(True)), NOTHING.filled)
    _, up = adverse.AdverseSelection().move(
        adverse.Informed(0.1), (), 100.0, bought, (jnp.float32(0.5), jnp.float32(0.5)), DT
    )
    assert float(up) == pytest.approx(0.1 * np.log(2))


def test_a_fill_moves_the_mid_against_us_and_the_temporary_part_recovers():
    part, numbers = adverse.Impact(), adverse.FillImpact(0.02, 0.1, 5.0)
    sold = Trades(NOTHING.arrived, Sides(jnp.bool(False), jnp.bool(True)))
    state, first = part.move(numbers, jnp.float32(0), 100.0, sold, (), DT)
    assert float(first) == pytest.approx(0.12)
    total = first
    for _ in range(400):
        state, move = part.move(numbers, state, 100.0, NOTHING, (), DT)
        total += move
    assert float(total) == pytest.approx(0.02, abs=1e-5)
    assert float(part.signals(numbers, jnp.float32(0.1))[0]) == pytest.approx(1.0)


def counts_of(part, numbers, steps: int, paths: int, dt: float) -> np.ndarray:
    """Whether an order came, [steps, paths, 2]."""
    numbers = type(numbers)(*map(jnp.float32, numbers))

    def one(state, drawn):
        came = Sides(*(u < p for u, p in zip(drawn, part.chances(numbers, state, jnp.float32(dt)), strict=True)))
        return part.after(numbers, state, Trades(came, came), jnp.float32(dt)), jnp.stack(came)

    def step(states, key):
        return jax.vmap(one)(states, jax.vmap(lambda key: draw(key, 2)[0])(jax.random.split(key, paths)))

    start = jax.tree.map(lambda x: jnp.broadcast_to(x, paths), part.start(numbers))
    return np.asarray(jax.jit(partial(jax.lax.scan, step))(start, jax.random.split(jax.random.key(7), steps))[1])


@pytest.mark.parametrize(
    ("part", "numbers", "chance"),
    [
        (arrivals.Poisson(), arrivals.Rate(30.0), 0.3),
        (arrivals.NonLinear(), arrivals.Rate(30.0), 1 - np.exp(-0.3)),
        (arrivals.Cyclic(), arrivals.Wave(30.0, 0.8, 1.0), 0.3),
    ],
)
def test_orders_come_at_their_rate(part, numbers, chance):
    came = counts_of(part, numbers, 100, 2_000, 0.01)
    assert came.mean() == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / came.size))


def test_a_daily_course_is_followed():
    came = counts_of(arrivals.Cyclic(), arrivals.Wave(30.0, 0.8, 1.0), 100, 2_000, 0.01)
    assert came[:50].mean() / came[50:].mean() == pytest.approx((1 + 1.6 / np.pi) / (1 - 1.6 / np.pi), rel=0.03)


def fano(branching: float) -> float:
    """Variance by mean in windows of one unit, of a Hawkes stream of decay 1; `fano(.8)` is the reference page's."""
    left = 1 - branching
    return 1 + branching * (2 - branching) / left**2 * (1 - (1 - np.exp(-left)) / left)


@pytest.mark.parametrize(("own", "other"), [(0.4, 0.4), (0.7, 0.1), (0.1, 0.6)])
def test_hawkes_orders_cluster_as_their_kernels_say(own, other):
    """The sum of both sides is a stream of branching own + other, their difference has the variance of own − other."""
    dt, horizon = 0.004, 60
    came = counts_of(arrivals.Hawkes(), arrivals.Excitation(0.25, own, other, 1.0), int(horizon / dt), 600, dt)
    both = came.sum(axis=2).reshape(horizon, -1, came.shape[1]).sum(axis=1)  # [unit, path]
    rate = 2 * 0.25 / (1 - own - other)
    assert both.mean() == pytest.approx(rate, abs=4 * both.mean(axis=0).std() / np.sqrt(600))
    settled = both[20:]  # episodes start at the mean, without the variance that their past would have given them
    assert settled.var() == pytest.approx(rate * fano(own + other), rel=0.06)
    sides = came.reshape(horizon, -1, *came.shape[1:]).sum(axis=1)[20:].astype(int)
    assert (sides[..., 0] - sides[..., 1]).var() == pytest.approx(rate * fano(own - other), rel=0.06)
    assert fano(0.8) == pytest.approx(3.247690, abs=1e-6)


@pytest.mark.parametrize(
    ("part", "numbers", "depths", "shares"),
    [
        (Exponential(), Decay(1.5), [-0.5, 0.0, 2.0], [np.exp(0.75), 1.0, np.exp(-3.0)]),
        (Triangular(), Reach(2.0), [-0.5, 0.0, 0.5, 2.5], [1.0, 1.0, 0.75, 0.0]),
        (Power(), Tail(2.0, 3.0), [-0.5, 0.0, 0.5, 1.0], [1.0, 1.0, 0.5, 1 / 9]),
        (Competitor(), Rival(1.0, 0.5), [-50.0, 1.0, 2.0], [1.0, 0.5, 1 / (1 + np.exp(2.0))]),
    ],
)
def test_quotes_are_reached_by_their_share_of_orders(part, numbers, depths, shares):
    np.testing.assert_allclose(part.share(numbers, jnp.float32(depths)), shares, rtol=1e-6)


@pytest.mark.parametrize(
    ("part", "numbers", "says"),
    [
        (arrivals.Hawkes(), arrivals.Excitation(1.0, 0.5, 0.5, 1.0), "must be below 1"),
        (mid.OrnsteinUhlenbeck(), mid.Reversion(1.0, 0.0, 1.0), "speed is 0.0; it must be above zero"),
        (mid.Heston(), mid.StochasticVariance(1.0, 1.0, 1.0, 1.0, -1.2), "a correlation, −1 to 1"),
        (mid.RegimeSwitching(), mid.Regimes(np.ones((2, 2)), [0.0], [1.0]), "one number of regimes"),
        (mid.RegimeSwitching(), mid.Regimes([[0, 200], [1, 0]], [0, 0], [1, 1]), "must be 0.005 at most"),
        (Triangular(), Reach(0.0), "farthest is 0.0"),
    ],
)
def test_numbers_that_a_component_cannot_work_with_are_refused(part, numbers, says):
    with pytest.raises(InputError, match=says):
        part.check(numbers, DT)
