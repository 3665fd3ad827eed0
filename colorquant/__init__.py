"""Colour quantization and colour segmentation of images and videos with k-means and Gaussian mixtures.

    import colorquant as cq
    q = cq.quantize("photo.jpg", k=16)
    q.save("photo-16.png")

The names load on first use, so that ``import colorquant`` costs nothing. See docs/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from colorquant._version import __version__

if TYPE_CHECKING:
    from colorquant.api import (
        MappedImage,
        QuantizedImage,
        apply,
        compare,
        fit,
        histogram,
        quantize,
        quantize_with,
    )
    from colorquant.clip_api import SourceClip, fit_clip, frames_of, open_clip, write_clip
    from colorquant.clips.background import ForegroundLabeller
    from colorquant.clips.labelling import ClipLabeller
    from colorquant.clips.results import ClipFit, ClipLabels
    from colorquant.color.histogram import ColorHistogram
    from colorquant.color.spaces import SPACES
    from colorquant.errors import (
        ColorquantError,
        EngineError,
        ImageReadError,
        OptionError,
        OutputError,
        PaletteReadError,
        TargetError,
    )
    from colorquant.fitting.engines import ENGINES
    from colorquant.fitting.models import Centroids, GaussianMixture
    from colorquant.fitting.options import FitOptions
    from colorquant.images.decoding import Reading
    from colorquant.mapping.dithering import Dithering
    from colorquant.palette.palette import Palette
    from colorquant.report.comparison_result import ComparisonTable
    from colorquant.sources import read
    from colorquant.video.background import BackgroundOptions
    from colorquant.video.frames import Frame, IndexedFrame

__all__ = [
    "ENGINES",
    "SPACES",
    "BackgroundOptions",
    "Centroids",
    "ClipFit",
    "ClipLabeller",
    "ClipLabels",
    "ColorHistogram",
    "ColorquantError",
    "ComparisonTable",
    "Dithering",
    "EngineError",
    "FitOptions",
    "ForegroundLabeller",
    "Frame",
    "GaussianMixture",
    "ImageReadError",
    "IndexedFrame",
    "MappedImage",
    "OptionError",
    "OutputError",
    "Palette",
    "PaletteReadError",
    "QuantizedImage",
    "Reading",
    "SourceClip",
    "TargetError",
    "__version__",
    "apply",
    "compare",
    "fit",
    "fit_clip",
    "frames_of",
    "histogram",
    "open_clip",
    "quantize",
    "quantize_with",
    "read",
    "write_clip",
]

_HOME = {  # the module of each public name
    "ENGINES": "fitting.engines",
    "SPACES": "color.spaces",
    "BackgroundOptions": "video.background",
    "Centroids": "fitting.models",
    "ClipFit": "clips.results",
    "ClipLabeller": "clips.labelling",
    "ClipLabels": "clips.results",
    "ColorHistogram": "color.histogram",
    "ColorquantError": "errors",
    "ComparisonTable": "report.comparison_result",
    "Dithering": "mapping.dithering",
    "EngineError": "errors",
    "FitOptions": "fitting.options",
    "ForegroundLabeller": "clips.background",
    "Frame": "video.frames",
    "GaussianMixture": "fitting.models",
    "ImageReadError": "errors",
    "IndexedFrame": "video.frames",
    "MappedImage": "api",
    "OptionError": "errors",
    "OutputError": "errors",
    "Palette": "palette.palette",
    "PaletteReadError": "errors",
    "QuantizedImage": "api",
    "Reading": "images.decoding",
    "SourceClip": "clip_api",
    "TargetError": "errors",
    "apply": "api",
    "compare": "api",
    "fit": "api",
    "fit_clip": "clip_api",
    "frames_of": "clip_api",
    "histogram": "api",
    "open_clip": "clip_api",
    "quantize": "api",
    "quantize_with": "api",
    "read": "sources",
    "write_clip": "clip_api",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'colorquant' has no attribute {name!r}")
    return getattr(import_module(f"colorquant.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
