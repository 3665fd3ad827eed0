"""Write PNG and TIFF files and arrays strip by strip, so that no more than a strip of the picture is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import numpy as np

from colorquant.errors import OutputError
from colorquant.images import png
from colorquant.images.encoding import encode_labels, encode_rgb, label_levels
from colorquant.images.filtering import FilteredRows
from colorquant.images.tiff import TileEncoder
from colorquant.temporary_files import unwritable
from colorquant.types import AnyArray, UInt8Array
from colorquant.urls import Place


class StripWriter(Protocol):
    """Writes a picture of which the rows come in strips, to a file that exists already.

    It is a context manager, at whose end the file is closed.
    """

    def write(self, rows: AnyArray) -> None:
        """Append the next rows (n, w, …). Raises OutputError."""

    def finish(self) -> None:
        """Complete the file, after the last row. Raises OutputError."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class _Encoder(Protocol):
    """Turns rows into the zlib stream of a PNG; see :class:`colorquant.images.png.RowCompressor`."""

    def add(self, rows: AnyArray) -> bytes: ...


class GrowingFile:
    """A file that is written in pieces; ``path`` is the name that it will get."""

    def __init__(self, path: Place, temporary: Path) -> None:
        self._path = path
        with self._reported():
            self._stream: BinaryIO = temporary.open("r+b")

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turns an OSError of the system into an OutputError."""
        try:
            yield
        except OutputError:  # which is an OSError, too
            raise
        except OSError as error:
            raise unwritable(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # a full disk was reported by write()
            self._stream.close()


class PngStrips(GrowingFile):
    """Writes a PNG: ``start`` is all that stands before its pixels, and ``encoder`` compresses its rows.

    ``convert`` makes of the rows that are written those of the PNG.
    """

    def __init__(
        self,
        path: Place,
        temporary: Path,
        start: bytes,
        encoder: _Encoder,
        convert: Callable[[AnyArray], AnyArray] | None = None,
    ) -> None:
        super().__init__(path, temporary)
        self._encoder, self._convert = encoder, convert
        with self._reported():
            self._stream.write(png.SIGNATURE + start)
            self._pixels = png.PixelChunks(self._stream)

    def write(self, rows: AnyArray) -> None:
        """Append the next rows. Raises OutputError."""
        data = self._encoder.add(rows if self._convert is None else self._convert(rows))
        with self._reported():
            self._pixels.write(data)

    def finish(self) -> None:
        """Write the end of the file. Raises OutputError."""
        with self._reported():
            self._pixels.finish()
            self._stream.close()


class SmallPng(GrowingFile):
    """Writes a PNG that is ``encoded`` whole, from all rows that were written: for pictures that are small."""

    def __init__(self, path: Place, temporary: Path, encoded: Callable[[AnyArray], bytes]) -> None:
        super().__init__(path, temporary)
        self._encoded, self._rows = encoded, list[AnyArray]()

    def write(self, rows: AnyArray) -> None:
        """Keep the next rows."""
        self._rows.append(rows)

    def finish(self) -> None:
        """Write the file. Raises OutputError."""
        with self._reported():
            self._stream.write(self._encoded(np.concatenate(self._rows)))
            self._stream.close()


class ArrayStrips(GrowingFile):
    """Writes an array of this ``shape`` as an .npy file; ``convert`` makes its rows of those that are written."""

    def __init__(
        self, path: Place, temporary: Path, shape: tuple[int, ...], convert: Callable[[AnyArray], AnyArray]
    ) -> None:
        super().__init__(path, temporary)
        self._shape, self._convert = shape, convert
        self._rows = 0

    def write(self, rows: AnyArray) -> None:
        """Append the next rows. Raises OutputError."""
        values = np.ascontiguousarray(self._convert(rows))
        with self._reported():
            if not self._rows:
                descr = np.lib.format.dtype_to_descr(values.dtype)
                header = {"descr": descr, "fortran_order": False, "shape": self._shape}
                np.lib.format.write_array_header_1_0(self._stream, header)
            self._stream.write(values.data)
        self._rows += len(values)

    def finish(self) -> None:
        """Close the file. Raises OutputError."""
        with self._reported():
            self._stream.close()


class TiffStrips(GrowingFile):
    """Writes a TIFF in tiles; ``convert`` makes of the rows that are written those that the ``encoder`` takes."""

    def __init__(
        self, path: Place, temporary: Path, encoder: TileEncoder, convert: Callable[[AnyArray], AnyArray]
    ) -> None:
        super().__init__(path, temporary)
        self._encoder, self._convert = encoder, convert
        with self._reported():
            self._stream.write(bytes(encoder.head_size))  # it is known at the end

    def write(self, rows: AnyArray) -> None:
        """Append the next rows. Raises OutputError."""
        data = self._encoder.add(self._convert(rows))
        with self._reported():
            self._stream.write(data)

    def finish(self) -> None:
        """Write the start of the file. Raises OutputError."""
        with self._reported():
            self._stream.seek(0)
            self._stream.write(self._encoder.head())
            self._stream.close()


def indexed_png(
    path: Place,
    temporary: Path,
    shape: tuple[int, int],
    colors: UInt8Array,
    alpha: UInt8Array | None,
    chunks: bytes = png.SRGB,
    *,
    keep_order: bool = False,
) -> PngStrips:
    """The writer of an indexed PNG of this ``shape`` (h, w); it is given rows of indices (n, w) below p.

    The file has the bytes that :func:`colorquant.images.png.encode_indexed` gives for the same arguments. ``temporary``
    is the file that is written, ``path`` the name that it will get. Raises OutputError for more than 256 entries.
    """
    if not 0 < len(colors) <= 256:
        raise OutputError(f"an indexed PNG holds 1 to 256 colours, not {len(colors)}: write a truecolour PNG")
    height, width = shape
    entries = png.IndexedEntries.of(colors, alpha, keep_order=keep_order)
    start = png.header(width, height, entries.bits, png.INDEXED) + chunks + entries.chunks
    index = entries.index
    convert = None if index is None else index.__getitem__
    encoder = png.RowCompressor(height, width, bits=entries.bits, values=len(colors))
    return PngStrips(path, temporary, start, encoder, convert)


def truecolour_png(
    path: Place, temporary: Path, shape: tuple[int, int], *, has_alpha: bool, chunks: bytes = png.SRGB
) -> StripWriter:
    """The writer of a truecolour PNG of this ``shape`` (h, w); it is given rows (n, w, 3) uint8, or (n, w, 4).

    The file has the bytes that :func:`colorquant.images.encoding.encode_rgb` gives.
    """
    height, width = shape
    if height * width <= png.MANY_PIXELS:
        return SmallPng(path, temporary, lambda rows: encode_rgb(rows, None, chunks))
    color_type = png.TRUECOLOUR_ALPHA if has_alpha else png.TRUECOLOUR
    start = png.header(width, height, 8, color_type) + chunks
    return PngStrips(path, temporary, start, FilteredRows(height, width, 4 if has_alpha else 3))


def gray_png(path: Place, temporary: Path, colors: UInt8Array, chunks: bytes = png.SRGB) -> SmallPng:
    """The writer of a small picture in gray ``colors`` (p, 3) uint8, at most 256; it is given rows of indices (n, w).

    The PNG is indexed or in levels of gray, whichever is smaller.
    """
    return SmallPng(path, temporary, lambda rows: encode_labels(rows, colors, None, gray=True, chunks=chunks))


def label_map(path: Place, temporary: Path, shape: tuple[int, int], k: int, *, transparent: bool) -> StripWriter:
    """The writer of a label map, a .npy, .png or .tiff; it is given rows of labels (n, w), ``k`` where none is visible.

    ``transparent`` says whether there are such pixels. The files are those of
    :func:`colorquant.images.encoding.encode_label_map`. Raises OutputError where 16 bits are too few.
    """
    height, width = shape
    if path.suffix == ".npy":
        return ArrayStrips(
            path, temporary, shape, lambda rows: np.where(rows == k, np.int32(-1), rows.astype(np.int32))
        )
    dtype = label_levels(k, transparent=transparent)
    highest = int(np.iinfo(dtype).max)

    def levels(rows: AnyArray) -> AnyArray:
        return np.where(rows == k, highest, rows).astype(dtype)

    if path.suffix == ".tiff":
        return TiffStrips(path, temporary, TileEncoder(height, width, dtype, highest if transparent else None), levels)
    bits = 8 * dtype().itemsize
    encoder = png.RowCompressor(height, width, bits=bits, values=highest + 1 if transparent else k)
    start = png.header(width, height, bits, png.GRAYSCALE)
    return PngStrips(path, temporary, start, encoder, levels)
