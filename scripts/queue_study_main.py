"""The queue study's entry: reads the day, runs the study, writes its JSON, pictures and tables, or checks them."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from jaxmm.data.bitstamp import read_log
from jaxmm.data.fifo import clean
from jaxmm.data.fifo_check import check_orders
from jaxmm.errors import InputError
from jaxmm.evaluate.drawing import save_png
from jaxmm.evaluate.queue_pages import Results, pages, pictures, put_into
from jaxmm.evaluate.queue_study import Settings, study

DATA = Path("../shared/data/bitstamp_l3/2015-05-01.log.bz2")
RESULTS, PAGE = "queue_study.json", "fills.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="order-by-order log of a day")
    parser.add_argument("--out", type=Path, default=Path("docs"), help=f"folder with {PAGE} and images/")
    parser.add_argument("--check", action="store_true", help=f"write nothing; fail unless {RESULTS} says the same")
    asked = parser.parse_args()
    try:
        log = read_log(asked.data)
        events = clean(log)
        print(check_orders(log, events).text())
        results = study(log, events, Settings())
    except InputError as error:
        sys.exit(str(error))
    if asked.check:
        check(asked.out, results)
    else:
        write(asked.out, results)


def write(folder: Path, results: Results) -> None:
    results = {"made": datetime.now(UTC).date().isoformat(), **results}
    (folder / RESULTS).write_text(text_of(results))
    for name, figure in pictures(results).items():
        save_png(figure, folder / "images" / name)
    parts = pages(results)
    page = folder / PAGE
    page.write_text(put_into(page.read_text(), parts))


def text_of(results: Results) -> str:
    """JSON with a line for every part and for every score, so that a change is seen where it is."""
    scores = ",\n".join(json.dumps(row) for row in results["scores"])
    parts = [f"{json.dumps(name)}: {json.dumps(part)}" for name, part in results.items() if name != "scores"]
    return "{\n" + ",\n".join([*parts, f'"scores": [\n{scores}\n]']) + "\n}\n"


def check(folder: Path, results: Results) -> None:
    known = json.loads((folder / RESULTS).read_text())
    del known["made"]
    if json.loads(json.dumps(results)) != known:
        sys.exit(f"{folder / RESULTS}: the study gives other results now; run ./scripts/queue_study and read them")
    print(f"{folder / RESULTS}: the study gives the same results")


if __name__ == "__main__":
    main()
