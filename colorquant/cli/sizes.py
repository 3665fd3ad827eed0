"""Options that take a number of bytes."""

from __future__ import annotations

import math
import re
from typing import Any

import click

SIZE = re.compile(r"(\d+\.?\d*|\.\d+)\s*(?:([kmgt])(i?))?b?", re.IGNORECASE)
POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


class ByteSize(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes, at least 1, with a unit or without: 512MB, 1.5G, 2GiB. MB are 10⁶, MiB 2²⁰."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = SIZE.fullmatch(value.strip())
        size = 0
        if match is not None:
            number, unit, binary = match.groups()
            base = 1024 if binary else 1000
            size = math.floor(float(number) * base ** (POWERS[unit.lower()] if unit else 0))
        if size < 1:
            self.fail(f"{value!r} is not a size: write it like 512MB or 4GB", param, ctx)
        return size
