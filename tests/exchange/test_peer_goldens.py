"""The event engine fills as hftbacktest does: its recorded answers, every decision of short markets made from seeds.

`scripts/peer_goldens.py` recorded them; `scripts/verify --only peers` asks the peer itself, on whole days.
"""

import jax
import numpy as np
import pytest

from tests.exchange.peer_cases import CASES, GOLDENS, LATENCY, digest
from tests.exchange.two_quotes import MODELS, Run, difference, our_run

SPOKEN = [model for model in MODELS if model == "risk_averse"]


@pytest.fixture(scope="module", params=list(CASES))
def market(request, tmp_path_factory):
    """(the case's name, the case, its tape), once it is sure that the peer was asked about this very market."""
    case = CASES[request.param]
    tape = case.tape(tmp_path_factory.mktemp("market"))
    with np.load(GOLDENS) as goldens:
        assert digest(tape) == goldens[f"{request.param}/digest"], "another market: run scripts/peer_goldens.py"
    return request.param, case, tape


def golden(name: str, model: str) -> Run:
    with np.load(GOLDENS) as goldens:
        return Run(*(goldens[f"{name}/{model}/{field}"] for field in Run._fields))


@pytest.mark.parametrize("model", SPOKEN)
def test_every_decision_knows_what_hftbacktest_knew(market, model):
    name, case, tape = market
    with jax.enable_x64(True):
        ours = our_run(tape, model, case.params, LATENCY)
    assert difference(ours, golden(name, model)) == ""
    assert ours.trades[-1] > 100


@pytest.mark.parametrize("model", MODELS)
def test_the_models_of_the_goldens_differ(model):
    others = [other for other in MODELS if other != model]
    for name in CASES:
        assert all(difference(golden(name, model), golden(name, other)) for other in others)


def test_a_difference_is_named_with_its_decision_and_both_values():
    theirs = golden("every 100 ms", "risk_averse")
    ours = theirs._replace(position=theirs.position.copy())
    ours.position[7:] += 5
    assert difference(ours, theirs).startswith(f"decision 7: position is {ours.position[7]}, the peer's")
