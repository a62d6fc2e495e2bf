"""Fashion-MNIST: from IDX files, plain or gzipped, and clear about what is absent."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading import fashion_mnist
from stepsize.problems.loading.catalog import load
from stepsize.problems.loading.fashion_mnist import FASHION_FILES
from stepsize.problems.loading.fashion_mnist import fashion_mnist as load_fashion_mnist


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
    data = load("fashion_mnist", folder=tmp_path)
    assert data.x.shape == (10, 28, 28)
    assert data.test is not None
    assert data.test.tolist() == [6, 7, 8, 9]
    np.testing.assert_array_equal((data.x[:6] * 255).round(), arrays[0])
    np.testing.assert_array_equal(data.y[6:], arrays[3])


@pytest.mark.parametrize("sizes", [(6, 4, 4, 6), (6, 5, 4, 5)])
def test_images_and_labels_that_do_not_belong_together_are_refused(tmp_path, sizes):
    shapes = [(sizes[0], 28, 28), (sizes[1],), (sizes[2], 28, 28), (sizes[3],)]  # as many labels as images
    for name, shape in zip(FASHION_FILES, shapes, strict=True):
        (tmp_path / name).write_bytes(idx(np.zeros(shape, np.uint8)))
    with pytest.raises(ProblemError, match=r"'.*train-labels-idx1-ubyte' has shape .*; one label is needed"):
        load("fashion_mnist", folder=tmp_path)


def test_fashion_mnist_absent_or_broken(tmp_path, monkeypatch):
    with pytest.raises(ProblemError, match="does not hold the four IDX files"):
        load_fashion_mnist(tmp_path)
    signed = bytes([0, 0, 9]) + idx(np.zeros((2, 28, 28), np.int8))[3:]
    for content, words in ((b"no", "6e 6f"), (signed, "00 00 09")):
        for name in FASHION_FILES:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(
            ProblemError, match=f"is not an IDX file of bytes: it begins with {words}, not 00"
        ):
            load_fashion_mnist(tmp_path)
    monkeypatch.setattr(fashion_mnist, "FASHION_FOLDERS", ())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("socket.socket.connect", _no_network)
    with pytest.raises(ProblemError, match="dataset-fashion-mnist"):
        load_fashion_mnist()


def _no_network(*args):
    raise OSError("no network in tests")


def test_fashion_mnist_of_this_machine():
    if not any(Path(folder).is_dir() for folder in fashion_mnist.FASHION_FOLDERS):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    data = load_fashion_mnist()
    assert data.x.shape == (70_000, 28, 28)
    assert np.bincount(data.y).tolist() == [7_000] * 10
