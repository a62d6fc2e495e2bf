"""Previews: what the text says of lengths, phases and rates, and what the picture shows."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stepsize as ss
from stepsize import cli
from stepsize.errors import MissingExtra, OutputError, ScheduleError
from stepsize.report import preview
from stepsize.schedules import Plan, Schedule, picture
from stepsize.units import epochs, lr, updates

WARMED = ss.warmup(5 * epochs) >> ss.cosine(0.1)
SVG = "{http://www.w3.org/2000/svg}"


def planned(schedule: Schedule = WARMED, per_epoch: int = 9) -> Plan:
    return schedule.plan(epochs=50, updates_per_epoch=per_epoch)


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_text_says_lengths_phases_and_both_ends() -> None:
    text = preview.text([planned()], width=80)
    assert "1 epoch = 9 updates, warmup = 45 updates" in text
    assert "50 epochs = 450 updates" in text
    assert ["1", "to", "5", "0", "to", "44", "0", "0.0977778", "warmup(5*epochs)"] in rows(text)
    assert ["6", "to", "50", "45", "to", "449", "0.1", "1.50428e-06", "cosine(0.1)"] in rows(text)
    table = rows(text)[-12:]
    assert [row[0] for row in table] == [*"12345", "...", "46", "47", "48", "49", "50", "end"]
    assert table[1] == ["2", "9", "0.02"]
    assert table[-1] == ["end", "449", "1.504276012e-06"]


def test_a_run_in_updates_is_counted_in_updates() -> None:
    text = preview.text([ss.linear(0.4).plan(updates=4)], width=60)
    assert rows(text)[1] == ["4", "updates"]
    assert rows(text)[-4:] == [["0", "0.4"], ["1", "0.3"], ["2", "0.2"], ["3", "0.1"]]


def test_an_epoch_that_is_not_whole_is_reported() -> None:
    text = preview.text([ss.linear(0.4).plan(updates=5, updates_per_epoch=2)], width=60)
    assert "2 epochs = 4 updates, and 1 more" in text
    assert [row[:2] for row in rows(text)[-4:]] == [["1", "0"], ["2", "2"], ["3", "4"], ["end", "4"]]


def test_the_phases_of_one_piece_are_named_below_each_other() -> None:
    text = preview.text([ss.multistep(0.1, at=[3 * epochs]).plan(epochs=5, updates_per_epoch=1)], width=80)
    assert text.splitlines()[3:6] == [
        "  epochs  first rate  last rate  phase",
        "  1 to 3         0.1        0.1  multistep(0.1, at=[3*epochs])",
        "  4 to 5        0.01       0.01    drop 1",
    ]


def test_a_factor_that_a_metric_drives_counts_as_1() -> None:
    text = preview.text([planned(ss.constant(0.1) * ss.plateau(patience=3))], width=100)
    assert "plateau(patience=3) counts as 1 here: val_loss changes it during training" in text
    assert "learning rate, plateau counted as 1<" in picture.svg([planned(ss.constant(0.1) * ss.plateau())])


@pytest.mark.parametrize("ascii", [True, False])
@pytest.mark.parametrize("width", [60, 100])
def test_the_text_fits(width: int, ascii: bool) -> None:
    names = "abcdefgh"
    long = ss.multistep(0.1, at=[n * epochs for n in range(1, 30)]) * ss.plateau(
        metric=f"loss_é{names * 4}_loss"
    )
    text = preview.text([planned(long), planned()], width, ascii)
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii() == ascii


def drawn(plans: list[Plan], path: Path) -> ET.Element:
    preview.draw(plans, path)
    return ET.parse(path).getroot()


def test_a_picture_has_one_line_per_plan_and_every_spec(tmp_path: Path) -> None:
    specs = [ss.cosine(level / 10) for level in range(1, 10)]
    root = drawn([planned(each) for each in specs], tmp_path / "p.svg")
    strokes = [(path.get("stroke"), path.get("stroke-dasharray")) for path in root.iter(f"{SVG}path")]
    lines = [stroke for stroke in strokes if stroke[1]]
    assert len(lines) == 2 * len(specs)  # a curve and a sample beside its spec
    assert len(set(lines)) == len(specs)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {str(each) for each in specs} <= set(texts)
    assert {"0", "1", "learning rate", "epoch"} <= set(texts)


def points(plan: Plan) -> Iterator[tuple[float, float]]:
    """The points of the only curve of a picture, as shares of the plot."""
    root = ET.fromstring(picture.svg([plan]))
    curve = next(path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("stroke-dasharray"))
    for pair in curve[1:].split("L"):
        x, y = map(float, pair.split(","))
        yield (x - picture.LEFT) / picture.WIDTH, 1 - (y - picture.TOP) / picture.HEIGHT


def test_a_curve_is_where_its_rates_are() -> None:
    drawn = list(points(ss.linear(1).plan(updates=4)))
    assert np.allclose(drawn, [(0, 1), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25)], atol=0.001)


def test_long_specs_are_broken_and_escaped(tmp_path: Path) -> None:
    long = ss.multistep(0.1, at=[n * epochs for n in range(1, 40)]) * ss.plateau(metric="a<b&c_loss")
    root = drawn([planned(long)], tmp_path / "p.svg")
    lines = [str(text.text) for text in root.iter(f"{SVG}text") if text.get("font-family")]
    assert len(lines) > 3
    assert max(map(len, lines)) <= picture.LETTERS
    assert " ".join(lines) == str(long)


def test_html_holds_picture_and_text_and_png_is_one(tmp_path: Path) -> None:
    preview.draw([planned()], tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert page.startswith("<!doctype html>")
    assert picture.svg([planned()]) in page
    assert "warmup = 45 updates" in page
    preview.draw([planned()], tmp_path / "p.SVG")
    assert (tmp_path / "p.SVG").read_text().startswith(picture.svg([planned()]))
    pytest.importorskip("vl_convert")
    preview.draw([planned()], tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_has_rates_to_read(tmp_path: Path) -> None:
    plans = [planned(), ss.linear(0.4).plan(epochs=100, updates_per_epoch=100)]
    driven = planned(ss.constant(0.1) * ss.plateau(metric="</script>_loss"))
    preview.draw([*plans, driven], tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert page.count("</script>") == 1
    data = json.loads(next(line for line in page.splitlines() if line.startswith("const drawn = "))[14:-1])
    assert (data["counted"], data["end"]) == ("epoch", 100)
    assert data["curves"][2]["spec"] == str(driven.schedule)
    for curve, plan in zip(data["curves"], plans, strict=False):
        assert (curve["at"][0], curve["at"][-1]) == (0, plan.horizon - 1)
        assert curve["unit"] == plan.updates_per_epoch
        assert curve["rates"] == [f"{plan(t):.6g}" for t in curve["at"]]
    assert data["curves"][0]["at"] == list(range(450))
    assert len(data["curves"][1]["at"]) == preview.READ


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScheduleError, match=re.escape("does not end in .html, .png or .svg")):
        preview.draw([planned()], tmp_path / "p.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"output=.* cannot be written: .*; choose another file"):
        preview.draw([planned()], tmp_path / "file" / "p.svg")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(MissingExtra, match=re.escape('pip install "stepsize[report]"')):
        preview.draw([planned()], tmp_path / "p.png")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5_000), st.integers(1, 600))
def test_thinning_keeps_ends_and_extremes(values: list[float], columns: int) -> None:
    array = np.array(values)
    kept = picture.thinned(array, columns)
    assert len(kept) <= 2 * columns + 2
    assert (np.diff(kept) > 0).all()
    assert {kept[0], kept[-1]} == {0, len(array) - 1}
    assert (array[kept].min(), array[kept].max()) == (array.min(), array.max())


@pytest.mark.parametrize(
    ("schedule", "title"),
    [
        (ss.cosine(0.1), "learning rate, in a run of 50 epochs of 20 updates"),
        (ss.cosine(lr), "learning rate / lr, in a run of 50 epochs of 20 updates"),
        (ss.step_decay(0.1, every=40 * epochs), "learning rate, in a run of 80 epochs of 13 updates"),
        (ss.multistep(0.1, at=[3000 * updates]), "learning rate, in a run of 50 epochs of 120 updates"),
        (ss.constant(1e-300), "learning rate, in a run of 50 epochs of 20 updates"),
    ],
)
def test_a_notebook_shows_a_schedule_for_a_run_that_holds_it(schedule: Any, title: str) -> None:
    drawing = schedule._repr_svg_()
    assert f">{title}<" in drawing
    assert str(schedule) in [text.text for text in ET.fromstring(drawing).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    "schedule", [ss.warmup(5 * epochs), ss.plateau(), ss.constant(1, length=1e308 * updates)]
)
def test_a_schedule_that_has_no_picture_is_shown_as_text(schedule: Any) -> None:
    assert schedule._repr_svg_() is None


def test_a_notebook_shows_a_plan_as_it_is() -> None:
    assert planned()._repr_svg_() == picture.svg([planned()])


def asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[int, str, str]:
    """Run `stepsize preview` in this process; return its exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["stepsize", "preview", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    captured = capsys.readouterr()
    return int(str(caught.value.code)), captured.out, captured.err


@pytest.mark.parametrize(
    ("args", "run"),
    [
        ([], "50 epochs = 50 updates"),
        (["--epochs", "3", "--updates-per-epoch", "9"], "3 epochs = 27 updates"),
        (["--updates", "30"], "30 updates"),
        (["--updates", "30", "--updates-per-epoch", "9"], "3 epochs = 27 updates, and 3 more"),
    ],
)
def test_the_command_takes_the_run_in_epochs_or_updates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], run: str
) -> None:
    code, out, err = asked(monkeypatch, capsys, "cosine(lr)", *args)
    assert (code, err) == (0, "The free lr is shown as 0.1; --lr sets it.\n")
    assert out.splitlines()[0] == "cosine(0.1)"
    assert out.splitlines()[1].strip().startswith(run)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            ["--epochs", "3", "--updates", "30"],
            "--epochs 3 and --updates 30 both set the length of the run; give one of them",
        ),
        (["--updates", "0"], "'--updates'"),
        (["--epochs", "0"], "'--epochs'"),
        (["--updates-per-epoch", "0"], "'--updates-per-epoch'"),
        (["--lr", "-1"], "--lr -1 is not allowed; write a finite number above 0"),
        (["--lr", "inf"], "--lr inf is not allowed"),
        (["--lr", "0"], "--lr 0 is not allowed"),
        (["--output", "p.gif"], "does not end in .html, .png or .svg; use for example preview.html"),
        (["--output", "p"], "does not end in .html, .png or .svg"),
    ],
)
def test_the_command_refuses_a_run_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    code, out, err = asked(monkeypatch, capsys, "cosine(lr)", *args)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "spec", ["warmup(5*epochs) >> cosine(0.1)", "0.1 * per_epoch(cosine(1))", "step_decay(lr)"]
)
def test_the_command_asks_for_the_updates_of_an_epoch_by_its_flag(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spec: str
) -> None:
    code, _, err = asked(monkeypatch, capsys, "cosine(0.1)", spec, "--updates", "450")
    assert code == 2
    assert f"{spec} counts epochs; write --updates 450 --updates-per-epoch N" in err
    assert asked(monkeypatch, capsys, spec, "--updates", "450", "--updates-per-epoch", "9")[0] == 0


def test_the_command_refuses_a_rate_that_nothing_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = asked(monkeypatch, capsys, "cosine(0.1)", "--lr", "0.3")
    assert code == 2
    assert "--lr 0.3 has no effect; write lr in a schedule, such as cosine(lr)" in err
    code, out, _ = asked(monkeypatch, capsys, "cosine(0.1)", "linear(lr)", "--lr", "0.3")
    assert code == 0
    assert "linear(0.3)" in out
