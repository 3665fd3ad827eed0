"""What pages of images and of clips list alike: the palette, and the options of a fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.fitting.features import projection_of
from colorquant.fitting.options import FitOptions
from colorquant.report.html import Fact
from colorquant.report.words import METHOD_NAMES

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK

MOST_ENTRIES = 256  # most entries of the palette that are listed


@dataclass(frozen=True)
class PaletteEntry:
    """A colour of the palette, in words; ``bar`` is its share in per cent of the largest one."""

    label: int
    hex: str
    pixels: str
    share: str
    bar: float


def palette_entries(colors: Sequence[str], counts: Sequence[int]) -> list[PaletteEntry]:
    """The first MOST_ENTRIES of a palette of hex codes, with the number of pixels of each."""
    total, largest = max(sum(counts), 1), max(*counts, 1) if counts else 1
    rows = zip(colors[:MOST_ENTRIES], counts[:MOST_ENTRIES], strict=True)
    return [
        PaletteEntry(
            label=label,
            hex=color,
            pixels=f"{pixels:,}",
            share=_percent(pixels / total),
            bar=round(100 * pixels / largest, 2),
        )
        for label, (color, pixels) in enumerate(rows)
    ]


def _percent(share: float) -> str:
    if share == 0:
        return "–"
    return f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"


def fit_facts(options: FitOptions, others: Mapping[str, object], chosen: ChosenK | None) -> list[Fact]:
    """Every option of a fit by its flag, the engine's defaults included, then ``others`` by their names."""
    values = dataclasses.asdict(options)
    method = values.pop("method")
    values |= others
    if chosen is not None:
        values["k"] = f"auto: {chosen.k}"
        values["target"] = chosen.auto.target
    rows = [
        ("-k" if name == "k" else f"--{name.replace('_', '-')}", _option_words(value))
        for name, value in values.items()
        if value is not None and value != ()
    ]
    return [("method", METHOD_NAMES[method]), *rows, ("bands clustered", ", ".join(projection_of(options).bands))]


def _option_words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
