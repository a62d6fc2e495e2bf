"""Files for people: what stepsize wrote is replaced, and nothing else ever is."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepsize import cli
from stepsize.errors import OutputError, StoreError
from stepsize.output_files import CODE, PICTURE, REPORT, RESOLVED_STUDY, check_output, study_of, write_output
from stepsize.study.stores.store import Store

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20) + b"\0\0\0\0IEND\xaeB`\x82"
CONTENTS = {REPORT: "<!doctype html>\n<p>one</p>\n", RESOLVED_STUDY: "a = 1\n", PICTURE: PNG, CODE: "x = 1"}


@pytest.mark.parametrize("kind", CONTENTS)
def test_its_own_file_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "deep" / "file"
    path.parent.mkdir()
    for study in ("1a2b3c4d", "1a2b3c4d", "00000000", ""):
        write_output("output", path, kind, CONTENTS[kind], study)
        assert study_of(path, kind) == study
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_no_folder_is_made_but_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("new/a.html", "stepsize-results/new/a.html", tmp_path / "new" / "a.html"):
        with pytest.raises(
            OutputError, match=r"^output='[^']*a.html': the folder '.*new' does not exist; create it"
        ):
            check_output("output", path, REPORT)
        with pytest.raises(
            StoreError, match=r"store='.*a.html': the folder '.*new' does not exist; create it"
        ):
            Store(path)
    assert list(tmp_path.iterdir()) == []
    check_output("output", "stepsize-results/a.html", REPORT)
    with Store("stepsize-results/a.sqlite") as store:
        assert store.path.exists()


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("where", [0, 1, -1])
def test_a_file_that_somebody_changed_is_not_replaced(tmp_path: Path, kind: str, where: int) -> None:
    path = tmp_path / "file"
    write_output("output", path, kind, CONTENTS[kind], "1a2b3c4d")
    data = path.read_bytes()
    position = where if where >= 0 else data.index(b"(1a2b3c4d") - 30
    path.write_bytes(data[:position] + b"#" + data[position:])
    before = path.read_bytes()
    with pytest.raises(OutputError, match=f"exists, and is not an unchanged {kind} written by stepsize"):
        write_output("output", path, kind, CONTENTS[kind], "1a2b3c4d")
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_not_replaced(tmp_path: Path) -> None:
    for kind, content in CONTENTS.items():
        write_output("output", tmp_path / "file", kind, content)
        for other in set(CONTENTS) - {kind}:
            with pytest.raises(OutputError):
                check_output("output", tmp_path / "file", other)
        (tmp_path / "file").unlink()


def test_a_picture_stays_a_picture(tmp_path: Path) -> None:
    write_output("output", tmp_path / "p.png", PICTURE, PNG)
    data = (tmp_path / "p.png").read_bytes()
    assert data.startswith(PNG[:-12])
    assert data.endswith(PNG[-12:])
    chunk = data[len(PNG) - 12 : -12]
    assert int.from_bytes(chunk[:4]) == len(chunk) - 12
    assert chunk[4:8] == b"tEXt"
    assert int.from_bytes(chunk[-4:]) == zlib.crc32(chunk[4:-4])


def test_what_holds_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    write_output("output", tmp_path / "empty", CODE, "x = 1")
    write_output("output", "/dev/null", CODE, "x = 1")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_output("output", tmp_path / "link", CODE, "x = 1")
    assert (tmp_path / "link").is_symlink()
    assert study_of(tmp_path / "target", CODE) == ""


def test_a_link_to_a_file_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match="exists"):
        write_output("output", tmp_path / "link", CODE, "x = 1")
    assert (tmp_path / "mine").read_text() == "mine"


def test_reports_of_versions_without_marks_are_replaced(tmp_path: Path) -> None:
    head = '<!doctype html>\n<meta name="generator" content="stepsize 0.1.0">\n'
    (tmp_path / "old.html").write_text(head + "x" * 10_000)
    assert study_of(tmp_path / "old.html", REPORT) == ""
    check_output("report", tmp_path / "old.html", REPORT)


def test_bad_paths_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "r", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(OutputError, match=r"output=.* cannot be written: .*; choose another file"):
            check_output("output", path, CODE)
    with pytest.raises(OutputError, match="is a directory"):
        check_output("output", tmp_path, CODE)


TABLE = "a,kind\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(40))


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "t.csv", "--target", "kind", "--report", "t.csv"],
        ["compare", "iris", "--report", "notes.txt"],
        ["compare", "iris", "--report", "runs.sqlite"],
        ["compare", "iris", "--report", "fresh.sqlite", "--store", "fresh.sqlite"],
        ["compare", "iris", "--store", "notes.toml"],
        ["compare", "iris", "--store", "new.toml"],
        ["compare", "iris", "--name", "../notes"],
        ["compare", "bad.toml"],
        ["report", "runs.sqlite", "--output", "notes.txt"],
        ["report", "runs.sqlite", "--output", "runs.sqlite"],
        ["report", "runs.html"],
        ["preview", "cosine(0.1)", "--output", "notes.svg"],
        ["export", "constant(0.1)", "--to", "plain", "--output", "notes.py"],
    ],
)
def test_no_command_replaces_a_file_that_stepsize_did_not_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    from stepsize.study.stores.store import Store

    for name in ("notes.txt", "notes.toml", "notes.svg", "notes.py", "notes.html"):
        Path(name).write_text("mine")
    Path("t.csv").write_text(TABLE)
    Path("bad.toml").write_text('name = "../notes"\nproblem = "iris"\n')
    for name in ("runs.sqlite", "runs.html"):  # a store may have any name
        with Store(name) as store:
            store.save_study({"name": "a", "fingerprint": "f", "candidates": [], "baseline": "b"})
    before = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    monkeypatch.setattr(sys, "argv", ["stepsize", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    output = capsys.readouterr()
    assert caught.value.code == 2, output.err
    assert output.err.splitlines()[-1].startswith("stepsize: ")
    assert "Traceback" not in output.err
    assert {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_a_study_file_of_the_user_beside_the_store_is_kept(command: Callable[..., Any]) -> None:
    Path("mine.toml").write_text("# mine\n")
    arguments = ["compare", "iris", "--epochs", "1", "--seeds", "2", "-s", "constant(0.1)", "-q"]
    done = command(*arguments, "--store", "mine.sqlite")
    assert done.returncode == 0, done.stderr
    assert Path("mine.toml").read_text() == "# mine\n"
    assert "The resolved study was not saved: path='mine.toml' exists" in done.stderr
