"""What a job returns of one image: in memory or by strips, the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.quantization import IndexedImage

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.analysis.auto_k import ChosenK


@dataclass(frozen=True)
class FileResult:
    """The result of one file; ``png`` holds the bytes of the image if no file was requested.

    ``seconds`` maps each stage to its wall time. ``notes`` are sentences about what was lost or changed; ``warnings``
    are the notes that are shown without ``-v``. ``chosen`` says how ``-k auto`` chose the number of colours.
    ``larger`` says that nothing was written, since the picture with its ``bytes_out`` is not smaller than the input;
    ``strips`` that the input was read by strips.
    """

    quantized: IndexedImage
    bytes_in: int
    bytes_out: int
    png: bytes | None
    seconds: dict[str, float]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    chosen: ChosenK | None = None
    larger: bool = False
    strips: bool = False
