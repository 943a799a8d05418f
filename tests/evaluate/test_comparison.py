import dataclasses
import json
import math
import re

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.evaluate.comparison import FillModels, Outcome, Result, Verdict, compare, in_words
from jaxmm.evaluate.statistics import Interval

MODELS = FillModels("penetration:partial", "risk_averse", "touch")


def test_rows_stand_by_fill_model_and_then_as_they_came(contest):
    quoters = ["fixed_spread", "glft", "too_wide", "ppo", "<dqn>"]
    assert [(row.fills_model, row.quoter) for row in contest.rows] == [(m, q) for m in MODELS for q in quoters]
    assert contest.rows[3].bars.shape == (3, contest.rows[0].bars.shape[1])


def test_each_policy_meets_the_baseline_with_the_highest_pnl_of_its_fill_model(contest):
    for verdict in contest.verdicts:
        rivals = [row for row in contest.of(verdict.policy.fills_model) if not row.learned]
        assert verdict.baseline.pnl.estimate == max(row.pnl.estimate for row in rivals)
        assert verdict.difference.estimate == pytest.approx(
            verdict.policy.pnl.estimate - verdict.baseline.pnl.estimate, rel=1e-9, abs=1e-12
        )
    assert len(contest.verdicts) == 6


def test_the_pnl_of_a_row_is_the_mean_of_its_seeds_exact_totals(contest):
    row = contest.rows[3]
    assert row.pnl.estimate == pytest.approx(np.mean([m.pnl.net for m in row.metrics]), rel=1e-9)
    assert row.pnl_over_seeds.minimum == min(m.pnl.net for m in row.metrics)


def test_the_quoter_that_trades_at_the_mid_is_said_to_lose(contest):
    losers = [v for v in contest.verdicts if v.policy.quoter == "<dqn>"]
    assert {v.outcome for v in losers} == {Outcome.LOSES}
    assert losers[1].sentence.startswith("<dqn> loses against the best baseline, ")
    assert ". By itself it loses money: −" in losers[1].sentence


@pytest.mark.parametrize(
    ("difference", "own", "words"),
    [
        ((0.5, 1.0, 1.5), (-2.0, -1.5, -1.0), "wins against the best baseline.*By itself it loses money"),
        ((-1.5, -1.0, -0.5), (1.0, 2.0, 3.0), "loses against the best baseline.*By itself it makes money"),
        ((-0.5, 0.1, 0.5), (-1.0, 0.1, 1.0), "is indistinguishable from the best .* neither makes nor loses"),
        ((math.nan, 9.0, math.nan), (math.nan, 9.0, math.nan), "is indistinguishable from .*too few bars"),
    ],
)
def test_the_sentence_says_what_the_intervals_say(contest, difference, own, words):
    policy = dataclasses.replace(contest.verdicts[0].policy, pnl=Interval(*own))
    verdict = Verdict(policy, contest.verdicts[0].baseline, Interval(*difference))
    assert re.search(words, verdict.sentence)


def test_numbers_in_words_have_the_digits_their_interval_deserves():
    assert in_words(Interval(-1234.5, 100.25, 1300.0)) == "+100 [−1,234, +1,300]"
    assert in_words(Interval(-0.0123, 0.0011, 0.02)) == "+0.0011 [−0.0123, +0.0200]"
    assert in_words(Interval(0.0, 0.0, 0.0)) == "+0.00 [+0.00, +0.00]"


def test_the_machine_form_is_plain_json(contest, simulate):
    values = json.loads(json.dumps(contest.to_dict(), allow_nan=False))
    assert values["verdicts"][0]["outcome"] in ("wins", "loses", "indistinguishable")
    assert values["rows"][3]["seeds"] == [10, 11, 12]
    few = compare([Result(simulate(decisions=4))], MODELS).to_dict()
    assert json.loads(json.dumps(few, allow_nan=False))["rows"][0]["net_pnl"]["low"] is None


def test_what_cannot_be_compared_is_refused_with_a_sentence(simulate):
    one = Result(simulate(decisions=20))
    with pytest.raises(InputError, match="no backtest was given"):
        compare([], MODELS)
    with pytest.raises(InputError, match="seed None is there twice"):
        compare([one, one], MODELS)
    with pytest.raises(InputError, match="compare quoters on one tape"):
        compare([one, Result(simulate(decisions=21, quoter="other"))], MODELS)
    with pytest.raises(InputError, match="did you mean 'touch'"):
        compare([Result(simulate(decisions=20, fills_model="tuch"))], MODELS)
