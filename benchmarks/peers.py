"""The table of the numbers to reach: this package beside its peers, on this machine, in turn.

    python benchmarks/peers.py                               # about ten minutes on two cores
    python benchmarks/peers.py --quick --output look   # a look at whether everything runs

Prints the table and writes it to PATH.md, with every measurement in PATH.json.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from machine import machine, versions
from measure import QUICK, Amounts, measure
from table import markdown

HERE = Path(__file__).parent
FASHION = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="how often each contender is timed (3)")
    parser.add_argument("--quick", action="store_true", help="few runs, one round, no large study")
    parser.add_argument(
        "--fashion", type=Path, default=FASHION, metavar="FOLDER",
        help="where the four IDX files of Fashion-MNIST are (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, default=HERE / "peers", metavar="PATH")
    options = parser.parse_args()
    amounts = QUICK if options.quick else Amounts()
    if options.rounds:
        amounts = amounts._replace(rounds=options.rounds)
    results = {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "versions": versions(),
        "rounds": amounts.rounds,
        "quick": options.quick,
        "measured": measure(amounts, options.fashion),
    }
    page = markdown(results)
    print(page)
    options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    options.output.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
