"""An edited function is another fingerprint, whatever part of it was edited, and the same one is the same."""

import subprocess
import sys
from functools import partial

import pytest

from stepsize.problems.code_identity import code_digest

EDITED = {  # what a function uses, before and after an edit from 4 to 8
    "dict": "USED = {'width': 4}",
    "list": "USED = ['a', [4]]",
    "set": "USED = {4, 'a', 'b'}",
    "constant": "USED = 4",
    "array": "import numpy as np; USED = np.full(3, 4)",
    "array of objects": "import numpy as np; USED = np.array([{'width': 4}])",
    "numpy number": "import numpy as np; USED = np.float32(4)",
    "path": "from pathlib import Path; USED = Path('4')",
    "namespace": "from types import SimpleNamespace; USED = SimpleNamespace(width=4)",
    "class attribute": "class USED:\n  width = 4",
    "static method": "class USED:\n  @staticmethod\n  def width(): return 4",
    "property": "class USED:\n  @property\n  def width(self): return 4",
    "base class": "class Base:\n  width = 4\nclass USED(Base): pass",
    "instance": "class Net:\n  def __init__(self, width): self.width = width\nUSED = Net(4)",
    "slots": "class Net:\n  __slots__ = ['width']\nUSED = Net()\nUSED.width = 4",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass Net:\n  width: int = 4\nUSED = Net()",
    "enum": "import enum\nclass Width(enum.Enum):\n  SMALL = 4\nUSED = Width.SMALL",
    "partial": "from functools import partial\ndef net(width): pass\nUSED = partial(net, 4)",
    "bound method": "class Net:\n  def net(self): pass\nnet = Net()\nnet.width = 4\nUSED = net.net",
    "cached function": "from functools import lru_cache\n@lru_cache\ndef USED(): return 4",
    "default": "def USED(width={'a': 4}): pass",
    "closure": "def outer(width):\n  def inner(): return width\n  return inner\nUSED = outer([4])",
    "two closures": "def outer(w):\n  def inner(): return w\n  return inner\nUSED = [outer(4), outer(9)]",
    "cycle": "USED = [4]; USED.append(USED)",
}


def digest(source):
    names = {"__name__": "notebook"}
    exec(source + "\ndef train(schedule, seed, report): return USED", names)
    return code_digest(names["train"])


@pytest.mark.parametrize("source", EDITED.values(), ids=list(EDITED))
def test_an_edit_is_another_digest(source):
    assert digest(source) == digest(source) != digest(source.replace("4", "8"))


def test_digests_are_the_same_in_another_process():
    code = (
        "from tests.problems.test_code_identity import EDITED, digest\nprint(*map(digest, EDITED.values()))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == list(map(digest, EDITED.values()))


class Trainer:
    def __init__(self, width):
        self.width = width

    def train(self, schedule, seed, report):
        return self.width

    __call__ = train


@pytest.mark.parametrize(
    "form", [lambda width: partial(print, width=width), lambda width: Trainer(width).train, Trainer]
)
def test_arguments_and_objects_of_a_function_count(form):
    assert code_digest(form(4)) == code_digest(form(4)) != code_digest(form(8))


@pytest.mark.parametrize("place", ["import helper", "from helper import WIDTH", ""])
def test_an_edited_module_that_is_imported_is_another_digest(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "helper", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for width in (4, 4, 8):
        (tmp_path / "helper.py").write_text(f"WIDTH = 1\ndef net(): return {width}")
        inside = "" if place else "from helper import net"
        names = {"__name__": "notebook"}
        exec(f"{place.replace('WIDTH', 'net')}\ndef train(*a):\n  {inside or 'helper'}\n  return net", names)
        digests.append(code_digest(names["train"]))
    assert digests[0] == digests[1] != digests[2]
