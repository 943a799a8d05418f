import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.features.market import FEATURES
from jaxmm.features.observation import OBSERVATION, PRIVATE, observation
from jaxmm.policy.types import View

MARKET = np.arange(len(FEATURES), dtype=np.float32)


def view(**changes):
    values = {
        "bid_ticks": np.int32(100),
        "ask_ticks": np.int32(103),
        "position_lots": np.int32(-5),
        "features": MARKET,
        "own_bid_ticks": np.int32(98),
        "own_bid_lots": np.int32(1),
        "own_ask_ticks": np.int32(0),
        "own_ask_lots": np.int32(0),
        "time_left": np.float32(0.25),
    }
    return View(**values | changes)


def test_every_number_has_a_name_and_market_features_come_first():
    seen = observation(view(), 10, 4.0, np)
    assert seen.dtype == np.float32
    assert seen.shape == (len(OBSERVATION),)
    np.testing.assert_array_equal(seen[: len(FEATURES)], MARKET)
    private = dict(zip(PRIVATE, seen[len(FEATURES) :].tolist(), strict=True))
    assert private == {
        "inventory": -0.5,
        "own_bid_distance": (101.5 - 98) / 4,
        "own_ask_distance": 0.0,
        "own_bid_open": 1.0,
        "own_ask_open": 0.0,
        "time_left": 0.25,
    }


def test_an_ask_mirrors_a_bid_and_an_absent_order_has_no_distance():
    seen = observation(
        view(own_bid_lots=np.int32(0), own_ask_ticks=np.int32(105), own_ask_lots=np.int32(2)), 10, 4.0, np
    )
    assert seen[OBSERVATION.index("own_bid_distance")] == 0
    assert seen[OBSERVATION.index("own_ask_distance")] == (105 - 101.5) / 4


def test_prices_near_the_end_of_int32_do_not_overflow():
    high = 2**31 - 10
    changes = {"bid_ticks": high, "ask_ticks": high + 2, "own_bid_ticks": high - 3}
    seen = observation(view(**{k: np.int32(v) for k, v in changes.items()}), 1, 1.0, np)
    assert seen[OBSERVATION.index("own_bid_distance")] == 4


def test_jax_sees_the_same():
    rng = np.random.default_rng(1)
    fields = [f for f in View._fields if f not in ("features", "time_left")]
    numbers = {f: rng.integers(0, 50, 7).astype(np.int32) for f in fields}
    features = rng.normal(size=(7, len(FEATURES))).astype(np.float32)
    many = View(**numbers, features=features, time_left=rng.random(7).astype(np.float32))
    of_jax = jax.jit(jax.vmap(lambda v: observation(v, 10, 4.0, jnp)))(many)
    assert of_jax.dtype == jnp.float32
    for i in range(7):
        one = View(*(field[i] for field in many))
        np.testing.assert_allclose(of_jax[i], observation(one, 10, 4.0, np), rtol=1e-6)
        assert observation(one, 10, 4.0, np).dtype == np.float32
