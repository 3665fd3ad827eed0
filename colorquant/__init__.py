"""Colour quantization and colour segmentation of images with k-means and Gaussian mixtures.

The names load on first use, so that ``import colorquant`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from colorquant._version import __version__

if TYPE_CHECKING:
    from colorquant.engines import ENGINES
    from colorquant.errors import ColorquantError
    from colorquant.histogram import ColorHistogram
    from colorquant.images import read_image
    from colorquant.models import Centroids, FitOptions, GaussianMixture
    from colorquant.outputs import Destination, Recipe, quantize_file
    from colorquant.pipeline import Quantized, quantize
    from colorquant.spaces import SPACES

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
    "ENGINES": "engines",
    "SPACES": "spaces",
    "Centroids": "models",
    "ColorHistogram": "histogram",
    "ColorquantError": "errors",
    "Destination": "outputs",
    "FitOptions": "models",
    "GaussianMixture": "models",
    "Quantized": "pipeline",
    "Recipe": "outputs",
    "quantize": "pipeline",
    "quantize_file": "outputs",
    "read_image": "images",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'colorquant' has no attribute {name!r}")
    return getattr(import_module(f"colorquant.{_HOME[name]}"), name)
