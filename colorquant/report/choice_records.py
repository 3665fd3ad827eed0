"""How the number of colours was chosen, and how a picture was dithered: parts of the JSON records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from colorquant.analysis.auto_k import ChosenK
    from colorquant.mapping.dithering import Dithering


class CurveRecord(TypedDict):
    """A number of colours that ``-k auto`` tried; ``value`` is null where nothing was lost, or there is none."""

    k: int
    value: float | None
    mse: float


class AutoRecord(TypedDict):
    """How ``-k auto`` chose the number of colours; ``target`` is null where the criterion has none."""

    criterion: str
    target: float | None
    min_k: int
    max_k: int
    reached: bool
    curve: list[CurveRecord]


class DitherRecord(TypedDict):
    """How a picture was dithered; the keys are those of :class:`colorquant.mapping.dithering.Dithering`."""

    method: str
    strength: float
    serpentine: bool
    space: str
    adaptive: bool


def auto_record(chosen: ChosenK) -> AutoRecord:
    """The JSON object of a choice of ``-k auto``."""
    auto = chosen.auto
    return {
        "criterion": auto.criterion,
        "target": auto.value,
        "min_k": auto.min_k,
        "max_k": auto.max_k,
        "reached": chosen.reached,
        "curve": [{"k": point.k, "value": _finite(point.value), "mse": point.mse} for point in chosen.curve],
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def auto_words(k: int, auto: AutoRecord) -> str:
    """How ``-k auto`` chose ``k``, the number of colours: k = 26 by psnr:35, after trying 16, 25, 26, 32."""
    target = auto["criterion"] + ("" if auto["target"] is None else f":{auto['target']:.12g}")
    return f"k = {k} by {target}, after trying {', '.join(str(point['k']) for point in auto['curve'])}"


def dither_record(dithering: Dithering) -> DitherRecord:
    """The JSON object of a dithering."""
    return {
        "method": dithering.method,
        "strength": dithering.strength,
        "serpentine": dithering.serpentine,
        "space": dithering.space,
        "adaptive": dithering.adaptive,
    }
