"""The same picture with several numbers of colours."""

from __future__ import annotations

from collections.abc import Sequence

from colorquant.color.counted import CountedImage
from colorquant.fitting.options import FitOptions
from colorquant.quantization import Quantized, quantize


def sweep_ks(k: int) -> list[int]:
    """Numbers of colours to set beside ``k``: powers of two from 2 to at least 16 and 2k, up to 256; and k."""
    powers = [1 << bit for bit in range(1, 9) if 1 << bit <= max(16, 2 * k)]
    return sorted({*powers, k})


def sweep(
    image: CountedImage, options: FitOptions, ks: Sequence[int], *, paint: str = "members", assign: str | None = None
) -> list[Quantized]:
    """The image quantized with each of ``ks`` colours, all else as ``options`` say."""
    return [quantize(image, options.replace(k=k), paint=paint, assign=assign) for k in ks]
