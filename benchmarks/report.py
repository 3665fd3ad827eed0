"""Sections of tables, as markdown and JSON, with versions and machine."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.programs import IMAGEMAGICK, found

PACKAGES = (
    "colorquant",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "scikit-learn",
    "scikit-image",
    "scipy",
    "imagequant",
    "click",
)
Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows of cells under headers; numbers are shown with four digits, None as a dash."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def markdown(self) -> str:
        """The table as GitHub markdown, its columns lined up."""
        cells = [[str(header) for header in self.headers], *([shown(cell) for cell in row] for row in self.rows)]
        widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(self.headers))]
        numeric = [all(not isinstance(row[place], str) for row in self.rows) for place in range(len(self.headers))]
        lines = [_line(cells[0], widths, numeric)]
        rules = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, numeric, strict=True)]
        lines.append(f"| {' | '.join(rules)} |")
        lines += [_line(row, widths, numeric) for row in cells[1:]]
        parts = [f"### {self.title}", "\n".join(lines), self.note]
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True)
class Section:
    """One part of the report; ``records`` are the single measurements behind its tables, for the JSON."""

    title: str
    tables: Sequence[Table]
    records: Sequence[object] = ()
    skipped: Sequence[str] = ()

    def markdown(self) -> str:
        """The section with its tables, and what was left out."""
        left_out = "\n".join(f"- {line}" for line in self.skipped)
        parts = [f"## {self.title}", *(table.markdown() for table in self.tables)]
        if left_out:
            parts.append(f"Left out:\n\n{left_out}")
        return "\n\n".join(parts)


@dataclass(frozen=True)
class Machine:
    """What the figures were taken with."""

    date: str
    system: str
    processor: str
    cores: int
    load: list[float]
    python: str
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def this(cls) -> Machine:
        """This machine, now."""
        versions = {name: version for name in PACKAGES if (version := package_version(name))}
        for name, words in (("pngquant", ["pngquant"]), ("ImageMagick", list(IMAGEMAGICK))):
            program = found(*words)
            if program:
                versions[name] = _first_line([program, "--version"])
        return cls(
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            system=f"{platform.system()} {platform.machine()}",
            processor=_processor(),
            cores=os.cpu_count() or 1,
            load=[round(value, 2) for value in os.getloadavg()],
            python=platform.python_version(),
            versions=versions,
        )

    def markdown(self) -> str:
        """Two lines of words."""
        tools = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        load = ", ".join(str(value) for value in self.load)
        return (
            f"{self.date}; {self.processor}, {self.cores} cores, {self.system}, load at the end {load}. "
            f"Python {self.python}, {tools}."
        )


def shown(cell: Cell) -> str:
    """A cell as text."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.4g}"
    return str(cell)


def write(folder: Path, name: str, sections: Sequence[Section], asked: object) -> tuple[Path, str]:
    """Write ``name``.md and ``name``.json; returns the markdown file and its text."""
    machine = Machine.this()
    text = "\n\n".join(["# Benchmarks", machine.markdown(), *(section.markdown() for section in sections)]) + "\n"
    record = {
        "machine": machine,
        "settings": asked,
        "sections": {section.title: _tables(section) for section in sections},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(_plain(record), indent=1), encoding="utf-8")
    return path, text


def _tables(section: Section) -> dict[str, object]:
    tables = [
        {"title": table.title, "rows": [dict(zip(table.headers, row, strict=True)) for row in table.rows]}
        for table in section.tables
    ]
    return {"tables": tables, "records": list(section.records), "skipped": list(section.skipped)}


def _plain(value: object) -> object:
    """What JSON can hold: fields of dataclasses, names of paths, null for infinite numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _line(cells: Iterable[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def package_version(name: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _first_line(command: Sequence[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    words = said.split("\n")[0].removeprefix("Version: ").removeprefix("ImageMagick ").split()
    return words[0] if words else "?"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "processor unknown"
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
