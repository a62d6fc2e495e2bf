"""The optimizer and the settings with which a candidate's runs train: what every statement about them reads.

They follow from the protocol of a candidate, which is that of the study with what the candidate has in place
of its fields, and from the settings of the candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepsize.problems.usual_settings import BETAS, usual_of_keras, usual_of_torch, usual_settings
from stepsize.schedules import constant, parse
from stepsize.study.study import Study
from stepsize.units import is_knob_name

AS_COMPILED = "as compiled"
UNKNOWN_OPTIMIZERS = (AS_COMPILED, "chosen by the function")


def trained_settings(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with which runs train: the name of the `optimizer`, its arguments, and their own.

    A compiled optimizer counts where no other one is named, in the study or by the candidate.

    >>> compiled = {"name": "SGD", "momentum": 0.9}
    >>> protocol = {"optimizer": {"name": "as compiled"}, "compiled_optimizer": compiled}
    >>> trained_settings(protocol, {"batch_size": 16})
    {'optimizer': 'SGD', 'momentum': 0.9, 'batch_size': 16}
    >>> trained_settings(protocol, {"optimizer": "adam"})
    {'optimizer': 'adam'}
    """
    optimizer, named = dict(protocol["optimizer"] or {}), settings.get("optimizer")
    compiled = protocol.get("compiled_optimizer")
    name = optimizer.pop("name", None)
    if compiled is not None and named is None and name in UNKNOWN_OPTIMIZERS:
        name, optimizer = compiled["name"], {**compiled, **optimizer}
        del optimizer["name"]
    usual = {} if name is None else {"optimizer": name, **optimizer}
    trained = {**usual_settings(usual, settings), **settings}
    if named is not None and str(named).lower() == str(name).lower():
        trained["optimizer"] = name  # as its library spells it
    return trained


def trained_undecayed(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is excluded from weight decay: what the compiled optimizer excludes, where it trains."""
    name = (protocol["optimizer"] or {}).get("name")
    is_compiled = settings.get("optimizer") is None and name in UNKNOWN_OPTIMIZERS
    return protocol.get("undecayed") if is_compiled else None


def usual_values(protocol: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the optimizer of `trained` has where no others are given, as far as known.

    What every group of parameters has of its own is no value of the optimizer.
    """
    usual = usual_of_torch if is_torch(protocol) else usual_of_keras
    name = str(trained.get("optimizer"))
    if name in UNKNOWN_OPTIMIZERS:
        return {}
    groups = protocol.get("optimizer_groups") or [{"settings": {}}]
    in_groups = set.intersection(*({*each["settings"]} for each in groups))
    return {key: value for key, value in usual(name).items() if key not in in_groups}


def with_momentum(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an optimizer with `momentum` for what Adam and its relatives have instead.

    That is `beta_1`, or the first of PyTorch's `betas`. A momentum that follows a schedule replaces it.

    >>> with_momentum({"optimizer": "adam", "beta_1": 0.8})
    {'momentum': 0.8, 'optimizer': 'adam'}
    >>> with_momentum({"betas": [0.8, 0.99], "momentum": "linear(0.9)"})
    {'momentum': 'linear(0.9)', 'betas[1]': 0.99}
    """
    rest = {name: value for name, value in settings.items() if name not in ("beta_1", "betas")}
    match settings:
        case {"beta_1": first}:
            return {"momentum": first, **rest}
        case {"betas": [first, second]}:
            return {"momentum": first, "betas[1]": second, **rest}
    return dict(settings)


def with_steady_momentum(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with a number for a momentum that follows a constant schedule.

    Where it replaces a momentum of a group of parameters, the schedule is more than its number.

    >>> with_steady_momentum({}, {"momentum": "constant(0.9)"})
    {'momentum': 0.9}
    """
    momentum = settings.get("momentum")
    if not isinstance(momentum, str) or is_knob_name(momentum):
        return dict(settings)
    schedule, is_of_all = parse(momentum), trained_groups(protocol, settings) == trained_groups(protocol, {})
    if isinstance(schedule, constant) and is_of_all:
        return {**settings, "momentum": schedule.value}
    return dict(settings)


def is_torch(protocol: Mapping[str, Any]) -> bool:
    """Return whether the model of a study is PyTorch's."""
    return str(protocol["model"]).endswith(" (PyTorch)")


def trained_groups(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups of parameters of a PyTorch optimizer, none if all are trained alike.

    A momentum that follows a schedule is that of every group, also of those with `betas` of their own.
    """
    groups = protocol.get("optimizer_groups") or []
    if not groups or not isinstance(settings.get("momentum"), str):
        return list(groups)
    first, second = trained_settings(protocol, settings).get("betas", BETAS)
    trained = []
    for each in groups:
        own = {name: value for name, value in each["settings"].items() if name != "momentum"}
        if "betas" in own and own["betas"][1] == second:
            del own["betas"]
        elif "betas" in own:
            own["betas"] = [first, own["betas"][1]]
        trained.append({**each, "settings": own})
    return trained


def other_optimizer_notes(study: Study) -> list[str]:
    """Return a note for each optimizer of a candidate that leaves settings of the problem's behind."""
    left: dict[tuple[str, str], dict[str, None]] = {}  # by the optimizer of the candidate, and the problem's
    for candidate in study.candidates:
        settings = candidate.settings
        if settings.get("optimizer") is not None:
            unnamed = {name: value for name, value in settings.items() if name != "optimizer"}
            usual, own = study.protocol_of(unnamed), study.protocol_of(settings)
            pair = str(settings["optimizer"]), str((usual.get("optimizer") or {}).get("name"))
            left.setdefault(pair, {}).update(dict.fromkeys(_left_behind(usual, own, settings)))
    return [note for pair, every in left.items() for note in _notes(*pair, list(every))]


def _left_behind(
    usual: Mapping[str, Any], own: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what runs with `settings` do not have of the protocol that is theirs without an optimizer."""
    trained, left = trained_settings(own, settings), set()
    for name, value in (usual.get("optimizer") or {}).items():
        if name not in ("name", *settings) and (name not in trained or trained[name] != value):
            left.add(name)
            yield f"{name}={value}"
    kept = {tuple(each["parameters"]): each["settings"] for each in own.get("optimizer_groups") or []}
    for group in usual.get("optimizer_groups") or []:
        for name, value in group["settings"].items():
            if name not in (*left, *kept.get(tuple(group["parameters"]), {})):
                yield f"{name}={value} (in a group of parameters)"


def _notes(other: str, own: str, left: Sequence[str]) -> Iterator[str]:
    if own == AS_COMPILED:
        yield f"With optimizer={other}, nothing of the compiled optimizer is used."
    if left:
        listed = " and ".join(filter(None, (", ".join(left[:-1]), left[-1])))
        whose = "the settings of the study" if own == AS_COMPILED else own
        yield f"With optimizer={other}, {listed} of {whose} {'is' if len(left) == 1 else 'are'} not used."
