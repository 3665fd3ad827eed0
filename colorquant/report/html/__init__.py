"""HTML pages from the templates beside this module: each is one file that needs no other and opens from disk."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from colorquant._version import __version__
from colorquant.report.records import printable

# Inside a script element nothing but these could end it, or be no JSON that a browser reads as JavaScript.
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


Fact = tuple[str, str]  # name and value


@dataclass(frozen=True)
class Cell:
    """A cell of a table that can be sorted: its words, and the value by which; ``long`` words are broken."""

    words: str
    value: float | str | None
    best: bool = False
    long: bool = False

    @property
    def key(self) -> str:
        """The value as the page's script reads it: empty where there is none."""
        if self.value is None:
            return ""
        return "Infinity" if self.value == math.inf else str(self.value)


def base_name(name: str) -> str:
    """The last part of a file's name, as a heading says it."""
    return "standard input" if name == "-" else printable(PurePath(name).name or name)


def option_words(value: object) -> str:
    """The value of an option."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def data_uri(image: bytes) -> str:
    """A PNG or JPEG as the address that is the picture itself."""
    kind = "jpeg" if image.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def embedded_json(value: Any) -> str:
    """JSON that can stand inside a script element whatever its texts are; numbers that are not finite become null."""
    return json.dumps(_finite(value), allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render(template: str, title: str, data: Mapping[str, Any], **content: Any) -> bytes:
    """The page that ``template`` of the folder pages makes of ``content``; ``data`` is what its script reads.

    All texts are escaped; they shall be printable (:func:`colorquant.report.records.printable`).
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("colorquant.report", "html")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = data_uri
    inlined = {name: Markup(loader.get_source(environment, f"page.{name}")[0]) for name in ("css", "js")}
    page = environment.get_template(template).render(
        title=title,
        data=Markup(embedded_json(data)),
        version=__version__,
        **inlined,
        **content,
    )
    return page.encode()
