"""Quoters made of quoters."""

from typing import NamedTuple

import numpy as np
import pytest
from views import view

from jaxmm.features.observation import OBSERVATION
from jaxmm.live.quoters import Bounded, CheckedPolicy, Ensemble, Unfit, Widened
from jaxmm.policy.actions import DiscreteActions
from jaxmm.policy.bundle import Policy
from jaxmm.policy.network import Choice, Dense, Network, Tanh
from jaxmm.policy.types import Quotes
from jaxmm.strategies.registry import strategy_from


class Says(NamedTuple):
    """Always the same."""

    bid: int
    bid_lots: int
    ask: int
    ask_lots: int
    flatten: bool = False

    def quote(self, view, xp):
        return Quotes(*(xp.int32(v) for v in self[:4]), xp.bool_(self.flatten))


def plain(quotes):
    return tuple(int(value) for value in quotes)


def policy(bias=(0.0, 0.0, 0.0)):
    d = len(OBSERVATION)
    ones, zeros = np.ones(d, np.float32), np.zeros(d, np.float32)
    output = Dense(np.zeros((d, 3), np.float32), np.asarray(bias, np.float32))
    network = Network(zeros, ones, np.float32(10), (), Tanh(), output, Choice())
    return Policy(network, DiscreteActions.grid([1], [1], [2]), np.int32(10), np.float32(10))


def test_a_checked_policy_quotes_what_the_policy_quotes():
    one = view(position=3, features=np.linspace(-1, 1, 14))
    assert plain(CheckedPolicy(policy()).quote(one, np)) == plain(policy().quote(one, np)) == (999, 2, 1005, 2, 0)


def test_a_checked_policy_refuses_an_observation_that_is_not_finite():
    features = np.zeros(14)
    features[3] = np.nan
    with pytest.raises(Unfit, match="observation"):
        CheckedPolicy(policy()).quote(view(features=features), np)


def test_a_checked_policy_refuses_an_output_that_is_not_finite():
    with pytest.raises(Unfit, match="output"):
        CheckedPolicy(policy(bias=(0.0, np.nan, 0.0))).quote(view(), np)


def test_wider_quotes_stand_further_from_the_mid_on_both_sides():
    assert plain(Widened(Says(999, 1, 1005, 2), 3).quote(view(), np)) == (996, 1, 1008, 2, 0)


def test_a_wider_ladder_stays_a_ladder():
    grid = strategy_from("glft_grid", {"levels": 3})
    wider = Widened(grid, 2)
    assert wider.orders == grid.orders
    assert (grid.quote(view(), np).bid_ticks - wider.quote(view(), np).bid_ticks == 2).all()


def test_bounds_move_prices_away_and_sizes_down_but_never_the_other_way():
    assert plain(Bounded(Says(1001, 5, 1003, 1), Says(999, 2, 1002, 4)).quote(view(), np)) == (999, 2, 1003, 1, 0)
    assert plain(Bounded(Says(1001, 5, 1003, 1), Says(999, 0, 1002, 4)).quote(view(), np))[1] == 0


def test_bounds_may_close_the_position_too():
    assert plain(Bounded(Says(1, 1, 2, 1), Says(1, 1, 2, 1, True)).quote(view(), np))[4] == 1


def test_an_ensemble_takes_the_middle_and_the_more_cautious_of_two():
    three = Ensemble((Says(990, 1, 1010, 1), Says(995, 2, 1007, 3), Says(999, 5, 1005, 9)))
    assert plain(three.quote(view(), np)) == (995, 2, 1007, 3, 0)
    two = Ensemble((Says(990, 1, 1010, 1), Says(999, 5, 1005, 9)))
    assert plain(two.quote(view(), np)) == (990, 1, 1010, 1, 0)


def test_an_ensemble_leaves_a_side_out_that_not_more_than_half_want():
    two = Ensemble((Says(990, 0, 1010, 1), Says(999, 5, 1005, 9)))
    assert plain(two.quote(view(), np))[1] == 0


def test_an_ensemble_closes_a_position_by_more_than_half():
    close, stay = Says(1, 1, 2, 1, True), Says(1, 1, 2, 1)
    assert plain(Ensemble((close, stay)).quote(view(), np))[4] == 0
    assert plain(Ensemble((close, stay, close)).quote(view(), np))[4] == 1
