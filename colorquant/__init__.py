"""Colour quantization and colour segmentation of images with k-means and Gaussian mixtures.

The names load on first use, so that ``import colorquant`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from colorquant._version import __version__

if TYPE_CHECKING:
    from colorquant.batch.jobs import Destination, Recipe, quantize_file
    from colorquant.color.histogram import ColorHistogram
    from colorquant.color.spaces import SPACES
    from colorquant.errors import ColorquantError
    from colorquant.fitting.engines import ENGINES
    from colorquant.fitting.models import Centroids, GaussianMixture
    from colorquant.fitting.options import FitOptions
    from colorquant.images import read_image
    from colorquant.quantization import Quantized, quantize

__all__ = [
    "ENGINES",
    "SPACES",
    "Centroids",
    "ColorHistogram",
    "ColorquantError",
    "Destination",
    "FitOptions",
    "GaussianMixture",
    "Quantized",
    "Recipe",
    "__version__",
    "quantize",
    "quantize_file",
    "read_image",
]

_HOME = {
    "ENGINES": "fitting.engines",
    "SPACES": "color.spaces",
    "Centroids": "fitting.models",
    "ColorHistogram": "color.histogram",
    "ColorquantError": "errors",
    "Destination": "batch.jobs",
    "FitOptions": "fitting.options",
    "GaussianMixture": "fitting.models",
    "Quantized": "quantization",
    "Recipe": "batch.jobs",
    "quantize": "quantization",
    "quantize_file": "batch.jobs",
    "read_image": "images",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'colorquant' has no attribute {name!r}")
    return getattr(import_module(f"colorquant.{_HOME[name]}"), name)
