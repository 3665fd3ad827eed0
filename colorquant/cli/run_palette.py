"""``palette``: read the palettes, arrange them, and show or write them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from colorquant.batch.inputs import STDIN, Input
from colorquant.batch.naming import OutputName, check_names
from colorquant.cli.console import Console, print_result
from colorquant.errors import ColorquantError, OptionError
from colorquant.palette.files import PALETTE_FORMATS, alpha_notes
from colorquant.palette.given import given_palette
from colorquant.palette.palette import Palette
from colorquant.report.palettes import PaletteRecord, palette_foot, palette_head, palette_record, palette_table
from colorquant.report.records import notes_line, printable
from colorquant.urls import Place, masked


@dataclass(frozen=True)
class PaletteRequest:
    """What is done with palettes: the values of the options of ``colorquant palette``."""

    sort: str = "as-is"
    merge_below: float | None = None
    output: str | None = None
    force: bool = False

    @property
    def joins(self) -> bool:
        """Whether all palettes go into one file."""
        return self.output is not None and "{stem}" not in self.output

    def check(self, names: Sequence[str]) -> None:
        """Raises OptionError and OutputError for a name that cannot be written, before anything is read."""
        if self.output is None:
            return
        if self.output == STDIN:
            raise OptionError("-o - has no ending that selects a format: name a file")
        inputs = [Input(name) for name in names]
        name = OutputName("-o", self.output, tuple(PALETTE_FORMATS), once=self.joins)
        files = None if self.joins else [[name.path(item)] for item in inputs]
        check_names(inputs, [name], files, force=self.force)

    def path(self, name: str) -> Place | None:
        """The file of a palette that was given as ``name``."""
        return None if self.output is None else OutputName("-o", self.output).path(Input(name))

    def arranged(self, palette: Palette) -> Palette:
        """The palette with near colours merged, then sorted."""
        if self.merge_below is not None:
            palette = palette.merged(self.merge_below)
        return palette.sorted(self.sort)


def run_palette(names: Sequence[str], request: PaletteRequest, *, as_json: bool, quiet: bool) -> None:
    """Show or write the palettes; exit with 1 where one failed.

    A palette that cannot be read leaves out itself, or the file into which all are joined. With a single palette an
    error of its options is raised.
    """
    request.check(names)
    console = Console(quiet)
    groups = [list(names)] if request.joins else [[name] for name in names]
    failed = False
    shown = 0
    for group in groups:
        try:
            _run(group, request, console, as_json=as_json, gap=shown > 0)
            shown += 1
        except ColorquantError as error:
            if len(groups) == 1:
                raise
            console.print_error(printable(str(error)))
            failed = True
    if failed:
        raise click.exceptions.Exit(1)


def _run(names: list[str], request: PaletteRequest, console: Console, *, as_json: bool, gap: bool) -> None:
    palette = request.arranged(Palette.joined([given_palette(name) for name in names]))
    path = request.path(names[0])
    if path is not None:
        palette.write(path, force=request.force)
    if as_json:
        click.echo(json.dumps(palette_record(list(map(masked, names)), None if path is None else str(path), palette)))
    elif path is None and not console.quiet:
        click.echo("\n" * gap, nl=False)
        _show(palette_record(list(map(masked, names)), None, palette))
    if path is not None:
        number = len(palette)
        console.print(f"{printable(str(path))}: {number:,} {'colour' if number == 1 else 'colours'}")
        notes = alpha_notes(path.name, palette.alpha)
        if notes:
            console.print(notes_line(notes))


def _show(record: PaletteRecord) -> None:
    print_result(palette_head(record))
    table = palette_table(record)
    if sys.stdout.isatty():
        from colorquant.report import terminal

        terminal.show_table(table, swatches=[entry["hex"][:7] for entry in record["colors"]])
    else:
        click.echo(f"\n{table.plain()}")
    for line in palette_foot(record):
        print_result(line)
