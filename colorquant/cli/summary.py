"""What is said of many inputs: each as it comes, all of them at the end, and beforehand what would become of them."""

from __future__ import annotations

import errno
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from colorquant.batch import jobs as outputs
from colorquant.batch import naming
from colorquant.batch import run as batch
from colorquant.cli.console import Voice
from colorquant.errors import ColorquantError, OptionError
from colorquant.files import abandon, write_whole
from colorquant.images.decoding import check_readable
from colorquant.report import records as rows
from colorquant.report.records import printable


class Tally:
    """Counts, failures and the lines of ``--report``, which may be written over an old one with ``force``.

    ``options`` are the words that ``-v`` adds to each picture; None without it. Raises OutputError where the report
    cannot be written.
    """

    def __init__(self, voice: Voice, as_json: bool, options: str | None, report: str | None, force: bool) -> None:
        self.voice, self.as_json, self.options, self.force = voice, as_json, options, force
        self.report = None if report is None else Path(report)
        self.lines = bytearray()
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []

    def hear(self, run: batch.Run[outputs.Destination, outputs.JobResult], total: int) -> None:
        """Say each outcome as it comes, then what became of the ``total``; after an interruption, too."""
        try:
            for outcome in run:
                self._tell(outcome)
        except KeyboardInterrupt:
            abandon()
            for outcome in run.stop():
                self._tell(outcome)
            raise
        finally:
            if total > 1:
                self._sum_up(total)
            for failure in self.failures:
                self.voice.complain(failure)
            if self.report is not None:
                write_whole([(self.report, bytes(self.lines))], force=self.force)

    def _sum_up(self, total: int) -> None:
        words = [f"{self.counts[status]} {status}" for status in ("written", "skipped", "failed")]
        rest = total - self.counts.total()
        self.voice.say(", ".join([*words, f"{rest} not done"] if rest else words))

    def _tell(self, outcome: batch.Outcome[outputs.JobResult]) -> None:
        item = outcome.input
        if outcome.result is None:
            row = rows.failed(item.name, outcome.error or "")
        else:
            row = outcome.result.record
            if outcome.result.png is not None:
                _write_out(outcome.result.png)
        self.counts[row["status"]] += 1
        line = json.dumps(row)
        if self.report is not None:
            self.lines += line.encode() + b"\n"
        if outcome.result is None:
            self.failures.append(f"{shown(item)}: {printable(outcome.error or '')}")
            if self.options is not None:
                for words in outcome.details.splitlines():
                    self.voice.say(printable(words))
        else:
            self.voice.say_row(row)
            if self.options is not None and row["status"] == "written":
                self.voice.say(f"  {self.options}, seconds {row['seconds']}")
            notes = row.get("warnings" if self.options is None else "notes")
            if notes:
                self.voice.say(rows.notes_line(notes))
        if self.as_json:
            click.echo(line)
        self.voice.step()


def shown(item: naming.Input) -> str:
    """What the input is called in words for people."""
    return "standard input" if item.path is None else printable(item.name)


def _write_out(data: bytes) -> None:
    """All of ``data`` to standard output, which need not be buffered and may then take it in parts."""
    rest = memoryview(data)
    while rest:
        taken = sys.stdout.buffer.write(rest)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, "it takes no more at the moment")
        rest = rest[taken:]
    sys.stdout.buffer.flush()


def rehearse(plan: naming.Plan[outputs.Destination], k: int, report: str | None, as_json: bool) -> None:
    """Say on standard output what each input would become; exit with 1 where that is known to fail.

    Raises OptionError for a report: nothing is written.
    """
    if report is not None:
        raise OptionError("--dry-run writes no --report: leave one out")
    failures = []
    for item, destination in plan:
        try:
            skipped = _foreseen(item, destination, k)
        except ColorquantError as error:
            failures.append(f"{shown(item)}: {printable(str(error))}")
            if as_json:
                click.echo(json.dumps(rows.failed(item.name, str(error))))
            continue
        files = destination.files(k)
        if as_json:
            names = [str(path) for path in files] or [naming.STDIN]
            status = "skipped" if skipped else "planned"
            click.echo(json.dumps({"input": item.name, "output": names[0], "others": names[1:], "status": status}))
        else:
            words = ", ".join(_file_words(destination, k)) + (" (skipped, exists)" if skipped else "")
            click.echo(f"{shown(item)} → {words}")
    for failure in failures:
        click.echo(f"Error: {failure}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def _foreseen(item: naming.Input, destination: outputs.Destination, k: int) -> bool:
    """Whether the input would be skipped. Raises what its run would, as far as names tell."""
    if item.problem is not None:
        raise item.problem
    if item.path is not None:
        check_readable(item.path)
    if destination.skip_existing and destination.is_complete(k):
        return True
    destination.check(k)
    return False


def _file_words(destination: outputs.Destination, k: int) -> Iterator[str]:
    """The names of the outputs; of numbered ones the first and the last."""
    yield naming.STDIN if destination.image is None else printable(str(destination.image))
    for path, last in destination.series(k):
        yield printable(str(path)) + ("" if last is None else f" … {printable(last.name)}")
