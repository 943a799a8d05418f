"""Markets composed of parts: what they earn where arithmetic tells it, and what they show."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.depth_quoting import compose
from jaxmm.envs.models import environment_of
from jaxmm.envs.simulate import paths_of
from jaxmm.envs.two_quotes import Depths, Pairs, Span
from jaxmm.errors import InputError
from jaxmm.markets.adverse import AdverseSelection, FillImpact, Impact, Informed
from jaxmm.markets.arrivals import Excitation, Hawkes, Poisson, Rate
from jaxmm.markets.fill_functions import Power, Tail
from jaxmm.markets.mid import AlphaSignal, Brownian, Heston, ShortTermAlpha, StochasticVariance, Volatility
from jaxmm.markets.models import Glft

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models" / "environments.md"
DEPTH, STEPS, DT = 0.5, 100, 0.01
FILLS = (Power(), Tail(2.0, 2.0))  # half of all orders reach DEPTH
HAWKES = (Hawkes(), Excitation(5.0, 6.0, 4.0, 20.0))  # 10 a side and time unit
HESTON = (Heston(), StochasticVariance(1e-4, 1e-4, 3.0, 0.01, -0.5))
QUOTES = (Depths(), Span.of(0.0, 2.0))


POISSON = (Poisson(), Rate(10.0))


def market(*mids, arrivals=POISSON, quotes=QUOTES, **settings):
    return compose(mids=mids, arrivals=arrivals, fills=FILLS, quotes=quotes, dt=DT, steps=STEPS, **settings)


@pytest.mark.parametrize(
    ("mids", "arrivals", "lost"),
    [
        ([(Brownian(), Volatility(0.3))], POISSON, 0.0),
        ([HESTON], HAWKES, 0.0),
        ([HESTON, (AdverseSelection(), Informed(0.2))], HAWKES, 0.2),
        (
            [(Brownian(), Volatility(0.3)), (Impact(), FillImpact(0.2, 0.0, 1.0))],
            POISSON,
            0.2 * 0.95,
        ),  # fills on both sides cancel
    ],
)
def test_a_constant_quote_earns_its_depth_less_what_the_mid_moves_against_it(mids, arrivals, lost):
    env, params = market(*mids, arrivals=arrivals)
    paths = paths_of(env, params, lambda key, s, p: env.encode(jnp.full(2, DEPTH), p), paths=20_000, seed=1)
    fills = 2 * 10.0 * STEPS * DT * 0.5  # each a unit; what is held later drifts nowhere
    assert abs(paths.standard_errors_from(fills * (DEPTH - lost))) < 4


def test_signals_follow_the_clock_and_the_inventory_and_are_refused_as_a_table():
    env, params = market(HESTON, (ShortTermAlpha(), AlphaSignal(5.0, 1.0, 0.5, 0.5)), arrivals=HAWKES)
    observation, state = env.reset(jax.random.key(0), params)
    assert env.observation_space(params).shape == observation.shape == (6 + 1 + 1 + 2,)
    np.testing.assert_allclose(observation[6:], 0.0, atol=1e-6)
    for n in range(30):
        observation, state, *_ = env.step(jax.random.key(n), state, jnp.zeros(2), params)
    assert np.abs(observation[6:]).min() > 0
    with pytest.raises(InputError, match="not tables over step and inventory"):
        env.observe(jnp.int32(0), jnp.int32(0), params)


def test_components_share_one_draw_without_sharing_uniforms():
    env, params = market((Brownian(), Volatility(1.0)), (Brownian(), Volatility(1.0)))
    paths = paths_of(env, params, lambda key, s, p: jnp.full(2, jnp.nan), paths=20_000, seed=2)
    assert (paths.final.mid - 100).var() == pytest.approx(2.0, rel=0.04)  # 4 if both moved by one uniform


def always_the_second(key, state, params):
    return jnp.int32(1)


def test_the_same_seed_gives_the_same_market():
    env, params = market(HESTON, arrivals=HAWKES, quotes=(Pairs((0.1, 0.5)), ()))

    def run(seed: int) -> np.ndarray:
        return paths_of(env, params, always_the_second, paths=50, seed=seed).returned

    np.testing.assert_array_equal(run(3), run(3))
    assert (run(3) != run(4)).any()


def test_new_numbers_need_no_new_compilation():
    env, params = market((Brownian(), Volatility(0.3)))
    _, state = env.reset(jax.random.key(0), params)
    env.step(jax.random.key(0), state, jnp.zeros(2), params)
    compiled = type(env).step._cache_size()
    _, other = market((Brownian(), Volatility(3.0)), limit=4, phi=1.0)
    env.step(jax.random.key(0), state, jnp.zeros(2), other)
    assert type(env).step._cache_size() == compiled


def test_glft_in_steps_keeps_within_its_limit():
    env, params = environment_of(Glft(T=20.0, Q=2))
    assert float(params.dt * params.arrivals.rate) <= 0.1 + 1e-6
    paths = paths_of(env, params, lambda key, s, p: env.encode(jnp.zeros(2), p), paths=200, seed=5)
    assert set(np.abs(paths.final.inventory)) == {0, 1, 2}


def test_the_market_that_the_page_composes_runs_as_written():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["observation"].shape == (9,)


def test_lengths_that_make_no_market_are_refused():
    with pytest.raises(InputError, match="limit is 0; it must be above zero"):
        market(HESTON, limit=0)
