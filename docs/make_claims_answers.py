"""Run every experiment of claims.md, and keep what the page needs of each answer in claims.json."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from make_libraries import DOCS

import stepsize as ss
from stepsize.engine.client import Engine
from stepsize.stats.margins import practical_margin

FILE = DOCS / "claims.json"
DIGITS = 5  # that are kept of a number

SEEDS = 60
SMALL: Mapping[str, Mapping[str, Any]] = {"ionosphere": {}, "breast-cancer": {}, "diabetes": {}}
TABLES = {**SMALL, "digits": {"epochs": 5}}
COMPARISONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {  # problems by claim, with changes to them
    "claim-decay": TABLES,
    "claim-smaller-steps": TABLES,
    "claim-larger-momentum": TABLES,
    "claim-exponential": TABLES,
    "claim-accuracy": {"ionosphere": {}, "breast-cancer": {}, "wine": {}},
    "claim-plateau": SMALL,
    "claim-rare-features": {"claim-rare-features": {}},
    "claim-summed-loss": SMALL,
}
SAME = {"model": "mlp(32)", "epochs": 30, "batch_size": 32}  # for the maps of different data
OPTIMIZER = {"name": "sgd", "momentum": 0.9}
MAPS = ("ionosphere", "breast-cancer", "diabetes", "digits", "iris", "wine")
LAWS: Mapping[str, Mapping[str, Any]] = {
    "width": {"along": {"width": [4, 16, 64, 256]}},
    "depth": {"along": {"depth": [1, 2, 3, 4]}},
    "epochs": {"along": {"epochs": [5, 15, 50, 150]}},
    "mean": {"along": {"batch_size": [8, 16, 32, 64, 128]}, "hold": "updates"},
    "sum": {
        "along": {"batch_size": [8, 16, 32, 64, 128]},
        "hold": "updates",
        "settings": {"loss_reduction": "sum"},
    },
}
LAW_OF = "ionosphere"


def run() -> dict[str, Any]:
    """Make all runs, and return the document."""
    with Engine() as engine:
        comparisons = [
            _comparison(claim, data, changes, engine)
            for claim, problems in COMPARISONS.items()
            for data, changes in problems.items()
        ]
        maps = [_map(data, engine) for data in MAPS]
        laws = {name: _law(keys, engine) for name, keys in LAWS.items()}
    return {
        "date": datetime.date.today().isoformat(),
        "versions": comparisons[0].pop("versions"),
        "comparisons": [{k: v for k, v in each.items() if k != "versions"} for each in comparisons],
        "maps": maps,
        "laws": laws,
    }


def read() -> dict[str, Any]:
    """Return the stored document."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def write(document: Mapping[str, Any]) -> None:
    """Write the document, one answer a line."""
    FILE.write_text("{\n" + ",\n".join(_lines(document)) + "\n}\n", encoding="utf-8")


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, list):
            items = ",\n".join(json.dumps(_short(item)) for item in value)
            yield f"{json.dumps(key)}: [\n{items}\n]"
        elif key == "laws":
            items = ",\n".join(
                f"{json.dumps(name)}: {json.dumps(_short(item))}" for name, item in value.items()
            )
            yield f"{json.dumps(key)}: {{\n{items}\n}}"
        else:
            yield f"{json.dumps(key)}: {json.dumps(value)}"


def _short(value: Any) -> Any:
    """Return JSON values with their numbers cut to a few digits."""
    if isinstance(value, Mapping):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _comparison(claim: str, data: str, changes: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    is_its_own = data in ("ionosphere", claim)  # the problem that the claim's own study has
    problem, schedules = (claim, None) if is_its_own else (data, [claim])
    seeds = {} if is_its_own else {"seeds": SEEDS}
    answer = ss.compare(
        problem, schedules, **seeds, **changes, store=":memory:", quiet=True, engine=engine
    ).answer
    options = " ".join(f"--{key} {value}" for key, value in {**changes, **seeds}.items())
    rows = []
    for each in answer["candidates"]:
        versus = each["vs_baseline"]
        rows.append(
            {
                "name": each["name"],
                "lr": each["lr"],
                "lr_range": each["lr_range"],
                "mean": each["mean"],
                "ci95": each["ci95"],
                "diverged": each["diverged"],
                "difference": None if versus is None else versus["mean"],
                "difference_ci95": None if versus is None else versus["ci95"],
                "word": "baseline" if versus is None else versus["verdict"],
            }
        )
    protocol = answer["study"]["protocol"]
    return {
        "claim": claim,
        "data": answer["data"]["name"],
        "command": f"stepsize compare {claim}"
        if is_its_own
        else f"stepsize compare {data} -s {claim} {options}",
        "seeds": len(answer["study"]["seeds"]),
        "tuning_seeds": len((protocol["tuning"] or {"seeds": ()})["seeds"]),
        "metric": protocol["metric"],
        "epochs": protocol["epochs"],
        "margin": protocol["margin"],
        "candidates": rows,
        "versions": answer["study"]["versions"],
    }


def _map(data: str, engine: Engine) -> dict[str, Any]:
    answer = ss.find(data, **SAME, optimizer=OPTIMIZER, store=":memory:", quiet=True, engine=engine).answer
    best = answer["best"]
    return {
        "data": data,
        "command": f'stepsize find {data} --model "mlp(32)" --epochs 30 --batch-size 32 --optimizer '
        '"sgd(momentum=0.9)"',
        "seeds": len(answer["study"]["seeds"]),
        "status": answer["status"],
        "rate": None if best is None else best["rate"],
        "range": None if best is None else best["range"],
        "margin": practical_margin(answer["data"]["sample_value"]),
    }


def _law(keys: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    answer = ss.scale(LAW_OF, **keys, store=":memory:", quiet=True, engine=engine).answer
    (name, values), hold = next(iter(keys["along"].items())), keys.get("hold", "epochs")
    parts = [f"stepsize scale {LAW_OF} --along {name}={','.join(map(str, values))}"]
    parts += [f"--hold {hold}"] * (hold != "epochs")
    parts += [f"--with {key}={value}" for key, value in keys.get("settings", {}).items()]
    kept = ("along", "hold", "seeds", "law", "sentence")
    return {
        "command": " ".join(parts),
        **{key: answer[key] for key in kept},
        "values": [
            {key: each[key] for key in ("value", "status", "rate", "range")} for each in answer["values"]
        ],
    }


if __name__ == "__main__":
    write(run())
