"""Data: what loads, and what is refused in one clear line."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems import data as data_module
from stepsize.problems.data import FASHION_FILES, Data, bundled, fashion_mnist, from_csv, ionosphere, load

GOOD = "a,b,kind\n" + "\n".join(f"{i},{i * i},{'xy'[i % 2]}" for i in range(8)) + "\n"


def write(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_ionosphere_is_the_lessons_table():
    data = ionosphere()
    assert data.x.shape == (351, 34)
    assert data.x.dtype == np.float32
    assert (data.x[:, 1] == 0).all()
    assert "CC BY 4.0" in data.source
    assert data.y[-116:].sum() == 107


@pytest.mark.parametrize(
    ("name", "rows", "classes"),
    [("iris", 150, 3), ("wine", 178, 3), ("breast-cancer", 569, 2), ("digits", 1797, 10)],
)
def test_bundled_sets(name, rows, classes):
    data = bundled(name)
    assert len(data.x) == len(data.y) == rows
    assert len(data.classes) == classes == len(np.unique(data.y))


def test_csv(tmp_path):
    data = from_csv(write(tmp_path, GOOD), "kind")
    assert data.x.tolist() == [[i, i * i] for i in range(8)]
    assert data.classes == ("x", "y")
    assert data.y.tolist() == [0, 1] * 4


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("", "kind", ["is empty"]),
        ("a,kind\n", "kind", ["is empty"]),
        (GOOD, None, ["--target kind"]),
        (GOOD, "kinds", ["unknown target column 'kinds'", "did you mean 'kind'?"]),
        (GOOD + "1,2\n", "kind", ["line 10", "2 values for the 3 columns"]),
        (GOOD + "1,red,x\n", "kind", ["line 10", "column 'b'", "text 'red' where a number belongs"]),
        (GOOD + "1,,x\n", "kind", ["line 10", "column 'b'", "an empty cell"]),
        (GOOD + "1,nan,x\n", "kind", ["line 10", "column 'b'", "not finite"]),
        (GOOD + "1,inf,x\n", "kind", ["line 10", "not finite"]),
        (GOOD + "1,2,\n", "kind", ["line 10", "class is missing"]),
        (GOOD.replace("y\n", "x\n"), "kind", ["one class only", "'x'"]),
        ("a,a,kind\n1,2,x\n", "kind", ["two columns are called 'a'"]),
        ("a,kind\n1,x\n2,y\n", "kind", ["2 rows"]),
        ("a,v\n" + "\n".join(f"{i},{i / 7}" for i in range(40)), "v", ["a quantity"]),
    ],
)
def test_bad_csv(tmp_path, text, target, words):
    with pytest.raises(ProblemError) as caught:
        from_csv(write(tmp_path, text), target)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_binary_files(tmp_path):
    with pytest.raises(ProblemError, match="does not exist"):
        from_csv(tmp_path / "none.csv", "kind")
    with pytest.raises(ProblemError, match="cannot be read as CSV"):
        from_csv(tmp_path, "kind")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x81" * 10)
    with pytest.raises(ProblemError, match="cannot be read as CSV"):
        from_csv(tmp_path / "b.csv", "kind")


def test_unknown_name():
    with pytest.raises(ProblemError, match="did you mean 'digits'"):
        load("digit")


def test_data_refuses_what_does_not_fit():
    with pytest.raises(ProblemError, match="x has 5 rows and y has 4"):
        Data("d", np.zeros((5, 1), np.float32), np.zeros(4, np.int32), ("a", "b"), "made up", "binary")


def test_digest_changes_with_a_value():
    first, second = ionosphere(), ionosphere()
    assert first.digest == second.digest
    second.x[3, 3] += 1
    assert first.digest != second.digest


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_from_idx_files(tmp_path, zipped):
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, n, shape, np.uint8)
        for n, shape in ((256, (6, 28, 28)), (10, 6), (256, (4, 28, 28)), (10, 4))
    ]
    for name, array in zip(FASHION_FILES, arrays, strict=True):
        (tmp_path / f"{name}.gz" if zipped else tmp_path / name).write_bytes(
            gzip.compress(idx(array)) if zipped else idx(array)
        )
    data = fashion_mnist(tmp_path)
    assert data.x.shape == (10, 28, 28)
    assert data.test is not None
    assert data.test.tolist() == [6, 7, 8, 9]
    np.testing.assert_array_equal((data.x[:6] * 255).round(), arrays[0])
    np.testing.assert_array_equal(data.y[6:], arrays[3])


def test_fashion_mnist_absent_or_broken(tmp_path, monkeypatch):
    with pytest.raises(ProblemError, match="does not hold the four IDX files"):
        fashion_mnist(tmp_path)
    for name in FASHION_FILES:
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(ProblemError, match="is not an IDX file"):
        fashion_mnist(tmp_path)
    monkeypatch.setattr(data_module, "FASHION_FOLDERS", ())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("socket.socket.connect", _no_network)
    with pytest.raises(ProblemError, match="dataset-fashion-mnist"):
        fashion_mnist()


def _no_network(*args):
    raise OSError("no network in tests")


def test_fashion_mnist_of_this_machine():
    if not any(Path(folder).is_dir() for folder in data_module.FASHION_FOLDERS):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = fashion_mnist()
    assert data.x.shape == (70_000, 28, 28)
    assert np.bincount(data.y).tolist() == [7_000] * 10
