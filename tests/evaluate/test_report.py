import re
from html.parser import HTMLParser

import numpy as np
import pytest

from jaxmm.evaluate.comparison import FillModels, Result, compare
from jaxmm.evaluate.curves import TrainingCurves
from jaxmm.evaluate.report import Provenance, Split, report_html, write_report
from jaxmm.evaluate.tables import decomposition_table, results_table, results_table_markdown, to_markdown

MODELS = FillModels("penetration:partial", "risk_averse", "touch")
PROVENANCE = Provenance(
    title="PPO & DQN <on> one day",
    data="day.gz, 1 s clock",
    config_hash="4be1c0",
    device="cpu, 2 cores",
    splits=(Split("train", 0, 60 * 10**9, 600), Split("validation", 70 * 10**9, 90 * 10**9, 200)),
    commands=("jaxmm train a.yaml --out runs/a", "jaxmm evaluate runs/a > 'x' && true"),
    versions=(("jax", "1.2.3"),),
    caveats=("The recorder's clock was mended by 1.27 s.",),
)
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Checks that tags close in order, and keeps headings, text and tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(contest) -> Page:
    curves = TrainingCurves("env_steps", np.arange(5.0), (("reward", np.ones((5, 2))),))
    return Page(report_html(contest, PROVENANCE, [("ppo", curves)]))


def test_the_page_is_well_formed_and_needs_nothing_beside_itself(page):
    assert page.open == []
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    links = [v for _, attrs in page.tags for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
    assert all(link.startswith("#") for link in links)
    assert "@import" not in page.text
    assert not re.search(r"url\((?!#)", page.text)


def test_the_page_says_what_was_run_and_how_to_run_it_again(page):
    for fact in (
        *("PPO & DQN <on> one day", "day.gz, 1 s clock", "4be1c0", "cpu, 2 cores", "jax 1.2.3"),
        *("1970-01-01 00:00:00 to 1970-01-01 00:01:00 UTC, 600 decisions", "10ms,10ms (to the venue, and back)"),
        *("jaxmm evaluate runs/a > 'x' && true", "mended by 1.27 s", "maker 0.0100%, taker 0.0400%"),
    ):
        assert fact in page.text


def test_every_verdict_is_on_the_page_and_the_calibrated_ones_stand_out(page, contest):
    for verdict in contest.verdicts:
        assert verdict.sentence in page.text
    classes = [attrs["class"] for _, attrs in page.tags if attrs.get("class", "").startswith("verdict ")]
    expected = [v for v in contest.verdicts if v.policy.fills_model == "risk_averse"]
    assert classes == [f"verdict {v.outcome.name.lower()}" for v in expected]
    assert "verdict loses" in classes


def test_every_quoter_and_fill_model_has_its_row_and_pictures(page, contest):
    lines = sum(tag == "tr" for tag, _ in page.tags)
    assert lines == 5 * (1 + len(contest.rows))
    assert sum(tag == "figure" for tag, _ in page.tags) == 3 + 1 + 1 + 2 * 2 + 1


def test_names_are_escaped(contest):
    text = report_html(contest, PROVENANCE)
    assert "<dqn>" not in text
    assert "<on>" not in text


def test_without_a_policy_there_is_no_verdict_and_a_short_span_is_called_rough(simulate):
    baselines = compare([Result(simulate(decisions=50))], MODELS)
    page = Page(report_html(baselines, PROVENANCE))
    assert "there is no verdict" in page.text
    assert "Only 49 bars of 1 s: every interval here is rough." in page.text


def test_the_report_is_written_whole_over_an_older_one(contest, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, contest, PROVENANCE)
    assert path.read_text().endswith("</html>\n")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_printed_terms_add_up_to_the_printed_pnl(contest):
    for row in decomposition_table(contest).rows:
        *terms, net = (float(cell.replace("−", "-").replace(",", "")) for cell in row[2:])
        assert sum(terms) == pytest.approx(net, abs=7 * 0.5 * 10 ** -len(row[-1].split(".")[1]))


def test_the_table_holds_every_seed_and_marks_the_best_baseline(contest):
    rows = results_table(contest).rows
    assert [len(row[3].split(", ")) for row in rows[:5]] == [1, 1, 1, 3, 2]
    for start in (0, 5, 10):
        verdicts = [row[5] for row in rows[start : start + 5]]
        assert verdicts[:3].count("best baseline") == 1
        assert set(verdicts[3:]) <= {"wins", "loses", "indistinguishable"}
    assert rows[0][0] == "pessimistic (penetration:partial)"


def test_markdown_tables_have_as_many_cells_in_every_line(contest):
    first, second, third = results_table_markdown(contest).strip().split("\n\n")
    for text in (first, second, third):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()}
        assert len(counts) == 1
    assert to_markdown(results_table(contest)) == first
    assert "ppo (3 seeds)" in first
