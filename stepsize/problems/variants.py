"""Variants of a problem: the same rows, splits and metric, with another model, length or scaling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any
from weakref import WeakKeyDictionary

from stepsize.checks import shown
from stepsize.errors import StudyError
from stepsize.problems import arguments
from stepsize.problems.built_in import BUILT_IN, usual_problem
from stepsize.problems.models.model_transport import is_text
from stepsize.problems.models.text_models import SIZES, changed_model
from stepsize.problems.optimizer_facts import optimizer_facts
from stepsize.problems.own_models import OwnModel, with_objects
from stepsize.problems.preprocessing import largest_pixel
from stepsize.problems.problem_facts import protocol_facts
from stepsize.problems.splitting.changes import SPLIT_KEYS
from stepsize.problems.torch.factories import is_torch_model
from stepsize.problems.weight_count import trained_weights

Made = list[tuple[Any, Any]]  # the variants of one key, each with the model that it was made with

OPTIONS = (*SIZES, "activation", "dropout", "initializer")  # of a text model
VARIED = ("model", "loss", "epochs", "prepare", *OPTIONS)  # settings of a candidate that make a variant

_made: WeakKeyDictionary[Any, dict[str, Made]] = WeakKeyDictionary()


def varied(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a candidate that change the problem, not the optimizer or the batches.

    >>> varied({"model": "logistic", "momentum": 0.8})
    {'model': 'logistic'}
    """
    return {name: settings[name] for name in VARIED if name in settings}


def variant_key(settings: Mapping[str, Any]) -> str:
    """Return a text that is equal for candidates that train the same variant; empty for the problem itself.

    >>> variant_key({"width": 16, "momentum": 0.8, "epochs": 5})
    'epochs=5, width=16'
    """
    return _key(varied(settings))


def facts_key(settings: Mapping[str, Any]) -> str:
    """Return a text that is equal for candidates with the same `variant_facts`.

    >>> facts_key({"optimizer": "adam", "momentum": 0.8, "epochs": 5})
    "epochs=5, optimizer='adam'"
    """
    named = {"optimizer": settings["optimizer"]} if "optimizer" in settings else {}
    return _key({**varied(settings), **named})


def settings_by_facts(every: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the settings of candidates by `facts_key`, each also without the optimizer that it names."""
    by_key: dict[str, Mapping[str, Any]] = {}
    for settings in every:
        unnamed = {name: value for name, value in settings.items() if name != "optimizer"}
        by_key |= {facts_key(each): each for each in (settings, unnamed)}
    return by_key


def _key(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(settings.items()))


def variant_of(problem: Any, settings: Mapping[str, Any]) -> Any:
    """Return a `Problem` as a candidate with `settings` trains it: itself unless they change it.

    The data stay as the problem prepares them, unless `prepare` is one of the settings. Each variant is made
    once.

    Raises: ProblemError or StudyError for settings that the problem cannot have.
    """
    changes = varied(settings)
    if not changes:
        return problem
    made = _made.setdefault(problem, {}).setdefault(variant_key(settings), [])
    model = with_objects(changes).get("model")
    known = next((variant for other, variant in made if other is model), None)
    if known is not None:
        return known
    variant = _variant(problem, changes)
    if made and made[0][1].digest != variant.digest:
        raise StudyError(
            f"model={changes['model']} is the name of two models that differ in their weights or their code; "
            "make one study for each"
        )
    variant = made[0][1] if made else variant
    made.append((model, variant))
    return variant


def variant_facts(problem: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a candidate with `settings` does not share with the problem, as JSON values.

    These are parts of its `protocol`, what is `scaled`, and for a model or a loss that the settings only name
    a `digest` of the variant. The optimizer is the one that the settings name, without their other arguments
    of it. The trained `weights` are there if they can be counted, always.

    >>> from stepsize.problems.problem import problem
    >>> variant_facts(problem("iris"), {"width": 8, "epochs": 40})
    {'weights': 67, 'epochs': 40, 'horizon': 280, 'model': 'mlp(8)'}
    """
    variant = variant_of(problem, settings)
    count = trained_weights(variant)
    size = {} if count is None else {"weights": count}
    optimizer = optimizer_facts(variant, _form(variant), settings)
    if variant is problem:
        return size | _differing(optimizer, optimizer_facts(problem, _form(problem)))
    usual, own = (protocol_facts(each, _form(each)) for each in (problem, variant))
    own |= optimizer
    if problem.torch_source is not None and "model" in settings:
        own["model"] = f"{settings['model']} (PyTorch)"
    elif isinstance(settings.get("model"), OwnModel):
        own["model"] = str(settings["model"])
    differing = size | _differing(own, usual)
    differing |= {} if problem.scaled == variant.scaled else {"scaled": variant.scaled}
    only_named = {"model", "loss"} & settings.keys() and not is_text(variant.model)
    return {**differing, "digest": variant.digest} if only_named else differing


def _differing(own: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in own.items() if value != usual[key]}


def check_settings(problem: Any, settings: Mapping[str, Any]) -> None:
    """Raise StudyError for settings that no candidate can have: what all share, and unusable values."""
    own = {"optimizer", "batch_size", *VARIED}
    shared = {each.name for each in fields(problem) if each.init} - own
    arguments.check_shared(settings, {*shared, *arguments.DATA_ARGUMENTS, *SPLIT_KEYS})
    variant = variant_of(problem, settings)
    settings = {name: value for name, value in settings.items() if name not in VARIED}
    if variant.torch_source is not None:
        variant.torch_source.check_settings(variant.settings or {}, settings)
    else:
        arguments.check_candidate_settings(settings)


def _form(problem: Any) -> Mapping[str, Any]:
    return {} if problem.torch_source is not None else problem.travel_form()


def _variant(problem: Any, changes: Mapping[str, Any]) -> Any:
    model = _changed_model(problem, changes)
    if "loss" in changes and problem.torch_source is None:
        raise StudyError(
            f"loss={shown(changes['loss'])} is for PyTorch models; the loss of a text model follows the kind "
            "of the data, and a Keras model is compiled with its own"
        )
    variant = replace(
        problem,
        model=model,
        loss=changes.get("loss", problem.loss),
        epochs=arguments.positive_whole("epochs", changes.get("epochs", problem.epochs)),
        prepare=_preparation(problem, changes),
        settings=_settings(problem, model),
    )
    return variant if problem.series is None else variant.in_series(problem.series)


def _changed_model(problem: Any, changes: Mapping[str, Any]) -> Any:
    """Return the model of a variant, with the options of a text model."""
    given, model = (each.get("model", problem.model) for each in (changes, with_objects(changes)))
    options = {name: changes[name] for name in OPTIONS if name in changes}
    for name in SIZES:
        if name in options:
            options[name] = arguments.positive_whole(name, options[name])
    text = is_text(model)
    if options and not text:
        name = next(iter(options))
        raise StudyError(
            f"{name}={shown(options[name])} needs a text model such as mlp(64); give the candidate a model "
            "of its own instead, model=..."
        )
    is_torch = problem.torch_source is not None
    if is_torch and (text or hasattr(model, "get_compile_config") or str(model).endswith(".keras")):
        raise StudyError(
            f"model={shown(given)} is not a PyTorch model, and the model of the problem is one; their losses "
            "and optimizers differ, so make one study for each"
        )
    if not is_torch and is_torch_model(model):
        raise StudyError(
            f"model={shown(given)} is a PyTorch model, and the model of the problem is not; their losses and "
            "optimizers differ, so make one study for each"
        )
    if text and not is_text(problem.model) and any(_is_whole(each) for each in problem.data.inputs.values()):
        raise StudyError(
            f"model={shown(given)} has no embeddings, and the model of the problem gets whole numbers; make "
            "one study for each"
        )
    return changed_model(model, options) if options else model


def _preparation(problem: Any, changes: Mapping[str, Any]) -> bool:
    """Return whether the data of a variant are filled and scaled."""
    data = problem.data
    prepare = changes.get("prepare", data.prepare)
    if not isinstance(prepare, bool):
        raise StudyError(f"prepare={shown(prepare)} must be True or False")
    if "prepare" in changes and (largest_pixel(data) or any(map(_is_whole, data.inputs.values()))):
        what = "pixels" if largest_pixel(data) else "whole numbers"
        raise StudyError(
            f"prepare={prepare} cannot differ between the candidates of a study of {what}, which are read in "
            "one way for all of them; make one study for each"
        )
    return prepare


def _is_whole(array: Any) -> bool:
    return array.dtype.kind in "iu"


def _settings(problem: Any, model: Any) -> Mapping[str, Any] | None:
    """Return the settings of the optimizer of a variant.

    A compiled model beside a text model keeps its own optimizer, unless the problem has another than usual; a
    text model beside a compiled one has the usual one.
    """
    if is_text(model) == is_text(problem.model):
        return problem.settings
    if is_text(model):
        return problem.settings or None
    usual = usual_problem(problem.name).get("settings") if problem.name in BUILT_IN else None
    return None if problem.settings in (dict(arguments.SGD), usual) else problem.settings
