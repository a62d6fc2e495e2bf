"""Imports: the parts of the package know each other in one direction, and files stay short."""

from functools import cache

import pytest

from tests.support.import_graph import PACKAGE, ROOT, cycle, imported, imports_of, module_of, room_of

# Each part may import those named in the rows above it that it lists, and nothing else of the package.
ALLOWED = {
    "errors": set(),
    "checks": {"errors"},
    "units": {"errors", "checks"},
    "metric_directions": set(),
    "user_modules": {"errors"},
    "output_files": {"errors"},
    "hangs": set(),
    "pipes": set(),
    "process_group": set(),
    "process": {"errors", "user_modules", "hangs", "pipes", "process_group"},
    "cores": {"errors"},
    "schedules": {"errors", "checks", "units", "metric_directions"},
    "dialects": {"errors", "checks", "units", "metric_directions", "schedules"},
    "adapters": {"errors", "checks", "units", "schedules"},
    "audit": {"errors", "checks", "units", "schedules", "adapters"},
    "export": {"errors", "checks", "units", "metric_directions", "schedules"},
    "number_format": set(),
    "notebook_output": set(),
    "stats": {"errors", "cores"},
    "problems": {"errors", "checks", "cores", "metric_directions", "number_format", "user_modules"},
    "engine": {"errors", "cores", "hangs", "process", "schedules", "problems"},
    "study": {"errors", "checks", "units", "hangs", "process", "schedules", "problems", "engine", "stats"}
    | {"cores", "metric_directions", "output_files", "user_modules"},
    "verdict": {"metric_directions", "number_format", "stats", "study"},
    "rate_map": {"number_format", "stats", "study"},
    "range_test": {"errors", "checks", "number_format"},
    "scaling": {"errors", "checks", "number_format", "stats", "problems"},
    "report": {"errors", "number_format", "output_files", "schedules", "study", "verdict", "rate_map"}
    | {"range_test", "scaling", "export"},
    "trackers": {"errors", "number_format", "study", "verdict"},
    "trained_model": {
        "errors",
        "checks",
        "number_format",
        "output_files",
        "engine",
        "problems",
        "study",
    },
    "result": {"errors", "number_format", "output_files", "schedules", "study", "verdict", "report"}
    | {"trained_model"},
    "find_results": {"errors", "number_format", "output_files", "rate_map", "range_test", "report"},
    "resources": {"errors", "number_format", "output_files", "engine", "problems", "study"}
    | {"notebook_output"},
    "comparison": {
        "errors",
        "notebook_output",
        "number_format",
        "output_files",
        "resources",
        "schedules",
        "problems",
        "engine",
        "study",
        "verdict",
        "report",
        "result",
        "trackers",
    },
    "finding": {"errors", "checks", "engine", "study", "rate_map", "range_test", "report", "find_results"}
    | {"notebook_output", "number_format", "resources"},
    "noise_scale": {"errors", "engine", "problems", "study", "scaling", "finding"},
    "scaling_results": {"errors", "checks", "number_format", "stats", "scaling", "report"},
    "scaling_law": {"errors", "checks", "engine", "problems", "study", "scaling", "resources", "finding"}
    | {"noise_scale", "scaling_results"},
    "optuna_storage": {"errors", "number_format", "output_files", "study", "verdict", "comparison"},
    "live_page": {"errors", "checks", "units", "number_format", "process", "schedules", "export", "problems"}
    | {"engine", "study", "stats", "verdict", "rate_map", "report", "finding"},
    "cli": {
        "errors",
        "number_format",
        "output_files",
        "schedules",
        "export",
        "problems",
        "engine",
        "study",
        "report",
    }
    | {"comparison", "finding", "live_page", "optuna_storage", "result", "scaling_law"},
}

# Each wing of a package may import the files beside the wings, and these other wings.
WINGS = {
    "engine/batching": set(),
    "engine/keras": set(),
    "engine/torch": set(),
    "engine/windows": set(),
    "problems/loading": set(),
    "problems/models": set(),
    "problems/splitting": set(),
    "problems/torch": set(),
    "report/pictures": set(),
    "report/terminal": set(),
    "schedules/families": set(),
    "schedules/foreign": {"schedules/families"},
    "stats/tuning": set(),
    "study/cluster": {"study/populations", "study/stores", "study/user_functions"},
    "study/knobs": set(),
    "study/populations": {"study/stores"},
    "study/search": {"study/knobs", "study/stores"},
    "study/stores": set(),
    "study/study_files": {"study/knobs", "study/stores", "study/user_functions"},
    "study/user_functions": {"study/stores"},
}
ENTRANCES = {ROOT, "__main__"}  # `stepsize` itself, which loads each name when it is used
VERSION = {("stepsize.cli", "stepsize")}  # may import the package, for its version
READS_NAMES = {  # import what a user or the package's own table names
    "stepsize",
    "stepsize.user_modules",
}


@cache
def modules():
    """Return what every module of the package imports."""
    return {module_of(path): imports_of(path) for path in sorted(PACKAGE.rglob("*.py"))}


def offences(module, names):
    """Return the imports of a module that the tables above do not allow, each with its reason."""
    here, wing = part_of(module), wing_of(module)
    for name in sorted(names):
        if "?" in name:
            if module not in READS_NAMES:
                yield f"{module} imports {name}, which only a running program knows"
            continue
        target = existing(name)
        if here in ENTRANCES or (part_of(target) == here and wing_of(target) in (wing, None)):
            continue
        if part_of(target) == ROOT:
            if (module, name) not in VERSION:
                yield f"{module} imports {name} through the package; import it from its own module"
        elif part_of(target) != here and part_of(target) not in ALLOWED[here]:
            yield f"{module} imports {name}, but {here} may not import {part_of(target)}"
        elif part_of(target) == here and wing and wing_of(target) not in WINGS[wing]:
            yield f"{module} imports {name}, but {wing} may not import {wing_of(target)}"


def offences_of(source, module):
    return list(offences(module, imported(source, module)))


def part_of(module):
    """Return the row of `ALLOWED` that a module belongs to."""
    return room_of(module, 1)


def wing_of(module):
    """Return the wing that a module belongs to, or None."""
    return wing if (wing := room_of(module, 2)) in WINGS else None


def existing(name):
    """Return the module that holds an imported name."""
    while name not in modules() and "." in name:
        name = name.rpartition(".")[0]
    return name


def test_imports_point_one_way():
    assert [text for module, names in modules().items() for text in offences(module, names)] == []


def test_the_tables_list_what_is_there():
    assert set(ALLOWED) == {part_of(module) for module in modules()} - {ROOT, *ENTRANCES}
    folders = {path.parent.relative_to(PACKAGE) for path in PACKAGE.glob("*/*/__init__.py")}
    assert set(WINGS) == {folder.as_posix() for folder in folders}
    assert cycle(ALLOWED) == []
    assert cycle(WINGS) == []


def graph_of(modules, depth):
    """Return which rooms import which others, from every module's imports."""
    graph = {}
    for module, names in modules.items():
        targets = {room_of(existing(name), depth) for name in names if "?" not in name}
        graph.setdefault(room_of(module, depth), set()).update(targets - {room_of(module, depth)})
    return graph


def files_and_wings_of(part, modules):
    """Return which wings and single files of a package import which others of it."""
    inside = {room: others for room, others in graph_of(modules, 2).items() if room.startswith(f"{part}/")}
    return {room: others & set(inside) for room, others in inside.items()}


def test_no_package_is_in_an_import_circle():
    graph = graph_of(modules(), 1)
    assert cycle({part: graph[part] & set(ALLOWED) for part in ALLOWED}) == []


@pytest.mark.parametrize("part", sorted({wing.partition("/")[0] for wing in WINGS} - {"schedules"}))
def test_no_wing_is_in_a_circle_with_the_files_beside_it(part):
    """The operators of a schedule make other schedules, so `schedules` alone is one circle by nature."""
    assert cycle(files_and_wings_of(part, modules())) == []


LOW = "stepsize.problems.loading.files"


@pytest.mark.parametrize(
    "source",
    [
        "import stepsize.report.html",
        "import stepsize.report.html as page",
        "from stepsize.report.html import render",
        "from stepsize.report import html",
        "from stepsize import report",
        "from ...report import html",
        "from ... import report",
        "def late():\n    from stepsize.report import html",
        "class Late:\n    import stepsize.report",
        "if TYPE_CHECKING:\n    from stepsize.report import html",
        "try:\n    import stepsize.report\nexcept ImportError:\n    pass",
        "import_module('stepsize.report')",
        "importlib.import_module(name='stepsize.report.html')",
        "importlib.import_module('...report.html', __package__)",
        "importlib.import_module('..report', 'stepsize.problems')",
        "__import__('stepsize.report.html')",
        "__import__('report.html', globals(), locals(), [], 3)",
        "__import__('report', globals(), level=3)",
        "import_module(f'stepsize.report.{name}')",
        "import_module('stepsize.report.' + name)",
        "import_module('stepsize.report.%s' % name)",
        "Child('stepsize.report.html')",
        "PARTS = {'html': 'stepsize.report.html'}",
        "PATH = 'stepsize.report.html:render'",
        "sys.modules['stepsize.report']",
        "exec('from stepsize.report import html')",
        "run([sys.executable, '-c', 'import stepsize.report'])",
        "import_module(name)",
        "__import__(name)",
        "import_module(f'stepsize.{name}')",
        "from stepsize import compare",
        "import stepsize",
        "from stepsize.problems.splitting import splits",
        "from ..models import keras_models",
        "import_module('stepsize.problems.models.keras_models')",
    ],
)
def test_an_import_upward_is_seen_in_every_form(source):
    assert len(offences_of(source, LOW)) > 0


@pytest.mark.parametrize(
    "source",
    [
        "import numpy, importlib",
        "from stepsize.errors import ProblemError",
        "from stepsize.problems.data import Data",
        "from .frames import from_frame",
        "from . import frames",
        "from .. import data",
        "import_module('stepsize.problems.data')",
        "import_module('pandas')",
        '"""See stepsize.report.html."""',
        "print('stepsize.report(path) imports a store')",
        "resources.files('stepsize.problems').joinpath('tables')",
    ],
)
def test_other_imports_are_allowed(source):
    assert offences_of(source, LOW) == []


def test_circles_are_seen():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    late = "def read():\n    from stepsize.problems.loading import files"
    planted = {**modules(), "stepsize.problems.data": imported(late, "stepsize.problems.data")}
    assert cycle(files_and_wings_of("problems", planted)) == [
        "problems/data",
        "problems/loading",
        "problems/data",
    ]
    planted = {**modules(), "stepsize.units": {"stepsize.report"}}
    assert len(cycle(graph_of(planted, 1))) > 2


def test_files_stay_short():
    lines = {path.relative_to(PACKAGE): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > 300} == {}
