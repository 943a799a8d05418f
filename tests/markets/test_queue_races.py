"""The market's first move from queues of given sizes, played in the matching engine and solved exactly."""

import jax
import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.queue_flow import poisson
from jaxmm.markets.queue_races import balanced_flow, races
from jaxmm.solve.queue_race import QueueRace, balanced_up, queue_sizes

PUBLISHED = {(1, 1): 0.5, (1, 2): 0.30235, (2, 3): 0.37671, (3, 1): 0.79061, (5, 1): 0.87287}
ARRIVALS, CANCELS, TAKEN = 1.85, 0.71, 0.94  # Cont, Stoikov & Talreja's level 1


def test_the_closed_form_gives_the_published_numbers():
    for (n, p), published in PUBLISHED.items():
        assert round(balanced_up(n, p), 5) == published


def test_the_linear_system_gives_the_closed_form():
    up = QueueRace((1.0,), (1.0,)).up(60)
    for n, p in PUBLISHED:
        np.testing.assert_allclose(up[n - 1, p - 1], balanced_up(n, p), atol=1e-9)


def test_a_race_that_cannot_end_is_refused():
    with pytest.raises(InputError, match="go is zero"):
        QueueRace((1.0,), (0.0, 1.0, 0.0))
    with pytest.raises(InputError, match="must hold one"):
        balanced_up(0, 1)
    with pytest.raises(InputError, match="must hold 1 to"):
        races(balanced_flow(), [(0, 1)], 10, jax.random.key(0))


def test_balanced_races_in_the_engine_end_as_often_upward_as_solved():
    queues = [(1, 2), (2, 3), (3, 1)]
    played_all = races(balanced_flow(), queues, 20_000, jax.random.key(0), largest=32)
    for (n, p), played in zip(queues, played_all, strict=True):
        assert played.runs == 20_000
        assert played.unfinished < 20_000 * 2 * n * p / 512, "of a balanced race about 1.27·n·p/events go on"
        margin = 4 * played.standard_error + played.unfinished / 2 / played.runs
        assert abs(played.probability - balanced_up(n, p)) < margin


def test_races_whose_lots_leave_each_at_its_own_rate_do_too():
    flow = poisson((ARRIVALS,), (CANCELS,), TAKEN, largest=40)
    [played] = races(flow, [(1, 3)], 20_000, jax.random.key(5), largest=16)
    lots = np.arange(41)
    exact = QueueRace((ARRIVALS,), tuple(TAKEN + CANCELS * lots)).up(40)[0, 2]
    assert played.unfinished < 5
    assert abs(played.probability - exact) < 4 * played.standard_error


def test_queue_sizes_of_equal_rates_are_geometric():
    sizes = queue_sizes(np.full(20, 1.0), np.full(20, 2.0))
    np.testing.assert_allclose(sizes[1:] / sizes[:-1], 0.5)
