"""What the page of a quantized picture shows. Pictures are bytes of a PNG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from colorquant.report.html.scatter import Scatter
from colorquant.types import UInt8Array


@dataclass(frozen=True)
class Trial:
    """The picture with ``k`` colours: ``run`` is its Quantized, ``picture`` its look."""

    k: int
    run: Any
    picture: bytes


@dataclass(frozen=True)
class Step:
    """An iteration: its ``picture``, and of its largest centres the ``places``, and ``ellipses`` of a mixture, in the
    view box of the scatter, their ``sizes`` in pixels and ``colors`` (k, 3) uint8.
    """

    number: int
    objective: float
    picture: bytes
    places: list[tuple[float, float]]
    ellipses: list[tuple[float, float, float]] | None
    sizes: list[float]
    colors: UInt8Array


@dataclass(frozen=True)
class Walk:
    """Iterations: some of them as ``steps``, the ``objectives`` of all, over so many ``pixels`` (of
    which a partly transparent one counts as its alpha / 255).

    ``words`` say whose they are, ``own`` is whether they are the run's own.
    """

    words: str
    scatter: Scatter
    steps: tuple[Step, ...]
    objectives: tuple[float, ...]
    pixels: float
    own: bool


@dataclass(frozen=True)
class Beliefs:
    """Posteriors at the pixels of the picture as shown.

    ``strongest`` has a PNG for the most probable component and each next one, a number in the bytes of red, green and
    blue; ``shares`` their probabilities in red, green and blue, 255 for 1. ``components`` has the first components'
    posteriors, and ``uncertainty`` the entropy, in gray.
    """

    strongest: tuple[bytes, ...]
    shares: bytes
    components: tuple[bytes, ...]
    uncertainty: bytes


@dataclass(frozen=True)
class Exhibit:
    """All of a page.

    ``quantized`` is a :class:`colorquant.quantization.Quantized` made with ``paint`` and ``assign``; ``notes`` say
    what was lost on the way. ``size`` is that of
    the picture, ``shown`` that of the picture ``before`` and ``after`` on the page, width first; ``opaque`` are both
    without their alpha, None where there is none. ``labels`` has a label in the bytes of red, green and blue;
    ``transparent`` is that of pixels that have none, None where all have one.
    """

    name: str
    size: tuple[int, int]
    shown: tuple[int, int]
    bytes_in: int
    bytes_out: int
    quantized: Any
    notes: tuple[str, ...]
    bands: tuple[str, ...]
    paint: str
    assign: str | None
    before: bytes
    after: bytes
    opaque: tuple[bytes, bytes] | None
    labels: bytes
    transparent: int | None
    trials: tuple[Trial, ...]
    trials_note: str
    walk: Walk | None
    beliefs: Beliefs | None
