"""Tables as plain text, markdown, LaTeX and CSV; :mod:`colorquant.report.terminal` shows them in colour."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from colorquant.report.records import printable

STAR = "*"
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "Δ": r"$\Delta$",
}
LATEX |= {char: f"\\{char}" for char in "&%$#_{}"}


@dataclass(frozen=True)
class Table:
    """``rows`` of cells under ``headers``; columns whose header is in ``left`` are aligned left, the others right.

    ``best`` marks cells, by row and column from 0. ``ends`` are the numbers of the rows after which a section ends.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str] = frozenset()
    best: frozenset[tuple[int, int]] = frozenset()
    ends: frozenset[int] = frozenset()

    def plain(self) -> str:
        """Aligned text with a line per row; the best cells have a star."""
        return "".join("  ".join(line).rstrip() + "\n" for line in self._lined_up(self.starred()))

    def starred(self) -> list[list[str]]:
        """The rows with a star after each of the best cells, and a space instead in the other cells of its column."""
        columns = {column for _, column in self.best}
        return [
            [
                f"{cell}{STAR}" if (row, column) in self.best else f"{cell} " if column in columns else cell
                for column, cell in enumerate(cells)
            ]
            for row, cells in enumerate(self.rows)
        ]

    def markdown(self) -> str:
        """A table in GitHub's markdown, aligned; the best cells are bold, and markup in cells is escaped."""
        rows = [
            [
                f"**{escaped(cell)}**" if (row, column) in self.best else escaped(cell)
                for column, cell in enumerate(cells)
            ]
            for row, cells in enumerate(self.rows)
        ]
        head, *body = self._lined_up(rows, least=3, header=escaped)
        rules = [
            "-" * len(cell) if header in self.left else "-" * (len(cell) - 1) + ":"
            for header, cell in zip(self.headers, head, strict=True)
        ]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rules, *body))

    def latex(self) -> str:
        """A ``tabular`` environment that needs no package; the best cells are bold."""
        form = "".join("l" if header in self.left else "r" for header in self.headers)
        lines = [rf"\begin{{tabular}}{{{form}}}", r"\hline", f"{' & '.join(map(_latex, self.headers))} \\\\", r"\hline"]
        for row, cells in enumerate(self.rows):
            shown = [
                rf"\textbf{{{_latex(cell)}}}" if (row, column) in self.best else _latex(cell)
                for column, cell in enumerate(cells)
            ]
            lines.append(f"{' & '.join(shown)} \\\\")
            if row in self.ends or row + 1 == len(self.rows):
                lines.append(r"\hline")
        return "\n".join([*lines, r"\end{tabular}", ""])

    def _lined_up(
        self, rows: Sequence[Sequence[str]], *, least: int = 0, header: Callable[[str], str] = str
    ) -> list[list[str]]:
        """The headers and rows with the cells of each column padded to the same width, at least ``least``."""
        lines = [[header(words) for words in self.headers], *rows]
        widths = [max(least, *(len(line[place]) for line in lines)) for place in range(len(self.headers))]
        return [
            [
                cell.ljust(width) if name in self.left else cell.rjust(width)
                for name, cell, width in zip(self.headers, line, widths, strict=True)
            ]
            for line in lines
        ]


def escaped(text: str) -> str:
    """Text with backslashes, so that markdown shows every character literally."""
    return re.sub(r"([\\`*_\[\]<>|~#&])", r"\\\1", text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(char, char) for char in text)


def csv_text(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV (RFC 4180, but with LF); None becomes empty, and text that a spreadsheet would run gets a leading ``'``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _harmless(cell: object) -> object:
    """A field without control characters, and never a formula: see OWASP, "CSV Injection", on =, +, - and @."""
    if not isinstance(cell, str):
        return cell
    shown = printable(cell)
    return f"'{shown}" if shown.lstrip().startswith(("=", "+", "-", "@")) else shown
