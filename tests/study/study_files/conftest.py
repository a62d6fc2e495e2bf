"""A study file in a folder of its own."""

from __future__ import annotations

import pytest

from tests.support.study_files import FILE, TABLE


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "studies"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "t.csv").write_text(TABLE)
    (folder / "s.toml").write_text(FILE)
    return folder / "s.toml"
