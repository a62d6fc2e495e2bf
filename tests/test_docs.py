"""The generated pages: made again they come out the same, and every spec on them is true."""

from __future__ import annotations

import importlib
import inspect
import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from tests.support.exported_code import of_schedule

DOCS = Path(__file__).parents[1] / "docs"
UPDATES = 100


def script(name: str) -> ModuleType:
    """Load a script of the docs as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        return importlib.import_module(name)


libraries, gallery = script("make_libraries"), script("make_gallery")


def test_the_library_page_is_up_to_date() -> None:
    assert (DOCS / "libraries.md").read_text(encoding="utf-8") == libraries.page()


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert page == script("make_command_line").page(), "run: python docs/make_command_line.py"


def test_the_python_reference_has_every_public_name() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.M)) | set(
        re.findall(r"`ss\.(\w+)`", page)
    )
    assert not set(ss.__all__) - documented


def test_the_table_of_pytorch_layers_is_up_to_date() -> None:
    """All families are there, and the rows of those that are quick to export are right."""
    layers = script("make_torch_layers")
    _, _, written = layers.PAGE.read_text(encoding="utf-8").partition(layers.BEGIN)
    rows = dict(re.findall(r"^(?=\| (\w+) \|)(.*)$", written.partition(layers.END)[0], re.M))
    families = layers.families()
    assert rows.keys() == families.keys(), "run: python docs/make_torch_layers.py"
    for family in ("distance", "fold", "sparse"):
        assert rows[family] == layers.row(family, families[family]), "run: python docs/make_torch_layers.py"


def test_the_gallery_is_up_to_date_and_has_every_family() -> None:
    assert set(gallery.EXAMPLES) == set(gallery.OURS)
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == gallery.page()
    pictures = gallery.pictures()
    assert set(pictures) == set(gallery.IMAGES.iterdir())
    for path, drawn in pictures.items():
        assert path.read_text(encoding="utf-8") == drawn, path.name


@pytest.mark.parametrize("name", sorted(gallery.OURS))
def test_the_gallery_shows_a_family_by_its_own_example(name: str) -> None:
    assert f"{name}(" in gallery.EXAMPLES[name]


def assert_told_in_full(doc: str) -> None:
    """Check that a docstring has a formula and a source."""
    text = doc.partition(">>>")[0]
    formula, _, source = text.partition("Source: ")
    assert re.search(r" [*/+=-] |\^", formula), f"no formula in: {formula}"
    assert len(source) > 10, f"no source in: {text}"


@pytest.mark.parametrize("name", sorted(gallery.OURS))
def test_every_family_has_a_formula_and_a_source(name: str) -> None:
    assert_told_in_full(inspect.getdoc(gallery.OURS[name]) or "")


def test_a_family_without_them_is_found() -> None:
    assert_told_in_full("Fall: 1 - u.\n\nSource: a paper of 1951.")
    for doc in ("Fall.\n\nSource: a paper of 1951.", "Fall: 1 - u.", "Fall: 1 - u.\n\nSource: \n\n>>> 1"):
        with pytest.raises(AssertionError):
            assert_told_in_full(doc)


def ours(spec: str) -> np.ndarray:
    """The rates of a spec."""
    return ss.parse(spec).plan(updates=UPDATES, updates_per_epoch=10).values


@pytest.mark.parametrize("row", libraries.rows(), ids=lambda row: f"{row.library}-{row.call}")
def test_every_spec_of_the_library_page_plans_its_family(row: Any) -> None:
    assert f"{row.family}(" in row.spec
    assert np.ptp(ours(row.spec)) > 0 or "constant(" in row.spec


def an_optimizer() -> Any:
    torch = pytest.importorskip("torch")
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)


def stepped(module: str, call: str, numbered: bool = False) -> list[float]:
    """The rates that a PyTorch optimizer uses under a scheduler; timm's gets the number of the update."""
    optimizer = an_optimizer()
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR steps in a way that PyTorch itself calls deprecated
        scheduler = eval(call, {"optimizer": optimizer, "exp": math.exp, **vars(pytest.importorskip(module))})
        for t in range(UPDATES):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(*[t + 1] * numbered)
    return rates


def compiled(module: str, call: str) -> list[float]:
    """The rates of a schedule of Keras or optax, inside compiled code."""
    return of_schedule({"schedule": eval(call, dict(vars(pytest.importorskip(module))))}, UPDATES)


def called(module: str, call: str) -> list[float]:
    """The rates of a function of the share of the run."""
    schedule = eval(call, dict(vars(pytest.importorskip(module))))
    return [float(schedule(t / UPDATES)) for t in range(UPDATES)]


THEIRS: dict[str, Callable[[str], list[float]]] = {
    "Keras": lambda call: compiled("keras.optimizers.schedules", call),
    "PyTorch": lambda call: stepped("torch.optim.lr_scheduler", call),
    "optax": lambda call: compiled("optax", call),
    "transformers": lambda call: stepped("transformers.optimization", call),
    "timm": lambda call: stepped("timm.scheduler", call, numbered=True),
    "fastai": lambda call: called("fastai.callback.schedule", call),
}
CHECKED = [row for row in libraries.rows() if not row.unchecked]


def assert_same_rates(theirs: list[float], spec: str) -> None:
    """Check rates against a spec; Keras and optax count in single precision."""
    np.testing.assert_allclose(theirs, ours(spec), rtol=3e-6, atol=2e-9)


@pytest.mark.parametrize("row", CHECKED, ids=lambda row: f"{row.library}-{row.call}")
def test_both_sides_of_the_library_page_have_the_same_rates(row: Any) -> None:
    assert_same_rates(THEIRS[row.library](row.call), row.spec)


def test_the_check_above_can_fail() -> None:
    theirs = compiled("optax", "cosine_decay_schedule(0.1, 100)")
    assert_same_rates(theirs, "cosine(0.1)")
    with pytest.raises(AssertionError):
        assert_same_rates(theirs, "cosine(0.1, closed=True)")
    with pytest.raises(AssertionError):
        assert_same_rates([math.nan, *theirs[1:]], "cosine(0.1)")
