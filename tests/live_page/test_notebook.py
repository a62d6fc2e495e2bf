"""The widget of notebooks: the same module, and the same answers by the messages of a widget."""

import threading

import pytest

import stepsize
from stepsize.errors import StudyError

pytest.importorskip("anywidget")


def test_the_widget_answers_messages():
    widget = stepsize.explore("ionosphere", ["cosine(0.1)"], 5, epochs=2)
    replies, arrived = [], threading.Event()
    send = widget.send

    def keep(content, buffers=None):
        replies.append(content)
        send(content, buffers)
        arrived.set()

    widget.send = keep
    widget._handle_custom_msg({"id": "1", "kind": "shape", "spec": "cosine(0.1)"}, [])
    assert arrived.wait(30)
    assert replies[0]["curve"]["rate"][0] == 0.1
    assert "export default {render}" in widget._esm
    assert ".stepsize-explore" in widget._css
    widget.close()


def test_arguments_are_checked_before_anything_starts():
    with pytest.raises(StudyError, match="unknown argument 'epoch'"):
        stepsize.explore("ionosphere", epoch=3)
