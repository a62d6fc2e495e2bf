"""Modules of users are identified by their source and by that of the modules which they import."""

import sys

import pytest

from stepsize.user_modules import source_of

FILES = {
    "models.py": "import keras\nfrom parts.blocks import hidden",
    "parts/__init__.py": "",
    "parts/blocks.py": "from . import sizes\nfrom .sizes import WIDTH\nimport models",
    "parts/sizes.py": "WIDTH = 4",
    "parts/other.py": "",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_an_edited_module_that_is_imported_is_another_source(files, name):
    before = source_of("models")
    assert source_of("models") == before
    (files / name).write_text("EDITED = True")
    assert (source_of("models") != before) == (name != "parts/other.py")


def test_a_module_that_cannot_be_read_as_python_has_a_source(files):
    (files / "models.py").write_text("def")
    assert source_of("models")


def test_modules_of_python_and_of_this_package_have_none():
    assert [source_of(name) for name in (sys.__name__, "json", "stepsize.units", "")] == [""] * 4
