"""Progress in a notebook: one output that is rewritten, and cleared at the end."""

import pytest

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

import nbformat
from nbclient import NotebookClient

CELLS = [
    "import time, stepsize as ss\nfrom stepsize.resources import print_message",
    "found = ss.find(lambda rate: time.sleep(0.02) or 1.0, updates=20)",
    "print_message('A message.')",
]


def test_a_notebook_shows_progress_in_one_output_and_messages_as_plain_text(tmp_path):
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    shown = []
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        timeout=60,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    handle = client.process_message

    def keep(message, cell, index):
        if message["msg_type"] in ("display_data", "update_display_data"):
            shown.append(message["content"]["data"]["text/plain"])
        return handle(message, cell, index)

    client.process_message = keep
    notebook = client.execute()
    assert shown[0].startswith("sweep 1: ")
    assert shown[0].endswith(" of 20 updates")
    assert shown[-1] == ""
    (progress,) = notebook.cells[1].outputs
    assert progress["data"] == {"text/plain": ""}
    (message,) = notebook.cells[2].outputs
    assert (message["name"], message["text"]) == ("stdout", "A message.\n")
