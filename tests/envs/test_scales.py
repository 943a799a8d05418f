"""What an action means in depths: every scale says both ends, and all between, and is read back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.two_quotes import Depths, Shares, Span

SPAN = Span.of(0.0, 3.0, k=1.5)
DEPTHS = jnp.array([[0.0, 3.0], [0.3, 2.7], [0.9, 1.8], [1.3, 1.31]])


@pytest.mark.parametrize("scale", [Depths(), Shares()], ids=lambda scale: type(scale).__name__)
def test_an_action_is_read_back(scale):
    actions = scale.encode(SPAN, DEPTHS)
    np.testing.assert_allclose(jax.vmap(lambda a: scale.decode(SPAN, a))(actions), DEPTHS, atol=2e-5)
    assert bool(jnp.all(jnp.abs(actions) <= 1 + 1e-6))
