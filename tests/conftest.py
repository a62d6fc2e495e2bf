"""One environment for all tests: Keras on JAX, two CPU devices, nothing left in the checkout or at home."""

import gc
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from types import ModuleType

import hypothesis
import pytest

gc.disable()  # until all modules are imported, which takes half the time without


def keep_bytecode(folder: str) -> None:
    """Keep bytecode in a folder where Python keeps none: every process would compile all libraries again."""
    jax = importlib.util.find_spec("jax")
    if sys.dont_write_bytecode and jax and jax.cached and not os.path.exists(jax.cached):
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False


if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share the folder of the process that starts them
    CACHE = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="stepsize-tests-")
    keep_bytecode(os.path.join(CACHE, "bytecode"))

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
for library in ("OPENBLAS", "OMP"):  # small matrices: a second thread only waits
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"  # programs without the lines that they come from
os.environ["COLUMNS"] = "100"

QUICK = {  # for the training processes, which then compile in half the time
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
}
for name in QUICK:
    os.environ.pop(name, None)
import jax  # noqa: E402

jax.devices()  # reads both now, so that tests can choose in this process
os.environ.update(QUICK)
from tests.support.quick_compilation import compile_quickly, keep_contexts  # noqa: E402

compile_quickly(True)
keep_contexts()

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


def pytest_collection_finish():
    """Look for garbage among what the tests make, not among modules, and less often than by default."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_unconfigure():
    """Remove the bytecode and the programs that this session has compiled."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(CACHE, ignore_errors=True)
    yield
    gc.freeze()  # pytest has just looked for garbage, and looks once more


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Run every test in a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def optimized_compilation() -> Iterator[None]:
    """Compile in this process as for users; all other tests compile in half the time."""
    compile_quickly(False)
    yield
    compile_quickly(True)


@pytest.fixture(scope="session")
def engine():
    """Return the training process of all tests that do not need one of their own."""
    from stepsize.engine.client import Engine

    with Engine() as started:
        yield started


@pytest.fixture
def one_process(monkeypatch):
    """Train models in series, and training functions, in one process; a second one takes seconds to start."""
    monkeypatch.setattr("stepsize.study.user_functions.executor.cores", lambda: 1)


@pytest.fixture(scope="session")
def lent_process():
    """Return what lends one process to all tests that train models in series."""
    from tests.support.series_process import SeriesProcess

    process = SeriesProcess()
    yield process
    process.end()


@pytest.fixture
def series_process(one_process, lent_process, monkeypatch):
    """Train models in series in the session's process for them; a new one takes seconds to start."""
    monkeypatch.setattr("stepsize.study.user_functions.function_process.Child", lent_process)


@pytest.fixture(scope="module")
def optimized_engine():
    """Return a training process that compiles as it does for users."""
    from stepsize.engine.client import Engine

    with pytest.MonkeyPatch.context() as patch:
        for name in QUICK:
            patch.delenv(name)
        with Engine() as started:
            yield started


@pytest.fixture(scope="session")
def keras_processes():
    """Return the processes of Keras' backends, which start when they are first called."""
    from tests.support.keras_process import KerasProcesses

    with KerasProcesses() as processes:
        yield processes


@pytest.fixture(scope="session")
def ray_cluster():
    """Return the Ray cluster of all tests."""
    from tests.support.ray_nodes import RayNodes

    with RayNodes() as nodes:
        yield nodes


@pytest.fixture
def ray_nodes(ray_cluster):
    """Return a Ray cluster of two nodes with one core each, on this machine."""
    ray_cluster.start_second_node()
    return ray_cluster


@pytest.fixture
def command(engine, monkeypatch, capsys):
    """Return `stepsize` run in this process, with the session's training process: exit code and output."""
    from stepsize import cli, comparison, finding  # noqa: F401, both take the class before it is replaced

    monkeypatch.setattr("stepsize.engine.client.Engine", lambda: nullcontext(engine))

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["stepsize", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        output = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, caught.value.code, output.out, output.err)

    return run_here


@pytest.fixture(scope="session")
def timm_scheduler() -> ModuleType:
    """Return timm.scheduler itself, imported under a bare parent, for timm's own imports torchvision."""
    pytest.importorskip("torch")
    found = importlib.util.find_spec("timm")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("timm is not installed")
    if "timm" not in sys.modules:
        bare = ModuleType("timm")
        bare.__path__, bare.__spec__ = list(found.submodule_search_locations), found
        sys.modules["timm"] = bare
    return importlib.import_module("timm.scheduler")
