"""Parameter files: written by `jaxmm calibrate` on recordings, and read by whatever starts from a model's name."""

import numpy as np
import pytest
import yaml
from scipy import linalg

from jaxmm.calibrate.orders import untied_seconds
from jaxmm.errors import InputError
from jaxmm.markets.calibrated import flow_from_yaml, regimes_from_yaml
from jaxmm.markets.hawkes import Hawkes
from jaxmm.markets.models import CarteaJaimungalSteps, Glft, model_from_yaml, model_of
from tests.commands import ROOT, answer, importing, jaxmm, refusal

GEMINI = ("gemini__eth-usd__2021-07-01__market-depth.csv", "gemini__eth-usd__2021-07-01__trade.csv")


@pytest.fixture(scope="module")
def store(futures):
    """The store of one recording."""
    return futures("btcusdt")


@pytest.fixture(scope="module")
def calibrated(store, tmp_path_factory):
    """A function that calibrates a model on the recording once: (answer, file)."""
    done, folder = {}, tmp_path_factory.mktemp("parameters")

    def of(model: str, *flags: str):
        if (model, *flags) not in done:
            out = folder / f"{model}{len(done)}.yaml"
            done[model, *flags] = (
                answer(jaxmm("calibrate", store, "--model", model, "--out", out, *flags, "--json")),
                out,
            )
        return done[model, *flags]

    return of


def test_sigma_A_and_k_reach_the_models_under_their_own_names(calibrated):
    steps, file = calibrated("cj-dt")
    glft = calibrated("glft")[0]
    assert steps["settings"]["lam"] == glft["settings"]["A"]
    assert steps["settings"]["kappa"] == glft["settings"]["k"]
    assert steps["standard_errors"].keys() == {"lam", "kappa", "sigma"}
    assert isinstance(model_from_yaml(file), CarteaJaimungalSteps)
    model = model_of(str(file), {"Q": 5})
    assert (model.lam, model.Q, model.N) == (steps["settings"]["lam"], 5, steps["settings"]["N"])
    assert isinstance(model_from_yaml(calibrated("glft")[1]), Glft)


def test_a_real_market_is_of_the_size_that_one_expects(calibrated):
    found, _ = calibrated("cj-dt")
    settings, seconds = found["settings"], found["source"]["seconds"]
    assert seconds == pytest.approx(344.5, abs=1)
    assert 0.3 < settings["sigma"] * 0.1 / 60000 * (365 * 86400) ** 0.5 < 1.5  # of a year, on the day after a crash
    assert 1 < 2 * settings["lam"] < 5432 / seconds  # a line through ln λ gives the mid fewer than all orders
    assert settings["lam"] * settings["T"] / settings["N"] <= 0.2
    assert settings["alpha"] * settings["kappa"] * settings["Q"] == pytest.approx(1)


def test_a_file_says_where_its_numbers_are_from_and_in_which_units(calibrated, store):
    said, file = calibrated("cj-dt")
    kept = yaml.safe_load(file.read_text())
    assert kept["settings"] == said["settings"]
    assert kept["units"] == {
        "price": "ticks of 0.1 USDT",
        "time": "seconds",
        "inventory": "fills of one order",
        "size": "lots of 0.001",
    }
    assert kept["source"]["store"] == str(store)
    assert len(kept["source"]["sha256"]) == 64
    assert kept["source"]["from"].startswith("2024-08-08T23:54:1")
    assert kept["versions"].keys() == {"jaxmm", "numpy", "scipy", "numba"}


def test_what_is_given_is_kept_and_shapes_what_follows_from_it(calibrated):
    free, given = calibrated("cj-dt")[0], calibrated("cj-dt", "--set", "T=30", "--set", "sigma=50")[0]
    assert given["settings"]["T"] == 30
    assert given["settings"]["N"] == pytest.approx(free["settings"]["N"] / 2, abs=1)
    assert given["settings"]["sigma"] == 50
    assert "sigma" not in given["standard_errors"]
    assert given["chosen"]["T"] == given["chosen"]["sigma"] == "given"


def test_orders_excite_their_own_side_most_and_the_file_gives_the_process_back(calibrated):
    found, file = calibrated("hawkes")
    process = Hawkes.from_yaml(file)
    norms = process.kernel_norms
    assert norms[0, 0] > norms[0, 1]
    assert norms[1, 1] > norms[1, 0]
    assert 0.3 < process.branching_ratio < 0.7
    assert found["facts"]["branching_ratio"] == pytest.approx(process.branching_ratio)
    orders = found["facts"]["orders"]
    assert sum(process.rate) == pytest.approx(orders / found["source"]["seconds"], rel=0.02)
    assert found["facts"]["clock_step_s"] == 0.001


def test_queues_and_regimes_of_a_real_market(calibrated):
    queues = calibrated("queue-reactive", "--set", "levels=1", "--set", "sizes=11")[0]
    taken, came = np.array(queues["settings"]["market"][0], float), np.array(queues["settings"]["limit"][0], float)
    assert taken[1] > 1.2 * taken[8]  # a small queue is taken more often: it is about to go
    assert came[0] < came[1:].min()  # into the spread few come
    assert sum(queues["facts"]["seconds"][0]) == pytest.approx(2 * queues["source"]["seconds"], rel=0.01)
    flow = flow_from_yaml(calibrated("queue-reactive", "--set", "levels=1", "--set", "sizes=11")[1])
    assert flow.limit.shape == (1, 11)
    assert float(flow.market[0, 3]) == pytest.approx(taken[3], rel=1e-6)
    regimes, file = calibrated("regimes")
    low, high = regimes["settings"]["sigma"]
    assert 0 < 2 * low < high
    assert regimes["facts"]["log_likelihood"] > regimes["facts"]["log_likelihood_of_one_state"] + 10
    process, numbers = regimes_from_yaml(file)
    process.check(numbers, 0.1)
    generator = np.array(numbers.rates, float)
    np.fill_diagonal(generator, -generator.sum(axis=1))
    step_s, transition = regimes["settings"]["step_s"], regimes["settings"]["transition"]
    np.testing.assert_allclose(linalg.expm(generator * step_s), transition, atol=0.05)


def test_ties_are_moved_apart_within_the_clocks_step_and_never_past_it():
    ts = np.array([5, 5, 5, 6, 9]) * 1_000_000
    seconds, step = untied_seconds(ts, 5_000_000)
    assert step == 0.001
    assert (np.diff(seconds) > 0).all()
    np.testing.assert_array_equal(np.floor(seconds * 1000), [0, 0, 0, 1, 4])


def test_bad_requests_are_refused_in_one_sentence_and_leave_no_file(calibrated, store, tmp_path):
    out = tmp_path / "params.yaml"

    def refused(*arguments: object) -> str:
        said = refusal(jaxmm("calibrate", *arguments))
        assert not list(tmp_path.iterdir())
        return said

    assert "did you mean 'cj'" in refused(store, "--model", "cjj", "--out", out)
    assert "no file can be there" in refused(store, "--model", "cj", "--out", tmp_path / "none" / "x.yaml")
    assert "cj has no parameter 'lamb'" in refused(store, "--model", "cj", "--out", out, "--set", "lamb=3")
    assert "components is 3" in refused(store, "--model", "hawkes", "--out", out, "--set", "components=3")
    assert "must be a whole number" in refused(store, "--model", "regimes", "--out", out, "--set", "states=2.5")
    assert "states is 9" in refused(store, "--model", "regimes", "--out", out, "--set", "states=9")
    assert "sigma is -1" in refused(store, "--model", "glft", "--out", out, "--set", "sigma=-1")
    assert "no store here" in refused(tmp_path / "none", "--model", "cj", "--out", out)


def test_best_quotes_alone_show_no_queue_s_arrivals(shared_data, tmp_path):
    files = [shared_data / "gemini" / name for name in GEMINI]
    instrument = ROOT / "configs" / "instruments" / "gemini_ethusd.yaml"
    answer(jaxmm(*importing(tmp_path / "store", *files, instrument=instrument, format="gemini"), "--json"))
    said = refusal(jaxmm("calibrate", tmp_path / "store", "--model", "queue-reactive", "--out", tmp_path / "x.yaml"))
    assert "needs depth changes" in said


def test_files_that_are_no_parameters_are_refused(calibrated, tmp_path):
    cases = {
        "params of nobody": "model: [\n",
        "a model and its settings": "model: cj-dt\n",
        "holds parameters of 'magic'": "model: magic\nsettings: {}\n",
        "standard_errors is 3": "model: cj-dt\nsettings: {}\nstandard_errors: 3\n",
        "lam is 'much'; it must be a number": "model: cj-dt\nsettings: {lam: much}\n",
        "cj-dt: lam is -1; it must be zero or more": "model: cj-dt\nsettings: {lam: -1}\n",
    }
    cases["not YAML"] = cases.pop("params of nobody")
    for said, text in cases.items():
        path = tmp_path / "p.yaml"
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            model_from_yaml(path)
    with pytest.raises(InputError, match="holds parameters of 'hawkes'; what is read here is of "):
        model_from_yaml(calibrated("hawkes")[1])
    path.write_text("model: hawkes\nsettings: {mu: 1, alpha: 0}\n")
    with pytest.raises(InputError, match="beta missing"):
        Hawkes.from_yaml(path)
    path.write_text("model: regimes\nsettings: {sigma: [1, 2], transition: [[1, 0], [0.5, 0.4]], step_s: 1}\n")
    with pytest.raises(InputError, match="adding up to one"):
        regimes_from_yaml(path)
    with pytest.raises(InputError, match="of 'regimes'; what is read here is of queue-reactive"):
        flow_from_yaml(path)
    with pytest.raises(InputError, match="make one with `jaxmm calibrate`"):
        model_of(str(tmp_path / "nowhere.yaml"))
