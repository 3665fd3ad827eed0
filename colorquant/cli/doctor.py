"""``colorquant doctor``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from colorquant.cli.groups import MESSAGES, GroupedCommand, option
from colorquant.doctor import OK, OPTIONAL, WRONG, Finding, examine

EXAMPLES = """
colorquant doctor
colorquant doctor --json
"""
COLORS = {OK: "green", OPTIONAL: "yellow", WRONG: "red"}


@click.command("doctor", cls=GroupedCommand, examples=EXAMPLES)
@option(MESSAGES, "--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(as_json: bool) -> None:
    """Check the installation: packages, OpenCV, engines, extras, formats.

    Each engine fits a tiny image. If something is missing or wrong, the last lines say what to do. The exit code is 1
    if it is something that colorquant needs.
    """
    findings: list[Finding] = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            click.echo(_colored(finding))
    wrong = [finding for finding in findings if finding.state == WRONG]
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "findings": [asdict(finding) for finding in findings]}))
    else:
        click.echo()
        for finding in findings:
            if finding.remedy is not None:
                click.echo(f"{finding.group} {finding.name}, {finding.state}: {finding.remedy}")
        click.echo(f"{len(wrong)} wrong" if wrong else "Everything that is needed works.")
    if wrong:
        raise click.exceptions.Exit(1)


def _colored(finding: Finding) -> str:
    """The finding's line; on a terminal its state is in colour, unless NO_COLOR is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return finding.line
    state = click.style(finding.state, fg=COLORS[finding.state])
    return finding.line.replace(f"  {finding.state} ", f"  {state} ", 1)
