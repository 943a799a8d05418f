"""What the pages under docs/ show is there, and the study's page is made of the study's committed results."""

import json
import re
from pathlib import Path

import pytest

from jaxmm.evaluate.queue_pages import pages, put_into

DOCS = Path(__file__).resolve().parent.parent / "docs"
FILLS = (DOCS / "fills.md").read_text()
RESULTS = json.loads((DOCS / "queue_study.json").read_text())


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_picture_and_file_that_a_page_links_to_exists(page):
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_picture_of_the_fills_is_shown():
    drawn = {path.name for pattern in ("fill_*.png", "queue_*.png") for path in (DOCS / "images").glob(pattern)}
    assert drawn == set(re.findall(r"\(images/([^)]+)\)", FILLS))
    assert {f"fill_rule_{i}.png" for i in range(1, 8)} <= drawn


def test_the_page_holds_the_numbers_of_the_studys_results():
    parts = pages(RESULTS)
    assert put_into(FILLS, parts) == FILLS
    assert sorted(re.findall(r"<!-- study: (\w+) -->", FILLS)) == sorted(parts)


def test_the_algebra_of_the_page_runs_as_written():
    (code,) = re.findall(r"```python\n(.*?)```", FILLS, re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["filled"](names["z"], 10) == 4
