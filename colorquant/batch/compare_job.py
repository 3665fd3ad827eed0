"""The job of ``compare`` for one image: read it, compare, and write the pictures, the contact sheet and the figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from colorquant.analysis.compare import Cell, compare
from colorquant.analysis.grid import Combination, Grid, cell_name, dithering_of
from colorquant.analysis.measures import Rendering
from colorquant.batch.inputs import Input
from colorquant.color.counted import CountedImage
from colorquant.errors import ImageReadError
from colorquant.files import check_writable, write_whole
from colorquant.images import Picture, read_image, read_label_map
from colorquant.images.decoding import Reading
from colorquant.images.downsampling import downsample, encode_middle, encode_preview, middle_size, preview_side
from colorquant.images.encoding import encode_rgb, picture_chunks
from colorquant.report import contact_sheet as sheets
from colorquant.report.comparison_records import ComparedImage, Previews, contact_sheet
from colorquant.report.figures import compared
from colorquant.types import LabelArray, UInt8Array
from colorquant.urls import Place


@dataclass(frozen=True)
class CompareOutputs:
    """The files of one image.

    Pictures and contact sheet go into ``folder`` and are named after ``stem``; None writes neither. ``truth`` is a
    label map that is read. ``figure`` is a file, ``figure_kind`` a key of COMPARED, and ``figure_title`` its title,
    None for the default one. ``previews`` says whether previews are made for a page. Existing files are overwritten
    only with ``force``.
    """

    folder: Place | None
    stem: str
    force: bool = False
    truth: Place | None = None
    figure: Place | None = None
    figure_kind: str = "grid"
    figure_title: str | None = None
    previews: bool = False

    def picture(self, options: Combination) -> Place | None:
        """The file of a cell's picture."""
        return None if self.folder is None else self.folder / f"{self.stem}-{cell_name(options)}.png"

    @property
    def sheet(self) -> Place | None:
        """The file of the contact sheet."""
        return None if self.folder is None else self.folder / f"{self.stem}-compare.png"

    def files(self, grid: Grid) -> list[Place]:
        """All files that can be written."""
        files = [*(self.picture(options) for options in grid.combinations), self.sheet, self.figure]
        return [path for path in files if path is not None]

    def check(self, grid: Grid) -> None:
        """Raises OutputError for a file that cannot be written, or may not be overwritten."""
        check_writable(self.files(grid), force=self.force)


@dataclass(frozen=True)
class CompareJob:
    """Runs a grid on one image and writes the files of its outputs; it is called for each image of a batch.

    With ``optimize`` oxipng makes the pictures smaller, and ``bytes`` of a cell are those of the smaller picture.
    ``progress`` and ``stopped`` are those of :func:`colorquant.analysis.compare.compare`, the former with the image as
    an additional first argument. Without these two a job can be pickled.
    """

    grid: Grid
    reading: Reading = Reading()  # noqa: RUF009  it is frozen
    progress: Callable[[Input, Combination, float | None], None] | None = None
    stopped: Callable[[], bool] | None = None
    optimize: bool = False

    def __call__(self, item: Input, outputs: CompareOutputs) -> ComparedImage:
        """The comparison of an image with the files that were written: all, or none where one cannot be encoded.

        Raises ImageReadError for the image or the truth, and OutputError.
        """
        outputs.check(self.grid)
        picture = read_image(item.source, self.reading)
        truth = None if outputs.truth is None else _read_truth(outputs.truth, picture, self.reading)
        pictures = _Pictures(picture, outputs, preview_side(len(self.grid.combinations)))
        comparison = compare(
            CountedImage(picture.rgb, picture.alpha),
            self.grid,
            truth=truth,
            chunks=picture_chunks(picture.density),
            optimize=self.optimize,
            keep=pictures.keep,
            progress=None if self.progress is None else partial(self.progress, item),
            stopped=self.stopped,
        )
        image = ComparedImage(
            name=item.name,
            comparison=comparison,
            bytes_in=picture.bytes_in,
            notes=picture.notes,
            warnings=picture.warnings,
            pictures={name: path for name, (path, _) in pictures.files.items()},
            sheet=outputs.sheet if comparison.cells else None,
        )
        return pictures.finish(image)


def _read_truth(path: Place, picture: Picture, reading: Reading) -> LabelArray:
    """The label map (h, w) of a picture. Raises ImageReadError where it cannot be read or has another size."""
    try:
        labels = read_label_map(path, replace(reading, frame=0))
    except ImageReadError as error:
        raise ImageReadError(f"--truth {path}: {error}") from error
    if labels.shape != picture.rgb.shape[:2]:
        (height, width), (truth_height, truth_width) = picture.rgb.shape[:2], labels.shape
        raise ImageReadError(
            f"--truth {path} is {truth_width} × {truth_height}, the image {width} × {height}: give labels of its size"
        )
    return labels


@dataclass(frozen=True)
class _Pictures:
    """Collects the pictures of the cells: PNG files, thumbnails, and previews for a page, as far as they are needed.

    ``side`` is the longest side of a preview. The keys of the dictionaries are the names of cells.
    """

    picture: Picture
    outputs: CompareOutputs
    side: int
    files: dict[str, tuple[Place, bytes]] = field(default_factory=dict)
    thumbnails: dict[str, UInt8Array] = field(default_factory=dict)
    previews: dict[str, bytes] = field(default_factory=dict)
    middles: dict[str, bytes] = field(default_factory=dict)

    def keep(self, cell: Cell, rendering: Rendering) -> None:
        """Make the pictures that are needed of a cell, while its pixels are in memory."""
        alpha, path = rendering.alpha, self.outputs.picture(cell.options)
        if path is not None:
            self.files[cell.name] = path, rendering.png
        if path is not None or self.outputs.figure is not None:
            self.thumbnails[cell.name] = sheets.thumbnail(rendering.rgb, alpha)
        if self.outputs.previews:
            self.previews[cell.name] = encode_preview(rendering.rgb, alpha, self.side)
            self.middles[cell.name] = encode_middle(rendering.rgb, alpha)

    def finish(self, image: ComparedImage) -> ComparedImage:
        """Write the pictures, the contact sheet and the figure. Returns the image, with previews if they are needed.

        Nothing is written if the comparison was interrupted before its first cell.
        """
        outputs, files = self.outputs, list(self.files.values())
        if not image.comparison.cells:
            return image
        if outputs.sheet is not None or outputs.figure is not None:
            original = sheets.thumbnail(self.picture.rgb, self.picture.alpha)
            if outputs.sheet is not None:
                files.append((outputs.sheet, contact_sheet(image, original, self.thumbnails)))
            if outputs.figure is not None:
                drawing = compared.Compared(image, original, self.thumbnails, outputs.figure_title)
                suffix = outputs.figure.suffix.lower()
                files.append((outputs.figure, compared.encode(drawing, outputs.figure_kind, suffix)))
            write_whole(files, force=outputs.force)
        if not outputs.previews:
            return image
        original_shown = downsample(self.picture, self.side)
        height, width = original_shown.rgb.shape[:2]
        encoded = encode_rgb(original_shown.rgb, original_shown.alpha)
        middles: dict[str, bytes] = {}
        if any(dithering_of(cell.options) is not None for cell in image.comparison.cells):
            middles = {"original": encode_middle(self.picture.rgb, self.picture.alpha), **self.middles}
        size = middle_size(self.picture.rgb)
        return replace(image, previews=Previews((width, height), encoded, self.previews, middles, size))
