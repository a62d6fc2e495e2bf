"""Progress: one line rewritten on a terminal, a line now and then elsewhere, silence when asked."""

import io
from pathlib import Path

import pytest

import stepsize as ss
from stepsize.report.terminal import progress as progress_line
from stepsize.report.terminal.progress import ProgressLine, describe
from stepsize.study.runner import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(stream, quiet=False):
    with ProgressLine(stream, quiet) as line:
        for stage in ("tuning rates", "comparing"):
            for done in range(0, 100, 10):
                line.show(Progress(total=200, found=0, done=done, stage=stage, rate=done))
    return stream.getvalue()


@pytest.mark.parametrize(("wait", "lines"), [(0.0, 20), (100.0, 2)])
def test_a_terminal_has_one_line_that_is_cleared_at_the_end(monkeypatch, wait, lines):
    monkeypatch.setattr(progress_line, "REDRAW", wait)
    shown = show(Terminal())
    assert "\n" not in shown
    assert shown.count("\r") == lines + 1
    assert shown.endswith("\r\x1b[K")


def test_a_range_test_shows_its_sweeps_if_it_takes_long(monkeypatch, capsys):
    ss.find(lambda rate: 1.0, updates=20)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress_line, "EVERY", 0.0)
    ss.find(lambda rate: 1.0, updates=20)
    assert capsys.readouterr().err.splitlines()[:2] == [f"sweep 1: {n} of 20 updates" for n in (1, 2)]
    ss.find(lambda rate: 1.0, updates=20, quiet=True)
    assert capsys.readouterr().err == ""


def test_elsewhere_each_stage_has_its_line():
    assert [line.partition(":")[0] for line in show(io.StringIO()).splitlines()] == [
        "tuning rates",
        "comparing",
    ]


def test_a_message_takes_the_place_of_the_line(capsys):
    stream = Terminal()
    line = ProgressLine(stream)
    line.show(Progress(total=2, found=0, done=1, stage="comparing"))
    line.above(stream.write)("The disk is full.\n")
    assert stream.getvalue() == "\r\x1b[Kcomparing: 1 of 2 runs\r\x1b[KThe disk is full.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_a_full_disk_does_not_end_a_study():
    stream = open("/dev/full", "w")  # noqa: SIM115, closing it raises again
    with ProgressLine(stream) as line:
        for done in range(2):
            line.show(Progress(total=2, found=0, done=done, stage=f"stage {done}"))
    with pytest.raises(OSError, match="No space left"):
        stream.close()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_quiet_is_silent(stream):
    assert show(stream(), quiet=True) == ""


def test_no_pace_and_no_time_left_before_a_run_is_made():
    progress = Progress(total=21, found=4, done=4.05, stage="comparing", rate=0.002)
    assert describe(progress) == "comparing: 4 of 21 runs"


def test_rate_and_remaining_time_count_what_was_trained_now():
    progress = Progress(total=100, found=40, done=60, stage="comparing", rate=10)
    assert progress.remaining == 4
    assert describe(progress) == "comparing: 60 of 100 runs, 10 runs per second, 4.0 s left"
