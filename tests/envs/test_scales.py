"""What an action means in depths: every scale says both ends, and all between, and is read back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.two_quotes import Depths, Odds, Shares, Span

SPAN = Span.of(0.0, 3.0, k=1.5)
DEPTHS = jnp.array([[0.0, 3.0], [0.3, 2.7], [0.9, 1.8], [1.3, 1.31]])


@pytest.mark.parametrize("scale", [Depths(), Shares(), Odds()], ids=lambda scale: type(scale).__name__)
def test_an_action_is_read_back(scale):
    actions = scale.encode(SPAN, DEPTHS)
    np.testing.assert_allclose(jax.vmap(lambda a: scale.decode(SPAN, a))(actions), DEPTHS, atol=2e-5)
    assert bool(jnp.all(scale.space.contains(actions)))


def test_odds_bend_where_shares_are_cut():
    ends = Odds().decode(SPAN, jnp.array([5.0, -5.0]))
    np.testing.assert_allclose(ends, [0.0, 3.0], atol=1e-6)
    centre = float(Odds().decode(SPAN, jnp.zeros(2))[0])
    least = np.exp(-1.5 * 3.0)
    assert centre == pytest.approx(-np.log(least + 0.5 * (1 - least)) / 1.5, rel=1e-6)
    far = [float(d) for d in Odds().decode(SPAN, jnp.array([-2.0, -2.5]))]
    plain = [float(d) for d in Shares().decode(SPAN, jnp.array([0.9, 1.1]))]
    assert plain[1] == pytest.approx(3.0, abs=1e-6)
    assert 0 < far[1] - far[0] < 0.5
