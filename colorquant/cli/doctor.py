"""``colorquant doctor``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

import click

from colorquant.doctor import WRONG, Finding, examine, lines


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(as_json: bool) -> None:
    """Check the installation: packages, OpenCV, engines, extras, formats.

    Each engine fits a tiny picture. Exit code 1 where something is wrong that is needed, with the remedy.

    \b
    colorquant doctor
    colorquant doctor --json
    """
    findings = examine()
    wrong = [finding for finding in findings if finding.state == WRONG]
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "findings": [asdict(finding) for finding in findings]}))
    else:
        _show(findings)
        for finding in findings:
            if finding.remedy is not None:
                click.echo(f"{finding.group} {finding.name}, {finding.state}: {finding.remedy}")
        click.echo(f"{len(wrong)} wrong" if wrong else "All that is needed works.")
    if wrong:
        raise click.exceptions.Exit(1)


def _show(findings: Sequence[Finding]) -> None:
    """In colour on a terminal, else aligned; without the libraries for that, always aligned."""
    if sys.stdout.isatty():
        with suppress(ImportError):
            from colorquant.report.tables import Table
            from colorquant.report.terminal import show_table

            headers = ("Group", "Name", "State", "Found")
            rows = tuple((finding.group, finding.name, finding.state, finding.found) for finding in findings)
            show_table(Table(headers, rows, frozenset(headers)))
            return
    for line in lines(findings):
        click.echo(line)
    click.echo()
