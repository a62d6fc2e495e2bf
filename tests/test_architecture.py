"""docs/architecture.md: its files exist, and its layers and private parts are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_imports import ALLOWED

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "stepsize"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PUBLIC = {"_asdict", "_exit", "_fields", "_getframe", "_replace"}  # documented, underscore or not


def named_files(text: str) -> Iterator[Path]:
    """Return every file or folder of the package and the tests that a text names in code."""
    for name in re.findall(r"`([\w./-]+(?:\.py|/))(?:::\w+)?`", text):
        yield ROOT / name if name.startswith("tests/") else PACKAGE / name


def private_uses(source: str) -> set[str]:
    """Return the private attributes of other objects that a module uses, by name or in a string."""
    tree = ast.parse(source)
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {node.target.id for node in ast.walk(tree) if is_field(node)}  # pyright: ignore
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node, names):
            used.add(node.attr)
        elif isinstance(node, ast.Subscript) and not ast.unparse(node.value).endswith("__dict__"):
            used |= strings(node.slice)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            used |= strings(node.args[1])
        elif isinstance(node, ast.Dict):
            used |= {text for key in node.keys for text in strings(key) if text.startswith("_get_")}
        elif isinstance(node, ast.Compare):
            used |= {text for side in node.comparators for text in strings(side) if "_lambda" in text}
    return used - PUBLIC


def is_private(name: str) -> bool:
    return re.fullmatch(r"_[a-z]\w+", name) is not None


def is_field(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)


def is_own(node: ast.Attribute, names: set[str]) -> bool:
    return ast.unparse(node.value) in ("self", "cls") or node.attr in names


def strings(node: ast.AST | None) -> set[str]:
    """Return the private name that a node spells out, if it is one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_private(node.value):
        return {node.value}
    return set()


def test_every_file_on_the_page_exists() -> None:
    missing = [str(path) for path in named_files(PAGE) if not path.exists()]
    assert not missing


def test_the_layers_on_the_page_are_those_of_the_import_rule() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| [^`|]*(?:`[^`|]*`[^`|]*)*\|$", PAGE, re.M)
    table = {part: set(re.findall(r"`(\w+)`", others)) for part, others in rows if part in ALLOWED}
    assert table == ALLOWED


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_private_parts_of_other_libraries_are_on_the_page(path: Path) -> None:
    listed = set(re.findall(r"\b_[a-z]\w+", PAGE))
    assert private_uses(path.read_text(encoding="utf-8")) <= listed


def test_the_check_above_can_fail() -> None:
    assert private_uses("optimizer._secret") == {"_secret"}
    assert private_uses('getattr(optimizer, "_secret", 0), numbers["_hidden"]') == {"_secret", "_hidden"}
    assert private_uses("self._mine, value._replace(a=1)") == set()
    assert [path.name for path in named_files("`engine/absent.py`")] == ["absent.py"]


def test_xla_knows_our_compile_options() -> None:
    import jax

    from stepsize.engine.population import OPTIONS, OWN_CORE

    lowered = jax.jit(lambda x: x + 1).lower(np.float32(1))
    assert lowered.compile(OPTIONS | OWN_CORE)(np.float32(1)) == 2
    with pytest.raises(jax.errors.JaxRuntimeError, match="No such compile option"):
        lowered.compile({"xla_no_such_option": True})


def weighted() -> Any:
    """Return a compiled model whose loss counts three times; the factory of the test below."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=3.0)
    return model


def test_loss_weights_of_a_factory_are_kept() -> None:
    from stepsize.problems.models.keras_models import build
    from stepsize.problems.models.model_transport import travel_form
    from tests.support.rebuilt_models import IRIS

    built = build(travel_form(weighted, 3), {}, IRIS).model
    assert built._compile_loss._user_loss_weights == 3.0  # pyright: ignore


def test_every_test_that_the_page_on_reliability_names_exists() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 10
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
