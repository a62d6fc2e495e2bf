"""Classes and functions that are not part of Keras: named in the caller's process, imported in the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepsize.errors import ProblemError
from stepsize.user_modules import import_user_module, source_of

REGISTER = "@keras.saving.register_keras_serializable()"


def custom_objects(what: str, config: Any, function: Any = None) -> list[list[str]]:
    """Return module, name, registered name and source of what is not Keras' own in a Keras config.

    `what` is the thing that has the config, for messages; `function` is one that Keras has no record of. The
    source is a digest, so that edited code is another problem.

    Raises: ProblemError for those of a notebook or a script, for which Keras writes no module.
    """
    import keras

    custom = {}
    for part in mappings(config):
        name, registered = part.get("class_name"), part.get("registered_name")
        if name is None or "config" not in part:
            continue
        if name == "function":
            name = registered = part["config"]
        known = keras.saving.get_registered_object(registered) if registered else None
        if known is None and name == getattr(function, "__name__", None):
            known = function
        module = part.get("module") if known is None else known.__module__
        if name == "__lambda__" or module == "__main__" or (registered and module is None):
            held = "a lambda" if name == "__lambda__" else f"{name!r}, defined in the notebook or script"
            raise ProblemError(
                f"{what} holds {held}, which the training process cannot rebuild; move it to a module of "
                f"its own, decorated with {REGISTER}, and import it from there"
            )
        if isinstance(module, str) and module.split(".")[0] not in ("keras", "builtins"):
            entry = [module, name.split(">")[-1], registered or name, source_of(module)]
            custom[registered or name] = entry
    return list(custom.values())


def import_objects(custom: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Import what `custom_objects` named, for `keras.saving.custom_object_scope`."""
    objects = {}
    for module, name, registered, _ in custom:
        try:
            objects[registered] = objects[name] = getattr(import_user_module(module), name)
        except (ImportError, AttributeError):
            raise ProblemError(
                f"{name!r} of module {module!r} cannot be imported by the training process; move it to a "
                f"module beside your script, decorated with {REGISTER}"
            ) from None
    return objects


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all mappings inside nested plain data."""
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from mappings(item)
