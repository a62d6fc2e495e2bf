"""Objects of libraries are identified by what they hold, in every process alike, or a note names them."""

import pickle

import pytest

from stepsize.problems.code_identity import code_digest, identity_notes
from stepsize.study.user_functions.function_process import FunctionProcess
from stepsize.study.user_functions.torch_series import ENVIRONMENT

NUMPY = "import numpy as np"
TORCH = "import torch; torch.manual_seed(0); from torch import nn; from torch.utils.data import *"
PANDAS = "import pandas as pd"
ONES = "torch.cat([torch.ones(2000), torch.tensor([4.])])"
OBJECTS = {  # objects before an edit from 4 to 8
    "TensorDataset": f"{TORCH}; USED = TensorDataset({ONES})",
    "DataLoader": f"{TORCH}; USED = DataLoader(TensorDataset({ONES}))",
    "batch size": f"{TORCH}; USED = DataLoader(range(9), batch_size=4)",
    "Subset": f"{TORCH}; USED = Subset(range(9), [1, 4])",
    "class weights": f"{TORCH}; USED = nn.CrossEntropyLoss(weight=torch.tensor([1., 4.]))",
    "label smoothing": f"{TORCH}; USED = nn.CrossEntropyLoss(label_smoothing=0.4)",
    "pos_weight": f"{TORCH}; USED = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.))",
    "delta": f"{TORCH}; USED = nn.HuberLoss(delta=0.4)",
    "weights": f"{TORCH}; USED = nn.Sequential(nn.Linear(1, 1)); nn.init.constant_(USED[0].weight, 4)",
    "frozen weights": f"{TORCH}; USED = nn.Linear(1, 1).requires_grad_(4 > 5)",
    "hooks": f"{TORCH}; USED = nn.Linear(1, 1); USED.register_forward_hook(lambda *_: 4)",
    "compiled": f"{TORCH}; USED = nn.Linear(1, 4); USED = torch.compile(USED, backend='eager')",
    "optimizer": f"{TORCH}; USED = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.4)",
    "bfloat16": f"{TORCH}; USED = {ONES}.bfloat16()",
    "sparse tensor": f"{TORCH}; USED = {ONES}.to_sparse()",
    "scaler": "from sklearn.preprocessing import StandardScaler; USED = StandardScaler().fit([[1.], [4.]])",
    "forest": "from sklearn.ensemble import RandomForestClassifier\n"
    "USED = RandomForestClassifier(4, random_state=0).fit([[1.], [2.], [3.]], [0, 1, 0])",
    "vocabulary": "from sklearn.feature_extraction.text import TfidfVectorizer\n"
    "USED = TfidfVectorizer(stop_words='english').fit(['dog ran', 'cat b44'])",
    "scipy": f"{NUMPY}; import scipy.sparse; USED = scipy.sparse.csr_matrix(np.array([[0, 4]]))",
    "masked": f"{NUMPY}; USED = np.ma.array([1, 2], mask=[0, 4 > 5])",
    "masked numbers": f"{NUMPY}; USED = np.ma.array([1, 4], mask=[0, 1])",
    "structured": f"{NUMPY}; USED = np.zeros(3, np.dtype('u1,f8', align=True)); USED['f1'] = 4",
    "columns": f"{PANDAS}; USED = pd.DataFrame([[1, 2]], columns=['a', 'b4'])",
    "index": f"{PANDAS}; USED = pd.Series([1, 2], index=[1, 4])",
    "categories": f"{PANDAS}; USED = pd.Series(pd.Categorical(['a'], categories=['a', '4']))",
    "polars": "import polars; USED = polars.DataFrame({'a4': [1]})",
    "arrow": "import pyarrow; USED = pyarrow.table({'a': [1, 4, None]}).slice(1)",
    "datasets": "import datasets; USED = datasets.Dataset.from_dict({'a': [1, 4]}).with_format('torch')",
    "keras": "import keras; USED = keras.Sequential([keras.Input((1,)), keras.layers.Dense(4)])\n"
    "USED.set_weights([w * 0 + 4 for w in USED.get_weights()])",
    "keras loss": "import keras; USED = keras.losses.Huber(delta=0.4)",
    "closure of a library": "import optax; USED = optax.sgd(0.4)",
    "pydantic": "import pydantic\nclass Net(pydantic.BaseModel):\n  width: int = 4\nUSED = Net()",
    "deque": "from collections import deque; USED = deque([4])",
    "range": "USED = range(4)",
    "iterator": "USED = iter([1, 4])",
    "pattern": "import re; USED = re.compile('4')",
    "list of the user's": "class Net(list):\n  pass\nUSED = Net([4])",
    "attribute of a dict": "class Net(dict):\n  pass\nUSED = Net()\nUSED.width = 4",
    "shared": "first, second = [1], [2]\nUSED = [first, second, [first, second][4 > 5]]",
    "set": "USED = [{('a', frozenset('bcd')), ('e', frozenset('fgh4')), 'i'}]",
    "of another library": "import functools, operator; USED = functools.partial(operator.add, 4)",
}
OPTIONAL = ("datasets", "optax", "polars")


def train_of(source):
    names = {"__name__": "notebook"}
    exec(source + "\ndef train(schedule, seed, report): return USED", names)
    return names["train"]


def digest(source):
    for name in OPTIONAL:
        if f"import {name}" in source:
            pytest.importorskip(name)
    train = train_of(source)
    assert identity_notes([train]) == []
    return code_digest(train)


@pytest.mark.parametrize("source", OBJECTS.values(), ids=list(OBJECTS))
def test_what_an_object_holds_counts(source):
    assert digest(source) == digest(source) != digest(source.replace("4", "8"))


class Source:
    """What is run as code where it is unpacked."""

    def __init__(self, source):
        self.source = source

    def __reduce__(self):
        return train_of, (self.source,)


def digest_there(source):
    process = FunctionProcess(pickle.dumps(Source(source)), "train", ENVIRONMENT)
    try:
        return process.digest()
    finally:
        process.close()


def test_digests_are_the_same_in_another_process(series_process):
    known = [
        source for source in OBJECTS.values() if not any(f"import {name}" in source for name in OPTIONAL)
    ]
    assert [digest_there(source) for source in known] == [digest(source) for source in known]


USES = {  # an object, and what is done with it that changes nothing of what it holds
    "a loader that is read": (f"{TORCH}; USED = DataLoader(range(9))", "USED._iterator = iter(USED)"),
    "a frame that is joined in memory": (f"{PANDAS}; USED = pd.DataFrame({{'a': [1]}}); USED['b'] = 2",
                                         "USED._consolidate_inplace()"),
    "a sparse matrix": (f"{NUMPY}; import scipy.sparse\n"
                        "USED = scipy.sparse.csr_matrix(np.eye(2))", "USED.has_sorted_indices"),
    "a cached attribute": ("from functools import cached_property\nclass Net:\n  @cached_property\n"
                           "  def width(self): return object()\nUSED = Net()", "USED.width"),
    "a lock": ("import threading; USED = threading.Lock()", "USED.acquire()"),
    "a method of random numbers": ("import random; USED = random.shuffle", "USED([1, 2])"),
    "an attribute with the name of a variable": ("width = 1\ndef USED(net): return net.width", "width = 2"),
    "a compiled module, once Lightning is imported": (
        f"{TORCH}; USED = torch.compile(nn.Linear(1, 4), backend='eager')",
        "USED._orig_mod._compile_kwargs = {'mode': None}"),
    "a compiled function": (f"{TORCH}; USED = torch.compile(lambda x: 2 * x, backend='eager')", "pass"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "use"), USES.values(), ids=list(USES))
def test_using_an_object_does_not_change_it(source, use):
    assert digest(source) == digest(f"{source}\n{use}")


NAMED = {  # what cannot be identified, and the type in its note
    "a generator": ("USED = (4 for _ in range(3))", "'USED' (generator)"),
    "a file": ("import sys; USED = sys.__stderr__", "'USED' (TextIOWrapper)"),
    "random numbers": (f"{NUMPY}; USED = np.random.default_rng()", "'USED' (Generator)"),
    "in a loader": (f"{TORCH}; USED = DataLoader([4], generator=torch.Generator())", "'USED' (Generator)"),
    "in a closure": ("def make(batches):\n  return lambda: batches\nUSED = make(iter(x for x in [4]))",
                     "'batches' (generator)"),
    "in an object of the user's": ("import sys\nclass Net: pass\nUSED = Net(); USED.file = sys.__stderr__",
                                   "'USED' (TextIOWrapper)"),
    "an object with a thread": ("import concurrent.futures as f; USED = f.ThreadPoolExecutor(4)",
                                "'USED' (ThreadPoolExecutor)"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "named"), NAMED.values(), ids=list(NAMED))
def test_what_cannot_be_identified_is_named_once(source, named):
    names = {"__name__": "notebook"}
    exec(source + "\ndef train(schedule, seed, report): return USED, USED", names)
    assert identity_notes([names["train"]]) == [
        f"{named} is not part of what identifies the study; give the study another name if you change it"
    ]
    assert code_digest(names["train"]) == code_digest(names["train"])


def test_what_is_known_beside_what_is_not_still_counts():
    digests = []
    for width in (4, 4, 8):
        names = {"__name__": "notebook", "width": width}
        exec("import sys\nclass Net: pass\nUSED = Net(); USED.file = sys.__stderr__", names)
        exec("USED.width = [width]\ndef train(schedule, seed, report): return USED", names)
        digests.append(code_digest(names["train"]))
    assert digests[0] == digests[1] != digests[2]
