"""Where a study is logged: how destinations are read, and what is said about each."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from stepsize.errors import MissingExtra, OutputError, require
from stepsize.trackers.destinations import TRACKERS, Destination, log_study, read_destinations


def test_a_destination_is_a_tracker_and_a_place() -> None:
    assert read_destinations(None) == []
    assert read_destinations("tensorboard") == [Destination("tensorboard", "runs")]
    assert read_destinations(["tensorboard:a:b", "tensorboard:c"]) == [
        Destination("tensorboard", "a:b"),
        Destination("tensorboard", "c"),
    ]


@pytest.mark.parametrize(
    ("log_to", "message"),
    [
        ("tensorbord:runs", "unknown tracker 'tensorbord'; did you mean 'tensorboard'?"),
        ("", "use one of: tensorboard, mlflow, wandb, trackio"),
        ([1], "log_to=1 is not text; write for example log_to='tensorboard:runs'"),
        (1, "log_to=1 is not text; write for example log_to='tensorboard:runs'"),
    ],
)
def test_what_cannot_be_read_is_refused(log_to, message) -> None:
    with pytest.raises(OutputError) as caught:
        read_destinations(log_to)
    assert message in str(caught.value)


def test_a_missing_package_is_named_with_its_extra() -> None:
    missing = [name for name in TRACKERS if importlib.util.find_spec(name) is None]
    if not missing:
        pytest.skip("every tracker is installed")
    with pytest.raises(MissingExtra) as caught:
        read_destinations(missing[0])
    assert str(caught.value) == f'{missing[0]} is not installed: pip install "stepsize[{missing[0]}]"'


def test_a_folder_with_the_name_of_a_package_is_not_the_package(monkeypatch, tmp_path) -> None:
    Path("folder_of_runs").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtra):
        require("wandb", "folder_of_runs")


def test_a_tracker_that_fails_is_named_and_the_others_go_on(log) -> None:
    Path("file").touch()
    failed, done = log_study(log, read_destinations(["tensorboard:file", "tensorboard:runs"]))
    assert failed.startswith("The study was not logged to TensorBoard: ")
    assert failed.endswith("Its runs are kept: run the same again to log it.")
    assert done == (
        "Logged to TensorBoard: iris a3b2c1d0, 5 candidates; to look at it, run tensorboard --logdir runs"
    )
    (again,) = log_study(log, read_destinations("tensorboard"))
    assert again.startswith("Already in TensorBoard: iris a3b2c1d0")
