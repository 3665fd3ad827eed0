"""Words that tables, pages, figures and messages share."""

from __future__ import annotations

import math
from pathlib import PurePath

from colorquant.color.spaces import Space
from colorquant.report.records import printable

METHOD_NAMES = {"kmeans": "k-means", "em": "EM"}
OBJECTIVE_NAMES = {"kmeans": "inertia per pixel", "em": "log-likelihood per pixel"}


def base_name(name: str) -> str:
    """The name of an input in a heading: without its folder, and safe for a terminal or a page."""
    return "standard input" if name == "-" else printable(PurePath(name).name or name)


def psnr_words(psnr: float | None) -> str:
    """A PSNR with its unit; None and infinity mean that nothing was lost."""
    return "no loss" if psnr is None or not math.isfinite(psnr) else f"{psnr:.2f} dB"


def quality_words(psnr: float | None) -> str:
    """A PSNR with its name and unit, as it stands in a sentence or alone."""
    words = psnr_words(psnr)
    return f"PSNR {words}" if words.endswith("dB") else words


def counted(number: int, noun: str) -> str:
    """A number with its noun, which takes an s in the plural: 1 colour, 1,024 colours."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unit_words(space: Space) -> str:
    """The unit of numbers in a colour space: 8-bit levels, 256 to a band, or the space's own units."""
    return "8-bit levels" if space.level == 1 else f"units of {space.name}"


def percent(share: float) -> str:
    """A share from 0 to 1 in per cent, with two digits that count: 12 %, 1.3 %, 0.042 %, 0 %."""
    value = 100 * share
    if value >= 9.95 or value == 0:
        return f"{value:.0f} %"
    return f"{value:.{min(1 - math.floor(math.log10(value)), 4)}f} %" if value >= 0.0001 else "< 0.0001 %"
