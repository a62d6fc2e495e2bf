"""A trained model as one file: what Keras or PyTorch saves, with `trained.json` added to the archive.

Both frameworks save zip archives and ignore the additional entry, so the file is also an ordinary `.keras`
file, or an ordinary state dict. The entry holds no code, and nothing in it is executed.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from stepsize.errors import OutputError, ProblemError, first_line, require, require_keras
from stepsize.output_files import MODEL, check_output, write_output
from stepsize.problems.keras_configs import tensorflow_left_out

ENTRY = "trained.json"
FORMAT = 1  # of the entry; a higher one was written by a later version
KERAS, TORCH = (".keras",), (".pt", ".pth")
FOLDER = "archive"  # in which PyTorch keeps all entries


def check_path(path: Path, is_torch: bool) -> None:
    """Raise OutputError unless a model can be saved to `path`."""
    endings = TORCH if is_torch else KERAS
    if path.suffix not in endings:
        raise OutputError(f"path={str(path)!r} must end in {' or '.join(endings)}")
    check_output("path", path, MODEL)


def write(path: Path, model: Any, is_torch: bool, facts: Mapping[str, Any]) -> None:
    """Save a model with the `facts` that `TrainedModel` needs; replace only a model that stepsize wrote."""
    check_path(path, is_torch)
    archive = io.BytesIO()
    if is_torch:
        import torch

        torch.save(model.state_dict(), archive)
    else:
        with tempfile.TemporaryDirectory() as folder, tensorflow_left_out():
            model.save(Path(folder) / "model.keras")
            archive.write((Path(folder) / "model.keras").read_bytes())
    content = {"format": FORMAT, "stepsize": metadata.version("stepsize"), **facts}
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as entries:
        entries.writestr(f"{FOLDER}/{ENTRY}" if is_torch else ENTRY, json.dumps(content))
    write_output("path", path, MODEL, archive.getvalue())


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a saved model.

    Raises: ProblemError for a file that does not exist, was not saved by stepsize, or by a later version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((each for each in (ENTRY, f"{FOLDER}/{ENTRY}") if each in archive.namelist()), None)
            facts = {} if name is None else json.loads(archive.read(name))
    except FileNotFoundError:
        raise ProblemError(f"path={str(path)!r} does not exist") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ProblemError(
            f"path={str(path)!r} cannot be read as a trained model: {first_line(error)}"
        ) from None
    if not facts:
        raise ProblemError(
            f"path={str(path)!r} was not saved by TrainedModel.save; load it with keras.saving.load_model or "
            "torch.load"
        )
    if facts["format"] > FORMAT:
        raise ProblemError(
            f"path={str(path)!r} was saved by stepsize {facts['stepsize']}, and this version cannot read it; "
            "update stepsize"
        )
    return facts


def read_keras(path: Path) -> Any:
    """Return the Keras model of a file; Keras' safe mode refuses what would execute code from the file."""
    require_keras()
    import keras

    try:
        return keras.saving.load_model(path, compile=False)
    except (TypeError, ValueError, ImportError, AttributeError) as error:
        raise ProblemError(
            f"path={str(path)!r}: Keras cannot load the model: {first_line(error)[:200]}; import the module "
            "that registers its classes first"
        ) from error


def read_torch(path: Path, model: Any, form: Any, seed: int) -> Any:
    """Return the PyTorch module of a file, in the module that `model` makes for a seed."""
    require("torch", "torch")
    from stepsize.problems.torch.factories import factory_of
    from stepsize.trained_model.torch_model import load

    if model is None:
        raise ProblemError(
            f"path={str(path)!r} holds the weights of a PyTorch module; pass the function or class that "
            "makes it, as in load_trained(path, model=make_model)"
        )
    return load(io.BytesIO(path.read_bytes()), factory_of(model), form, str(path), seed)
