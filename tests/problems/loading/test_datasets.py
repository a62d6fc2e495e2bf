"""Datasets of PyTorch, TensorFlow and Hugging Face, read by `load`."""

import json
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 3


def assert_rows(data):
    """Check that the data holds these rows and class numbers."""
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)


def test_the_check_above_can_fail():
    with pytest.raises(AssertionError):
        assert_rows(load((X + 1, Y)))


def save_arrow(folder: Path, frame, names):
    """Write a folder as `save_to_disk` of Hugging Face datasets does."""
    folder.mkdir(parents=True)
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    with pyarrow.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as writer:
        writer.write_table(table)
    features = {"label": {"names": names, "_type": "ClassLabel"}, "n": {"dtype": "float64", "_type": "Value"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]})
    )


def test_a_folder_saved_by_hugging_face(tmp_path):
    frame = pandas.DataFrame({"n": np.arange(12.0), "label": Y})
    save_arrow(tmp_path / "plain", frame, ["a", "b", "c"])
    data = load(tmp_path / "plain", "label")
    assert (data.classes, data.x.shape) == (("a", "b", "c"), (12, 1))
    for part in ("train", "test"):
        save_arrow(tmp_path / "parts" / part, frame, ["a", "b", "c"])
    (tmp_path / "parts" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    data = load(tmp_path / "parts", "label")
    assert data.x.shape == (24, 1)
    assert data.test.tolist() == list(range(12, 24))
    (tmp_path / "plain" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(ProblemError, match="is not a complete Hugging Face dataset"):
        load(tmp_path / "plain", "label")


def test_pytorch_datasets():
    torch = pytest.importorskip("torch")

    class Items(torch.utils.data.Dataset):
        classes = ("a", "b", "c")

        def __len__(self):
            return 12

        def __getitem__(self, i):
            return torch.tensor(X[i]), int(Y[i])

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from ()

    class Ragged(Items):
        def __getitem__(self, i):
            return torch.zeros(i), 0

    class Bare(Items):
        def __getitem__(self, i):  # pyright: ignore[reportIncompatibleMethodOverride]
            return (torch.tensor(X[i]),)

    assert_rows(load(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))))
    data = load(Items())
    assert_rows(data)
    assert data.classes == ("a", "b", "c")
    for dataset, words in (
        (Endless(), "has no length"),
        (Ragged(), "its items differ in shape"),
        (Bare(), "this one has 1 parts"),
    ):
        with pytest.raises(ProblemError, match=words):
            load(dataset)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
@pytest.mark.slow
def test_tf_data_datasets():
    tf = pytest.importorskip("tensorflow")
    rows = tf.data.Dataset.from_tensor_slices((X, Y))
    for dataset in (rows, rows.batch(5), rows.batch(4, drop_remainder=True)):
        assert_rows(load(dataset))
    named = tf.data.Dataset.from_tensor_slices(({"a": X, "b": X}, Y, np.ones(12, np.float32)))
    assert set(load(named.batch(3)).inputs) == {"a", "b"}
    assert load(named).weights.tolist() == [1] * 12
    one_hot = tf.data.Dataset.from_tensor_slices((X, np.eye(3)[Y]))
    assert load(one_hot).kind == load(one_hot.batch(5)).kind == "multiclass"
    for dataset, words in (
        (rows.repeat(), "repeats forever"),
        (tf.data.Dataset.from_tensor_slices(X), r"must yield \(x, y\)"),
        (rows.take(0), "is empty"),
    ):
        with pytest.raises(ProblemError, match=words):
            load(dataset)
