"""Pictures as values: SVG text that displays itself in a notebook and becomes a file."""

from __future__ import annotations

import base64
import importlib
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepsize.errors import MissingExtra, OutputError
from stepsize.output_files import PICTURE, check_output, write_output

PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A picture of `width` by `height` pixels, and its content in words.

    In a notebook it is a PNG image where vl-convert-python is installed, else SVG: code hosts show the first
    in a saved notebook, and often not the second.
    """

    svg: str = field(repr=False)
    width: int
    height: int
    words: str

    def png(self) -> bytes:
        """Return the picture as a PNG of twice its size.

        Raises: MissingExtra if vl-convert-python is not installed.
        """
        return png(self.svg)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a .svg or .png file; return its path.

        Raises: OutputError for another ending, or a file that stepsize did not write.
        """
        path = Path(path)
        check_picture("path", path)
        write_output("path", path, PICTURE, self.png() if path.suffix.lower() == ".png" else self.svg)
        return path

    def as_img(self) -> str:
        """Return the picture as an `img` element that holds it, which code hosts leave in a notebook."""
        from html import escape

        try:
            kind, content = "png", self.png()
        except MissingExtra:
            kind, content = "svg+xml", self.svg.encode()
        data = base64.b64encode(content).decode("ascii")
        return f'<img width="{self.width}" alt="{escape(self.words)}" src="data:image/{kind};base64,{data}">'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict]:
        size = {"width": self.width, "height": self.height}
        try:
            data = {"image/png": base64.b64encode(self.png()).decode("ascii")}
        except MissingExtra:
            return {"image/svg+xml": self.svg, "text/plain": self.words}, {}
        return {**data, "text/plain": self.words}, {"image/png": size}


def check_picture(argument: str, path: Path) -> None:
    """Raise OutputError unless `path` ends in .svg or .png and a picture can be written there."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise OutputError(
            f"{argument}={str(path)!r} does not end in .svg or .png; use for example picture.png"
        )
    check_output(argument, path, PICTURE)


def png(svg: str) -> bytes:
    """Return SVG text as a PNG of twice its size.

    Raises: MissingExtra if vl-convert-python is not installed.
    """
    try:
        converter: Any = importlib.import_module("vl_convert")
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "report") from None
    return _compressed(converter.svg_to_png(svg, scale=2))


def _compressed(image: bytes) -> bytes:
    """Return a PNG with its pixels compressed again, to a quarter of the size that the converter makes."""
    chunks, pixels, position = [], b"", len(PNG_START)
    while position < len(image):
        (length,) = struct.unpack(">I", image[position : position + 4])
        kind, content = image[position + 4 : position + 8], image[position + 8 : position + 8 + length]
        if kind == b"IDAT":
            pixels += content
        else:
            chunks.append((kind, content))
        position += 12 + length
    chunks.insert(-1, (b"IDAT", zlib.compress(zlib.decompress(pixels), 6)))
    return PNG_START + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
