"""Memory: what cannot fit is refused before anything is trained, with both numbers."""

import numpy as np
import pytest

from stepsize.engine import memory
from stepsize.engine.planner import Layout, Machine, Sizes
from stepsize.engine.task import Task
from stepsize.errors import ProblemError

SIZES = Sizes(1_000, 34, 28, epochs=5, updates_per_epoch=9, candidates=16, seeds=30)
RUN = {"weights": np.zeros(1_000, np.float32), "slots": np.zeros(1_000, np.float32)}


def task_of(text):
    x, y = np.zeros((30, 10), np.float32), np.zeros(30, np.int32)
    return Task({"text": text, "outputs": 1}, {"optimizer": "sgd"}, x, y, "binary", 2, 1, 20, 8, 2)


def test_a_model_that_cannot_fit_is_refused_with_both_numbers(engine):
    message = r"needs at least 320,001.62 GB of memory, and [\d.]+ GB are available; take a smaller model"
    with pytest.raises(ProblemError, match=message):
        engine.open("huge", task_of("mlp(200000, 200000000)"), 1, 1)


def test_the_smallest_layout_is_taken_if_only_that_fits(monkeypatch):
    def layout(room):
        monkeypatch.setattr(memory, "available", lambda: room)
        return memory.fitting_layout(SIZES, Machine(2), None, RUN, rows=1_000)

    usual = layout(None)
    assert usual.blocks * usual.members > 16
    assert layout(memory.needed_by(usual, SIZES, RUN, 1_000)) == usual
    one = layout(memory.needed_by(usual, SIZES, RUN, 1_000) - 1)
    assert (one.devices, one.blocks, one.members, one.abreast) == (1, 1, 1, 1)
    assert "to fit into memory" in str(one)
    assert layout(13_000) == one  # a run and its optimizer, a gradient, the rows
    with pytest.raises(ProblemError, match=r"at least 0.00 GB of memory, and 0.00 GB are"):
        layout(12_999)


def test_what_a_call_needs():
    layout = Layout(devices=2, blocks=8, members=4, segment=1, reason="", abreast=2)
    assert memory.needed_by(layout, SIZES, RUN, 100) == 8 * 4 * 8_000 + 2 * 2 * 4 * 4_000 + 2 * 100


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_control_groups_count(tmp_path, monkeypatch, version):
    root = tmp_path / "memory" if version == 1 else tmp_path
    inner = root / "outer" / "inner"
    inner.mkdir(parents=True)
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    limit, usage, cache = names if version == 1 else ("memory.max", "memory.current", "inactive_file")
    for folder, most, used in ((inner, 9 << 60 if version == 1 else "max", 10), (inner.parent, 5_000, 3_000)):
        (folder / limit).write_text(f"{most}\n")
        (folder / usage).write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\n{cache} 1000\n")
    lines = "4:memory:/outer/inner\n3:cpu:/\n" if version == 1 else "0::/outer/inner\n"
    (tmp_path / "cgroup").write_text(lines)
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 8 kB\n")
    for name, path in (
        ("CGROUPS", tmp_path),
        ("CGROUP", tmp_path / "cgroup"),
        ("MEMINFO", tmp_path / "meminfo"),
    ):
        monkeypatch.setattr(memory, name, path)
    assert memory.available() == 3_000
    (tmp_path / "meminfo").write_text("MemAvailable: 2 kB\n")
    assert memory.available() == 2_048
    (tmp_path / "meminfo").unlink()
    (tmp_path / "cgroup").unlink()
    assert memory.available() is None
