"""Child processes: answers, progress and errors arrive, prints do not disturb them, and death is reported."""

import textwrap

import pytest

from stepsize.errors import MissingExtra, StudyError
from stepsize.process import BROKEN, Child, WorkerError

WORKER = """
    import os
    from stepsize.errors import MissingExtra, StudyError
    from stepsize.process import serve

    prepared = []

    def answer(request, progress):
        print("printed by the child")
        if request == "refuse":
            raise StudyError("seeds=0 is wrong")
        if request == "extra":
            raise MissingExtra("timm", "torch")
        if request == "fail":
            raise KeyError("no such column")
        if request == "die":
            os.write(2, b"last line\\n")
            os._exit(7)
        for share in (0.5, 1.0):
            progress(share)
        return request, prepared

    serve(answer, lambda: prepared.append("ready"))
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "a_worker.py").write_text(textwrap.dedent(WORKER))
    monkeypatch.syspath_prepend(tmp_path)
    started = Child("a_worker")
    yield started
    if started._process.poll() is None:
        started.end()


def test_answers_and_progress(child):
    shares = []
    assert child.ask("hello", shares.append) == ("hello", ["ready"])
    assert shares == [0.5, 1.0]


def test_errors_arrive_and_the_next_request_is_served(child):
    with pytest.raises(StudyError, match="seeds=0 is wrong"):
        child.ask("refuse")
    with pytest.raises(MissingExtra, match=r'timm is not installed: pip install "stepsize\[torch\]"'):
        child.ask("extra")
    with pytest.raises(WorkerError, match="KeyError: 'no such column'") as caught:
        child.ask("fail")
    with open(caught.value.traceback_path) as file:
        assert 'raise KeyError("no such column")' in file.read()
    assert child.ask("again")[0] == "again"


def test_a_death_is_reported_with_its_last_message(child):
    with pytest.raises(BROKEN):
        child.ask("die")
    assert child.reap() == "(exit status 7); its last message: last line"
