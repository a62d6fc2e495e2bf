"""What `load` takes beside tables: names, arrays and NumPy files."""

import zipfile

import keras
import numpy as np
import pytest
from sklearn import datasets

from stepsize.errors import MissingExtra, ProblemError
from stepsize.problems.loading import catalog
from stepsize.problems.loading.catalog import bundled, ionosphere, load
from stepsize.problems.problem import Problem, problem
from tests.support.images import PIXELS, draw

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 3


def assert_rows(data, x=X, y=Y):
    """Check that the data holds these rows and class numbers."""
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, y)


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
    assert load(name.replace("-", "_")).digest == data.digest


def test_a_bundled_set_with_a_quantity():
    data = bundled("diabetes")
    assert (data.kind, data.inputs[""].shape, data.prepare) == ("regression", (442, 10), True)
    np.testing.assert_array_equal(data.y.ravel(), datasets.load_diabetes().target)


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("digit", {}, "did you mean 'digits'"),
        ("iris", {"target": "species"}, "data 'iris' has a target"),
        ("iris", {"groups": "plant"}, "data 'iris' has a target"),
        ("openml:iris", {}, "named by its number, such as openml:40984"),
        (3, {}, "data of type int cannot be loaded"),
        ((X,), {}, "data of type tuple cannot be loaded"),
        ({"a": X}, {}, "data of type dict cannot be loaded"),
        ((X, Y[:5]), {}, "x has 12 rows and y has 5"),
        ((X, 3), {}, "y is int, not an array"),
        (([[1, 2], [3]], [0, 1]), {}, "all rows must have one length"),
        ((np.array([["a"]] * 12), Y), {}, "not numbers; pass a table"),
        ((X, Y), {"groups": "plant"}, "has no columns: pass groups as an array, not 'plant'"),
        ((X, Y), {"kind": "binary"}, "kind='binary' needs two classes; found 3"),
    ],
)
def test_refused(source, options, words):
    with pytest.raises(ProblemError, match=words):
        load(source, **options)


def test_arrays():
    data = load((X.tolist(), Y.tolist()), name="mine")
    assert_rows(data)
    assert (data.name, data.kind, data.prepare) == ("mine", "multiclass", True)
    data = load((X, Y, np.linspace(1, 2, 12)), groups=np.arange(12) // 2)
    assert data.weights[-1] == 2
    assert data.groups.tolist() == (np.arange(12) // 2).tolist()
    assert load((np.arange(12.0), Y)).x.shape == (12, 1)
    assert load(data) is data
    assert Problem("mlp(3)", (X, Y)).data.kind == "multiclass"
    assert problem((X, Y)).epochs == 50


def test_pixels_tokens_and_numbers():
    images = load((PIXELS, Y))
    np.testing.assert_array_equal(images.x, PIXELS / np.float32(255))
    assert not images.prepare
    assert "x: pixels, divided by 255" in images.notes
    tokens = load((np.arange(24).reshape(12, 2), Y))
    assert (tokens.x.dtype, tokens.prepare) == (np.int32, False)
    assert "kept as they are for embeddings" in tokens.notes[1]
    numbers = load((np.arange(24).reshape(12, 2), Y), prepare=True)
    assert (numbers.x.dtype, numbers.prepare) == (np.float32, True)
    assert not load((X.reshape(12, 3, 1), Y)).prepare


def test_several_inputs():
    data = load(({"image": PIXELS, "numbers": X}, Y))
    assert set(data.inputs) == {"image", "numbers"}
    assert data.prepare
    assert data.inputs["image"].max() <= 1


def test_parts_given_as_arrays():
    data = load({"train": (X[:6], Y[:6]), "validation": (X[6:9], Y[6:9]), "test": (X[9:], Y[9:])})
    assert_rows(data)
    assert data.part.tolist() == ["train"] * 6 + ["valid"] * 3 + ["test"] * 3
    assert data.test.tolist() == [9, 10, 11]
    parts = Problem("mlp(3)", data).parts(0, judge=False)
    assert (parts.train.tolist(), parts.valid.tolist()) == (list(range(6)), [6, 7, 8])
    both = load({"train": ({"a": X[:6], "b": X[:6]}, Y[:6]), "test": ({"a": X[6:], "b": X[6:]}, Y[6:])})
    assert both.part is None
    assert both.test.tolist() == list(range(6, 12))


@pytest.mark.parametrize("compressed", [True, False])
def test_npz(tmp_path, compressed):
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "d.npz", x=X, y=Y, who=np.arange(12) // 2)
    data = load(tmp_path / "d.npz", groups="who")
    assert_rows(data)
    assert isinstance(data.x.base, np.memmap) == (not compressed)
    assert data.groups.tolist() == (np.arange(12) // 2).tolist()
    data = load(tmp_path / "d.npz", "y", drop="who")
    assert_rows(data)
    save(tmp_path / "two.npz", left=X, right=np.asfortranarray(X[:, ::-1]), kind=Y)
    data = load(tmp_path / "two.npz", "kind")
    np.testing.assert_array_equal(data.inputs["right"], X[:, ::-1])
    save(tmp_path / "parts.npz", x_train=X[:8], y_train=Y[:8], x_test=X[8:], y_test=Y[8:])
    data = load(tmp_path / "parts.npz")
    assert_rows(data)
    assert data.test.tolist() == [8, 9, 10, 11]


def test_npy_pairs_stay_on_disk(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    data = load(tmp_path / "x.npy", "y.npy")
    assert_rows(data)
    assert isinstance(data.x.base, np.memmap)


def test_numpy_files_refused(tmp_path):
    np.savez(tmp_path / "d.npz", features=X, outcome=Y)
    np.savez(tmp_path / "only.npz", y=Y)
    np.savez(tmp_path / "parts.npz", x_train=X, y_train=Y, z_test=X)
    np.savez(tmp_path / "two.npz", x=X, y=Y, labels=Y)
    np.savez(tmp_path / "objects.npz", x=np.array([{}] * 4, object), y=Y[:4])
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "bad.npz").write_text("no")
    (tmp_path / "bad.npy").write_text("no")
    for name, target, words in (
        ("d.npz", None, "the array to predict, one of features, outcome, such as target='y'"),
        ("d.npz", "outcom", "unknown target array 'outcom'; did you mean 'outcome'"),
        ("two.npz", None, "holds 'y' and 'labels'; name the target, and drop what is not an input"),
        ("only.npz", None, "no array besides the target"),
        ("parts.npz", None, "each part needs two, x_test and y_test"),
        ("objects.npz", None, "Python objects"),
        ("x.npy", None, "such as target='y.npy'"),
        ("x.npy", "none.npy", "'none.npy' does not exist"),
        ("none.npz", None, "does not exist"),
        ("bad.npz", None, "cannot be read as NumPy arrays"),
        ("bad.npy", "bad.npy", "cannot be read as NumPy arrays"),
    ):
        with pytest.raises(ProblemError, match=words):
            load(tmp_path / name, target)


def test_what_names_a_column_is_refused_where_there_are_none(tmp_path):
    draw(tmp_path / "images" / "a", PIXELS)
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    np.save(tmp_path / "x.npy", X)
    for source, options, words in (
        ((X, Y), {"target": "kind"}, r"target='kind' is for tables, and \(x, y\) has no columns"),
        ((X, Y), {"drop": 2}, "drop=2 is for tables"),
        (
            tmp_path / "images",
            {"target": -1},
            "target=-1 is for tables, and a folder of images has no columns",
        ),
        (tmp_path / "d.npz", {"drop": "z"}, "unknown array to drop 'z'"),
        (tmp_path / "x.npy", {"target": "x.npy", "drop": "z"}, "drop='z' is for tables"),
        ("iris", {"folder": "flowers"}, "folder='flowers' is for 'fashion-mnist'; leave it out"),
    ):
        with pytest.raises(ProblemError, match=words):
            load(source, **options)


def _no_network(*args):
    raise OSError("no network in tests")


@pytest.mark.filterwarnings("ignore:Invalid cache")  # scikit-learn tries again
@pytest.mark.filterwarnings("ignore:A network error")
def test_what_cannot_be_downloaded_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("socket.socket.connect", _no_network)
    monkeypatch.setattr("socket.getaddrinfo", _no_network)
    for name in ("mnist", "cifar10", "cifar100", "california-housing"):
        with pytest.raises(ProblemError, match=f"{name} is not in Keras' cache and could not be downloaded"):
            load(name)
    with pytest.raises(ProblemError, match="OpenML data 40984 could not be fetched: "):
        load("openml:40984")


def test_keras_sets_from_its_cache(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3), np.uint8)
    labels = np.arange(30)[:, None] % 10
    monkeypatch.setattr(
        keras.datasets.cifar10, "load_data", lambda: ((images[:20], labels[:20]), (images[20:], labels[20:]))
    )
    data = load("cifar10")
    assert (data.kind, data.classes[9], data.x.shape) == ("multiclass", "truck", (30, 4, 4, 3))
    assert data.test.tolist() == list(range(20, 30))


def test_openml_tables_bring_their_target(monkeypatch):
    fetched = datasets.load_iris(as_frame=True)
    fetched.update(details={"name": "iris"}, target_names=["target"])
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **options: fetched)
    data = load("openml:61")
    assert (data.kind, data.x.shape, data.source) == ("multiclass", (150, 4), "OpenML 61, iris")
    assert load("openml:61", "petal width (cm)").kind == "regression"
    fetched.update(target_names=[])
    with pytest.raises(ProblemError, match=r"name the column of .* to predict, such as target='target'"):
        load("openml:61")


def test_an_array_that_says_it_is_larger_than_it_is_takes_no_memory(tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**10, 3)}
    with zipfile.ZipFile(tmp_path / "lie.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
        with archive.open("y.npy", "w") as file:
            np.lib.format.write_array(file, np.arange(8) % 2)
    with pytest.raises(ProblemError, match=r"cannot be read as NumPy arrays: array 'x\.npy' is cut off"):
        load(tmp_path / "lie.npz")


def test_what_a_mask_hides_is_missing():
    x, y = np.ma.masked_greater(np.arange(24.0).reshape(8, 3), 20), np.arange(8) % 2
    assert load((x, y)).missing == {""}
    assert load((x.astype(int), y)).missing == {""}
    parts = {"train": ({"a": x}, y), "test": ({"a": x}, y)}
    assert load(parts).missing == {"a"}
    for target in (np.ma.masked_equal(y, 1), np.ma.array(list("abababab"), mask=y)):
        with pytest.raises(ProblemError, match="row 2: the target is missing"):
            load((np.eye(8), target))


def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for source in (tmp_path, "iris", "mnist", "openml:1", "t.csv", "t.parquet", (X, Y)):
        with pytest.raises(MissingExtra, match=r'is not installed: pip install "stepsize\['):
            load(source)


def test_every_name_has_a_source():
    assert set(catalog.NAMES) >= {"ionosphere", "fashion-mnist", "mnist", "cifar10", "iris", "digits"}
