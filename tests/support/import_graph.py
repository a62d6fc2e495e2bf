"""Which modules of the package a source text imports, in every form that Python knows.

A statement counts wherever it stands: in a function, for type checking only, or in text that is executed.
A module that is only named in a string (for `import_module`, for a child process) counts as imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import stepsize

ROOT = "stepsize"
PACKAGE = Path(stepsize.__file__).parent
LOADERS = ("import_module", "__import__")
UNKNOWN = "?"  # stands for a name that only a running program knows

Graph = Mapping[str, Iterable[str]]


def module_of(path: Path) -> str:
    """Return the dotted name of a file of the package: `schedules/base.py` is `stepsize.schedules.base`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join([ROOT, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a file imports or names."""
    return imported(path.read_text(encoding="utf-8"), module_of(path), path.name == "__init__.py")


def imported(source: str, module: str, is_package: bool = False) -> set[str]:
    """Return the modules of the package that the source text of `module` imports or names.

    Of `from stepsize.a import b` it is `stepsize.a.b`, whatever `b` is. A `?` stands in a name for what is
    put together at run time, and for the whole name where a loader is handed a variable.
    """
    package = module if is_package else module.rpartition(".")[0]
    tree = ast.parse(source)
    texts = _docstrings(tree)
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            names.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in LOADERS:
            names.add(_loaded(node, package))
        elif isinstance(node, ast.JoinedStr | ast.BinOp | ast.Constant) and id(node) not in texts:
            names.update(_named(_text(node), module))
    return {name for name in names if name == UNKNOWN or name.split(".")[0] == ROOT}


def _docstrings(tree: ast.Module) -> set[int]:
    """Return the identities of all texts that are statements of their own, such as docstrings."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _absolute(name: str, package: str) -> str:
    """Return a name, relative to `package` by its leading dots, as an absolute one."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    base = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*base, *filter(None, [name[level:]])])


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _loaded(call: ast.Call, package: str) -> str:
    """Return what `import_module(name, package)` or `__import__(name, ..., level)` loads."""
    arguments = {str(keyword.arg): keyword.value for keyword in call.keywords}
    name = call.args[0] if call.args else arguments.get("name", call)
    text = _text(name)
    if not text or text == UNKNOWN:
        return UNKNOWN
    level = call.args[4] if len(call.args) > 4 else arguments.get("level")
    if isinstance(level, ast.Constant) and isinstance(level.value, int):
        text = "." * level.value + text
    anchor = call.args[1] if len(call.args) == 2 else arguments.get("package")
    anchored = _text(anchor) if anchor is not None else ""
    return _absolute(text, anchored if anchored.startswith(ROOT) else package)


def _text(node: ast.AST) -> str:
    """Return the text of an expression, with `?` for the parts that only a running program knows."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else UNKNOWN
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return re.sub("%.", UNKNOWN, _text(node.left))
    return UNKNOWN


def _named(text: str, module: str) -> set[str]:
    """Return the modules that a text names: as a dotted name, with an object behind a colon, or as code."""
    if re.fullmatch(rf"{ROOT}(\.[\w?]+)+(:[\w?.]+)?", text):
        return {text.partition(":")[0]}
    if ROOT in text and "import" in text:
        try:
            return imported(text, module)
        except SyntaxError:
            return set()
    return set()


def room_of(module: str, depth: int = 1) -> str:
    """Return the part of the package that a module belongs to: a package, or at depth 2 a wing of it.

    A module that is not in a wing is a room of its own at depth 2.
    """
    return "/".join(module.split(".")[1 : depth + 1]) or ROOT


def cycle(graph: Graph) -> list[str]:
    """Return the rooms of one import circle in order, the first one again at the end; or nothing."""
    finished: set[str] = set()

    def walk(room: str, path: list[str]) -> Iterator[list[str]]:
        if room in path:
            yield [*path[path.index(room) :], room]
        elif room not in finished:
            for other in sorted(graph.get(room, ())):
                yield from walk(other, [*path, room])
            finished.add(room)

    return next((circle for room in sorted(graph) for circle in walk(room, [])), [])
