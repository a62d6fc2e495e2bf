"""Small images, and their files."""

from pathlib import Path

import numpy as np

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 4, 5), np.uint8)


def draw(folder: Path, images, mode="L"):
    """Write images as PNG files of a folder."""
    from PIL import Image

    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image).convert(mode).save(folder / f"{i}.png")
