"""One image file as an array of pixels, with remarks on what of the file is not in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, first_line

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP")
GREY = ("1", "L", "LA", "La")
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")  # grey with 16 bits
DEEP_FORMATS = ("PNG", "PPM")  # in which Pillow's whole numbers ("I") have 16 bits as well

TRANSPARENT = "the transparent parts are put on white"
FRAMES = "only the first frame is read"
TURNED = "the EXIF orientation is ignored"
SHORTENED = "the 16 bits of each channel are shortened to 8"
ORIENTATION = 0x0112  # the number of this tag in EXIF data; 1 is upright


def endings() -> set[str]:
    """Return the endings of the files that can be read, such as ".png"."""
    from PIL import Image

    known = Image.registered_extensions()
    return {ending for ending, form in known.items() if form in FORMATS and form in Image.OPEN}


def read_image(path: Path) -> tuple[np.ndarray, list[str]]:
    """Return the pixels of an image, and remarks on what of the file is not in them.

    The pixels have 8 or 16 bits: [height, width] if grey, else [height, width, 3].

    Raises: ProblemError if the file cannot be read, or the range of its numbers is not known.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            remarks = list(_remarks(image))
            if image.mode in DEEP or (image.mode == "I" and image.format in DEEP_FORMATS):
                return np.asarray(image).astype(np.uint16), remarks
            if image.mode in ("I", "F"):
                raise ValueError(
                    "the range of its 32-bit numbers is not known; save it with 8 or 16 bits, or pass the "
                    "images as arrays"
                )
            pixels, is_transparent = _bytes(image)
            return pixels, [*remarks, TRANSPARENT] if is_transparent else remarks
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ProblemError(f"image {str(path)!r} cannot be read: {first_line(error)}") from None


def _remarks(image: Any) -> Iterator[str]:
    """Yield the remarks on an image whose pixels have not been read yet."""
    if image.mode in ("RGB", "RGBA") and image.tile and ";16" in str(image.tile[0][3]):
        yield SHORTENED
    if getattr(image, "is_animated", False) and image.format != "MPO":  # the others there are previews
        yield FRAMES
    if image.getexif().get(ORIENTATION, 1) != 1:
        yield TURNED


def _bytes(image: Any) -> tuple[np.ndarray, bool]:
    """Return the pixels of an image as bytes, on white, and whether some of them are transparent."""
    from PIL import Image

    mode = "L" if image.mode in GREY else "RGB"
    if image.mode not in ALPHA and "transparency" not in image.info:
        return np.asarray(image.convert(mode)), False
    image = image.convert("RGBA")
    lowest, highest = image.getchannel("A").getextrema()
    if lowest == 255:
        return np.asarray(image.convert(mode)), False
    white = Image.new("RGBA", image.size, "white")
    pixels = np.asarray(Image.alpha_composite(white, image).convert(mode))
    if lowest < highest and pixels.min() == 255:
        raise ValueError("it shows white on a transparent background; save it on a background of its own")
    return pixels, True
