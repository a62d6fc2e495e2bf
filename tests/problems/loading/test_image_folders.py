"""Folders of images: their classes and parts, how pixels are read, what is left out and what is refused."""

import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.loading.catalog import load
from tests.support.images import PIXELS, draw


def test_a_folder_of_images(tmp_path):
    draw(tmp_path / "pets" / "cat", PIXELS[:6])
    draw(tmp_path / "pets" / "dog", PIXELS[6:])
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("no image")
    data = load(tmp_path / "pets")
    np.testing.assert_array_equal(data.x, PIXELS / np.float32(255))
    assert (data.name, data.classes, data.kind) == ("pets", ("cat", "dog"), "binary")
    draw(tmp_path / "pets" / "owl", PIXELS[:2], "RGB")
    assert load(tmp_path / "pets").x.shape == (14, 4, 5, 3)
    for part, rows in (("train", PIXELS[:4]), ("test", PIXELS[4:6])):
        draw(tmp_path / "split" / part / "cat", rows)
        draw(tmp_path / "split" / part / "dog", rows)
    data = load(tmp_path / "split")
    assert data.test.tolist() == [8, 9, 10, 11]
    assert data.y.tolist() == [0] * 4 + [1] * 4 + [0] * 2 + [1] * 2


@pytest.mark.parametrize("mixed", [False, True])
def test_images_of_16_bits_are_divided_by_their_own_range(tmp_path, mixed):
    deep = np.random.default_rng(0).integers(0, 4096, (6, 4, 5)).astype(np.uint16)
    for name, mode in (("cat", "I;16"), ("dog", "I;16")):
        draw(tmp_path / name, deep, mode)
    if mixed:
        draw(tmp_path / "train" / "owl", PIXELS[:6])
        draw(tmp_path / "test" / "owl", PIXELS[6:], "RGB")
        (tmp_path / "cat").rename(tmp_path / "train" / "cat")
        (tmp_path / "dog").rename(tmp_path / "test" / "cat")
    data = load(tmp_path)
    x = data.x[..., None] if data.x.ndim == 3 else data.x
    np.testing.assert_array_equal(x[:6], np.repeat((deep / np.float32(65535))[..., None], x.shape[-1], -1))
    assert f"x: pixels of 16 bits, divided by 65,535 (the largest is {deep.max():,})" in data.notes or mixed
    if mixed:
        np.testing.assert_array_equal(x[6:12, ..., 0], PIXELS[:6] / np.float32(255))
        assert (data.classes, data.y.tolist()) == (("cat", "owl"), [0] * 6 + [1] * 6 + [0] * 6 + [1] * 6)
    assert load(tmp_path, prepare=False).x.max() == (65535 if mixed else deep.max())


def test_what_a_folder_of_images_leaves_out_is_said(tmp_path):
    from PIL import Image

    draw(tmp_path / "cat", PIXELS[:4])
    draw(tmp_path / "cat" / "more" / "black", PIXELS[4:6])
    draw(tmp_path / "cat" / ".ipynb_checkpoints", PIXELS[:3])
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    clear = np.zeros((4, 5, 4), np.uint8)
    clear[1:3, 1:3, 3] = 255  # a black square, without a background
    (tmp_path / "dog").mkdir()
    Image.fromarray(clear).save(tmp_path / "dog" / "square.png")
    turned = Image.new("RGB", (5, 4), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "dog" / "turned.JFIF", "JPEG", exif=exif)
    frames = [Image.new("L", (5, 4), level) for level in (10, 20)]
    frames[0].save(tmp_path / "dog" / "frames.tiff", save_all=True, append_images=frames[1:])
    for name in ("dog/readme", "dog/.DS_Store", "labels.csv", "dog/a.svg", "dog/b.svg"):
        (tmp_path / name).write_text("no image")
    (tmp_path / "owl").mkdir()
    data = load(tmp_path)
    assert (data.classes, data.y.tolist()) == (("cat", "dog"), [0] * 6 + [1] * 3)
    np.testing.assert_array_equal(data.x[:6], np.repeat(PIXELS[:6, ..., None] / np.float32(255), 3, axis=-1))
    assert (data.x[6] == 10 / np.float32(255)).all()
    assert (data.x[7, :, :, 0] == (clear[..., 3] == 0)).all()
    assert set(data.notes[2:]) == {
        "of 1 image, the transparent parts are put on white",
        "of 1 image, the EXIF orientation is ignored",
        "of 1 image, only the first frame is read",
        "folders without images, left out: 'owl'",
        "files left out: 2 .svg, 1 no ending, 1 .csv",
    }


def test_images_refused(tmp_path):
    from PIL import Image

    draw(tmp_path / "a", PIXELS[:2])
    icon = np.full((4, 5, 4), 255, np.uint8)
    icon[0, 0, 3] = 0
    for image, name, words in (
        (icon, "icon.png", "shows white on a transparent background"),
        (np.ones((4, 5), np.float32), "floats.tif", "the range of its 32-bit numbers is not known"),
        (np.ones((4, 5), np.int32), "whole.tif", "the range of its 32-bit numbers is not known"),
    ):
        Image.fromarray(image).save(tmp_path / "a" / name)
        with pytest.raises(ProblemError, match=f"{name}' cannot be read: .*{words}"):
            load(tmp_path)
        (tmp_path / "a" / name).unlink()
    draw(tmp_path / "train" / "a", PIXELS[:2])
    draw(tmp_path / "test" / "a", PIXELS[:2])
    with pytest.raises(ProblemError, match="holds the parts 'test' and 'train' beside 'a'; leave only"):
        load(tmp_path)


def test_folders_refused(tmp_path):
    with pytest.raises(ProblemError, match="holds no sub-folders"):
        load(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(ProblemError, match="holds no images"):
        load(tmp_path)
    draw(tmp_path / "b", [PIXELS[0], PIXELS[0][:3]])
    with pytest.raises(ProblemError, match=r"1\.png' has 5 x 3 pixels and '0\.png' 5 x 4; resize"):
        load(tmp_path)
    (tmp_path / "b" / "0.png").write_text("no")
    with pytest.raises(ProblemError, match=r"0\.png' cannot be read"):
        load(tmp_path)
