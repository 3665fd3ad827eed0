"""HTML pages from the templates beside this module; each is a single file that opens from disk."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from colorquant._version import __version__

# The only characters of JSON that could end a script element, or that JavaScript would read differently.
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class Details:
    """``pictures``, data URIs by name, of ``width`` by ``height`` pixels that are shown pixel by pixel."""

    width: int
    height: int
    pictures: Mapping[str, str]


Fact = tuple[str, str]  # name and value
Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True)
class Cell:
    """A cell of a sortable table: its text, ``words``, and the ``value`` to sort by.

    ``best`` marks the best of its column, and ``title`` says of what it is the best; ``long`` text may be broken into
    lines.
    """

    words: str
    value: float | str | None
    best: bool = False
    long: bool = False
    title: str = "the best of its k"

    @property
    def key(self) -> str:
        """The value as the page's script reads it; empty if there is none."""
        if self.value is None:
            return ""
        return "Infinity" if self.value == math.inf else str(self.value)


def data_uri(image: bytes) -> str:
    """A PNG or JPEG as a data: address, which holds the picture itself."""
    kind = "jpeg" if image.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def embedded_json(value: Json) -> str:
    """JSON that can stand inside a script element, whatever its texts are; infinity and NaN become null."""
    return json.dumps(_finite(value), allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def _finite(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render(template: str, title: str, data: Mapping[str, Json], **content: object) -> bytes:
    """The page of ``template`` filled with ``content``; ``data`` is what the page's script reads.

    All texts are escaped; they must be printable (:func:`colorquant.report.records.printable`).
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("colorquant.report", "html")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = data_uri
    inlined = {
        name: Markup(loader.get_source(environment, file)[0])
        for name, file in {
            "css": "page.css",
            "js": "page.js",
            "player_css": "player.css",
            "player_js": "player.js",
        }.items()
    }
    page = environment.get_template(template).render(
        title=title,
        data=Markup(embedded_json(data)),
        version=__version__,
        **inlined,
        **content,
    )
    return page.encode()
