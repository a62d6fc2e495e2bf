"""Checkpoints of training functions: a run that is killed continues, and ends bit for bit as undisturbed."""

import re
from pathlib import Path

import numpy as np
import pytest

import stepsize as ss
from stepsize.errors import StudyError
from stepsize.schedules import constant, plateau
from stepsize.study.stores.store import Store
from stepsize.study.user_functions import run_checkpoint
from stepsize.study.user_functions.run_checkpoint import CheckpointPlace, RunCheckpoint
from stepsize.study.user_functions.training_api import LivePlan, Report
from tests.support.file_size_limit import file_size_limit

SCHEDULES = ["constant(0.1)", "constant(0.4) * plateau(factor=0.5, patience=0)"]
TRAINING = ss.Training("tests.support.training_functions:resumes", epochs=4, updates_per_epoch=2)


def runs_of(store, tell=print):
    """Compare the schedules; return the curves of all runs."""
    result = ss.compare(TRAINING, SCHEDULES, seeds=3, store=store, quiet=True, on_message=tell)
    with Store(store) as opened:
        runs = opened.runs(result.answer["study"]["fingerprint"])
    return {key: run.curves for key, run in runs.items()}


def test_a_killed_run_continues_to_the_same_curves(monkeypatch):
    monkeypatch.setattr(run_checkpoint, "EVERY", 0.0)
    Path("killed").touch()
    Path("whole.checkpoints").write_text("a file, so no checkpoint can be written")
    messages = []
    whole = runs_of("whole.sqlite", messages.append)
    assert len(messages) == 1
    assert re.match(r"Checkpoints cannot be written to .*whole\.checkpoints: Not a directory\. ", messages[0])
    Path("whole.checkpoints").unlink()
    Path("killed").unlink()
    Path("epochs.txt").unlink()
    resumed = runs_of("killed.sqlite")
    assert Path("killed").exists()
    assert resumed.keys() == whole.keys()
    assert all(np.array_equal(resumed[key], whole[key], equal_nan=True) for key in whole)
    epochs = Path("epochs.txt").read_text().splitlines()
    assert len(epochs) == 4 * len(whole)  # none was trained twice
    assert not list(Path().glob("*.checkpoints"))


def new_report():
    plan = LivePlan(constant(0.4) * plateau(factor=0.5, patience=0), 4, 2)
    return plan, Report(plan, 4, "accuracy", True, lambda epochs: None)


def train(plan, report, epochs):
    for epoch in epochs:
        for update in (2 * epoch, 2 * epoch + 1):
            plan(update)
        report(0.5 + epoch / 10, val_loss=1.0)


@pytest.mark.parametrize("damage", ["nothing", "files", "state", "missing", "all"])
def test_a_damaged_checkpoint_counts_as_missing(tmp_path, damage):
    place = CheckpointPlace(str(tmp_path / "folder" / "run"), every=0)
    plan, report = new_report()
    saving = RunCheckpoint(place, report)
    for epoch in range(3):
        train(plan, report, [epoch])
        saving.save(lambda folder, epoch=epoch: (folder / "epoch.txt").write_text(f"{epoch}"))
    folders = sorted((tmp_path / "folder" / "run").iterdir())
    assert [each.name for each in folders] == ["00000002", "00000003"]
    for each in folders if damage == "all" else folders[1:]:
        if damage in ("files", "all"):
            (each / "files" / "epoch.txt").write_text("7")
        if damage == "state":
            text = (each / "run.json").read_text()
            (each / "run.json").write_text(text.replace('"count": 3', '"count": 2'))
        if damage == "missing":
            (each / "run.json").unlink()
    plan, report = new_report()
    loading = RunCheckpoint(place, report)
    text = loading.load(lambda folder: (folder / "epoch.txt").read_text())
    assert text == {"nothing": "2", "all": None}.get(damage, "1")
    assert loading.epoch == {"nothing": 3, "all": 0}.get(damage, 2)
    train(plan, report, range(loading.epoch, 4))
    report.check_complete()
    assert report.curves[2] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert report.curves[3] == pytest.approx([0.4, 0.4, 0.2, 0.1])
    place.remove()
    assert not (tmp_path / "folder").exists()


def test_a_disk_that_is_full_for_a_library_of_the_user_does_not_end_the_run(tmp_path, monkeypatch):
    """`torch.save` raises RuntimeError on a full disk; the same error for another reason is the user's."""
    _, report = new_report()
    folder, messages = tmp_path / "study.checkpoints", []
    saving = RunCheckpoint(CheckpointPlace(str(folder / "run"), every=0), report, messages.append)

    def write(place):
        try:
            (place / "weights").write_bytes(bytes(100_000))
        except OSError:
            raise RuntimeError("the archive could not be written") from None

    with file_size_limit(50_000):
        saving.save(write)
        saving.save(lambda place: np.save(place / "weights", np.zeros(20_000)))  # its error has no number
    start = f"Checkpoints cannot be written to {folder}: File too large. Training continues"
    assert [each[: len(start)] for each in messages] == [start, start]
    assert list((folder / "run").iterdir()) == []
    saving.save(write)
    assert [each.name for each in (folder / "run").iterdir()] == ["00000000"]
    with pytest.raises(ZeroDivisionError):
        saving.save(lambda place: 1 / 0)
    assert len(messages) == 2


def test_checkpoints_are_a_minute_apart(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(run_checkpoint.time, "monotonic", lambda: now[0])
    plan, report = new_report()
    saving, calls = RunCheckpoint(CheckpointPlace(str(tmp_path / "run")), report), []
    for epoch, seconds in enumerate((30, 61, 100, 122)):
        train(plan, report, [epoch])
        now[0] = seconds
        saving.save(lambda folder: calls.append(now[0]))
    assert calls == [61, 122]


def test_no_candidate_can_set_the_checkpoint():
    with pytest.raises(StudyError, match="takes its checkpoint as checkpoint="):
        ss.compare(TRAINING, [ss.Candidate("constant(0.1)", checkpoint="a.pt")], seeds=2, quiet=True)
