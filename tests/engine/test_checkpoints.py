"""Checkpoints within a call: after a kill, training continues and ends bit for bit as if undisturbed."""

import hashlib
import os
import random
import re
import signal

import numpy as np
import pytest

from stepsize.engine import checkpoints
from stepsize.engine.checkpoints import Checkpoint
from stepsize.engine.client import Engine
from stepsize.engine.task import Task
from stepsize.process import Notice
from tests.support.file_size_limit import file_size_limit
from tests.support.populations import make_block, make_population

SPECS = ["constant(0.1)", "cosine(0.1)", "constant(0.1) * plateau(factor=0.5, patience=0)"]


def make_task(rows=20, epochs=6):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows + 10, 3)).astype(np.float32)
    form, y = {"text": "mlp(40, dropout=0.2)", "outputs": 1}, (x[:, 0] > 0).astype(np.int32)
    return Task(form, {"optimizer": "adam"}, x, y, "binary", 2, 1, rows, 8, epochs)


class Stopped(Exception):
    """What ends a call in the middle."""


@pytest.fixture
def slow_engine(monkeypatch):
    """Start a training process that takes long enough to compile a program that the program is kept."""
    for name in ("JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS"):
        monkeypatch.delenv(name)
    with Engine() as engine:
        yield engine


def stop_at(share):
    def on_segment(done):
        if done >= share:
            raise Stopped

    return on_segment


def same(one, other):
    return all(
        np.array_equal(a, b, equal_nan=True)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def test_a_stopped_call_continues_to_the_same_curves(tmp_path):
    task = make_task()
    population = make_population(task, 3, blocks=2, segment=1)
    blocks = [make_block(task, seed, SPECS) for seed in (3, 4)]
    whole = population.train(blocks)
    saved = Checkpoint(tmp_path / "folder" / "call.npz", every=0)
    with pytest.raises(Stopped):
        population.train(blocks, stop_at(0.5), saved)
    assert sorted(path.name for path in saved.path.parent.iterdir()) == ["call.npz", "call.npz.previous"]
    shares = []
    assert same(population.train(blocks, shares.append, saved), whole)
    assert shares == pytest.approx([4 / 6, 5 / 6, 1])
    for stop in (0.6, 0.8):
        saved.remove()
        assert not saved.path.parent.exists()
        for share in (0.2, stop):  # stopped twice
            with pytest.raises(Stopped):
                population.train(blocks, stop_at(share), saved)
        saved.path.write_bytes(b"damaged")
        assert same(population.train(blocks, stop_at(2), saved), whole)  # from the one before


def test_what_is_damaged_or_of_another_program_is_never_continued_from(tmp_path):
    """After a flipped bit or a cut, a checkpoint is what was saved, or the one before."""
    saved = Checkpoint(tmp_path / "call.npz", every=0)
    old, new = ({"epochs": np.array(n), "state0": np.full(50, n, np.float32)} for n in (1, 2))
    saved.save(old)
    saved.save(new)
    whole = saved.path.read_bytes()
    chance, fallen_back = random.Random(0), 0
    for number in range(300):
        data = bytearray(whole)
        if number % 3:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            del data[chance.randrange(len(data)) :]
        saved.path.write_bytes(data)
        arrays = saved.load()
        assert arrays is not None
        content = {name: (array.dtype, array.tobytes()) for name, array in arrays.items()}
        expected = [
            {name: (array.dtype, array.tobytes()) for name, array in each.items()} for each in (old, new)
        ]
        assert content in expected, number
        fallen_back += content == expected[0]
    assert fallen_back == 300


def test_a_checkpoint_with_objects_is_not_loaded(tmp_path):
    saved = Checkpoint(tmp_path / "call.npz", every=0)
    np.savez(saved.path, state0=np.array([{"a": 1}], dtype=object))
    content = saved.path.read_bytes()
    saved.path.write_bytes(content + hashlib.sha256(content).digest())
    assert saved.load() is None
    with pytest.raises(ValueError, match="no Python objects"):
        saved.save({"state0": np.array([{"a": 1}], dtype=object)})


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    saved = Checkpoint(tmp_path / "folder" / "call.npz", every=0)
    saved.save({"epochs": np.array(1)})
    (tmp_path / "folder" / "call.npz.12345").write_text("half of a che")
    saved.remove()
    assert not saved.path.parent.exists()


def test_where_nothing_can_be_written_a_warning_says_so(tmp_path):
    (tmp_path / "folder").write_text("a file")
    saved = Checkpoint(tmp_path / "folder" / "call.npz", every=0)
    with pytest.warns(RuntimeWarning, match=r"cannot be written to .*folder: File exists\. .* make the"):
        saved.save({"epochs": np.array(1)})
    assert saved.load() is None
    saved.remove()


def test_on_a_full_disk_training_continues_and_messages_say_so(slow_engine, tmp_path, monkeypatch):
    """Neither checkpoints nor the compiled programs have room; the curves are the same."""
    task = make_task(rows=2_000, epochs=200)
    layout = slow_engine.open("full", task, 3, 1)
    blocks = [make_block(task, 3, SPECS[: layout.members])]
    path = tmp_path / "folder" / "call.npz"
    reports = []
    monkeypatch.setattr(checkpoints, "EVERY", 0)
    with file_size_limit(1_000, slow_engine.pid):
        curves = slow_engine.train("full", blocks, reports.append, path)
    first, *_, last = [each.text for each in reports if isinstance(each, Notice)]
    assert first.startswith(f"Checkpoints cannot be written to {path.parent}: File too large. Training conti")
    assert re.match(r"Compiled programs cannot be kept in .*/stepsize/compiled: File too large\. Trai", last)
    assert list(path.parent.iterdir()) == []
    assert same(curves, slow_engine.train("full", blocks))


def test_a_killed_training_process_continues_its_call(tmp_path, monkeypatch):
    """The new process replaces a compiled program that the kill of another one has cut off."""
    monkeypatch.setattr(checkpoints, "EVERY", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS"):  # what compiles in no time is not kept
        monkeypatch.delenv(name)
    task = make_task(rows=2_000, epochs=200)
    path = tmp_path / "call.npz"
    with Engine() as engine:
        layout = engine.open("a", task, 3, 1)
        blocks = [make_block(task, 3, SPECS[: layout.members])]
        whole = engine.train("a", blocks)
        programs = {path: path.stat().st_size for path in (tmp_path / "stepsize" / "compiled").iterdir()}
        for program, size in programs.items():
            os.truncate(program, size // 2)
        first, shares = engine.pid, []

        def kill_once(share):
            shares.append(share)
            if share >= 0.5 and engine.pid == first:
                os.kill(first, signal.SIGKILL)

        assert same(engine.train("a", blocks, kill_once, path), whole)
        assert engine.pid != first
        assert len(shares) > 1
        assert shares == sorted(set(shares))  # it does not begin anew
        kept = [path for path in programs if path.exists()]  # not what compiled in no time
        assert kept
        assert all(path.stat().st_size > 0.8 * programs[path] for path in kept)
