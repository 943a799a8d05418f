"""`jaxmm sim-venue` as a process: says where it listens, serves, and ends when it is told to."""

import json
import signal
import subprocess
import urllib.request

import pytest

from tests.commands import BTCUSDT, JAXMM, ROOT, jaxmm, refusal


def test_the_process_serves_until_it_is_stopped():
    command = [
        str(JAXMM),
        "sim-venue",
        str(BTCUSDT),
        "--speed",
        "10",
        "--fault-seed",
        "1",
        "--balance",
        "USDT=5",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = json.loads(process.stdout.readline())
            with urllib.request.urlopen(told["state"], timeout=10) as answer:
                assert json.load(answer)["balances"] == {"USDT": "5"}
            with urllib.request.urlopen(f"{told['rest']}/fapi/v1/time", timeout=10) as answer:
                assert json.load(answer)["serverTime"] > 0
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--balance", "USDT"], "write such as USDT=100000"),
        (["--balance", "USDT=-1"], "write such as USDT=100000"),
        (["--fault-seed", "1", "--fault-kind", "gapp"], "did you mean 'gap'"),
        (["--speed", "0"], "speed is 0"),
        (["--fills", "risk"], "no queue model 'risk'"),
        (["--seconds", "-1"], "seconds"),
        (["--recording", "nothing.gz"], "nothing.gz"),
    ],
)
def test_a_wrong_setting_is_one_sentence(arguments, says):
    assert says in refusal(jaxmm("sim-venue", BTCUSDT, *arguments, cwd=ROOT))
