"""The dashboard and the alert rules name metrics that there are, and load in Prometheus where it is at hand."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from test_live_metrics import STATUS

from jaxmm.live.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "configs" / "monitoring"
PROMTOOL = shutil.which("promtool")


@pytest.fixture(scope="module")
def exported():
    metrics = Metrics("demo")
    metrics.watch(lambda: STATUS)
    return set(re.findall(r"# TYPE (\w+)", metrics.text().decode()))


def alerts():
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def panels():
    board = json.loads((MONITORING / "grafana.json").read_text())
    return {panel["title"]: " ".join(target["expr"] for target in panel["targets"]) for panel in board["panels"]}


def metrics_in(expression):
    return {name.removesuffix("_bucket") for name in re.findall(r"jaxmm_\w+", expression)}


def test_every_metric_of_a_rule_or_a_panel_is_exported(exported):
    for where, expression in (alerts() | panels()).items():
        assert metrics_in(expression) <= exported, where


def test_every_exported_metric_is_on_the_dashboard(exported):
    shown = set().union(*map(metrics_in, panels().values()))
    assert {name for name in exported if not name.endswith("_created")} <= shown


def test_the_runbook_says_what_to_do_about_every_alert():
    runbook = (ROOT / "docs" / "live.md").read_text()
    assert not [alert for alert in alerts() if f"### {alert}" not in runbook]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_rules_load_in_prometheus_and_fire_as_their_tests_say():
    for arguments in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")):
        done = subprocess.run([PROMTOOL, *arguments], cwd=MONITORING, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
