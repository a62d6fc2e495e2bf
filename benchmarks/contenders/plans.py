"""10^6 rates of the schedules with the smallest leads in schedules.json, and of a cosine, timed again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the schedules' own benchmark is

from schedules import CASES, check, measure, times_faster

updates = int(sys.argv[1])
known = json.loads(Path(__file__).parents[1].joinpath("schedules.json").read_text())["cases"]
closest = [case["spec"] for case in sorted(known, key=times_faster)][:2]
leads = {}
for case in CASES:
    if case.spec in (*closest, "cosine(0.1, floor=0.001)"):
        check(case)
        leads[case.spec] = times_faster(measure(case, updates, 1))
print(json.dumps({"updates": updates, "leads": leads}))
