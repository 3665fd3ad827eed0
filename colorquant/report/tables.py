"""A table of words as plain text, markdown and CSV; :mod:`colorquant.report.terminal` has it in colour."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from colorquant.report.records import printable


@dataclass(frozen=True)
class Table:
    """``rows`` of cells under ``headers``; columns whose header is in ``left`` are aligned left, the others right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str] = frozenset()

    def plain(self) -> str:
        """Aligned text, a line per row."""
        widths = [max(len(row[place]) for row in (self.headers, *self.rows)) for place in range(len(self.headers))]
        return "".join("  ".join(self._aligned(row, widths)).rstrip() + "\n" for row in (self.headers, *self.rows))

    def markdown(self) -> str:
        """A table of GitHub's markdown, lined up; what a cell says is never taken for markup."""
        head, *body = [[escaped(cell) for cell in row] for row in (self.headers, *self.rows)]
        widths = [max(3, *(len(row[place]) for row in (head, *body))) for place in range(len(head))]
        rules = [
            "-" * width if header in self.left else "-" * (width - 1) + ":"
            for header, width in zip(self.headers, widths, strict=True)
        ]
        lines = [self._aligned(head, widths), rules, *(self._aligned(row, widths) for row in body)]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

    def _aligned(self, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
        return [
            cell.ljust(width) if header in self.left else cell.rjust(width)
            for header, cell, width in zip(self.headers, cells, widths, strict=True)
        ]


def escaped(text: str) -> str:
    """Text whose characters markdown takes as they are."""
    return re.sub(r"([\\`*_\[\]<>|~#&])", r"\\\1", text)


def csv_text(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV (RFC 4180, but LF), None as nothing; words that a spreadsheet would take for a formula get a ``'`` before."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _harmless(cell: object) -> object:
    """Words as a terminal survives them; OWASP, "CSV Injection": what begins with =, +, - or @ may be run."""
    if not isinstance(cell, str):
        return cell
    shown = printable(cell)
    return f"'{shown}" if shown.lstrip().startswith(("=", "+", "-", "@")) else shown
