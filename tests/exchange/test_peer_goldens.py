"""The event engine fills as hftbacktest does: its recorded answers, every decision of short markets made from seeds.

`scripts/peer_goldens.py` recorded them; `scripts/verify --only peers` asks the peer itself, on whole days.
"""

import jax
import numpy as np
import pytest

from tests.exchange.peer_cases import CASES, GOLDENS, LATENCY, digest
from tests.exchange.two_quotes import MODELS, Run, difference, our_run

ASKED = [("every 100 ms", model) for model in MODELS]
ASKED += [("every 10 ms", model) for model in ("risk_averse", "power3(3)", "log")]  # a compilation each


@pytest.fixture(scope="module")
def markets(tmp_path_factory):
    """The tape of each case, once it is sure that the peer was asked about this very market."""
    tapes = {name: case.tape(tmp_path_factory.mktemp("market")) for name, case in CASES.items()}
    with np.load(GOLDENS) as goldens:
        for name, tape in tapes.items():
            assert digest(tape) == goldens[f"{name}/digest"], f"{name}: another market; run scripts/peer_goldens.py"
    return tapes


def golden(name: str, model: str) -> Run:
    with np.load(GOLDENS) as goldens:
        return Run(*(goldens[f"{name}/{model}/{field}"] for field in Run._fields))


@pytest.mark.parametrize(("name", "model"), ASKED)
def test_every_decision_knows_what_hftbacktest_knew(markets, name, model):
    with jax.enable_x64(True):
        ours = our_run(markets[name], model, CASES[name].params, LATENCY)
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
