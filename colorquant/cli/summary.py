"""Console output of a batch: a line per input, then a summary; or, for ``--dry-run``, the names of all outputs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import click

from colorquant.batch import run as batch
from colorquant.batch.inputs import STDIN, Input
from colorquant.batch.outputs import OutputPaths
from colorquant.batch.quantize_job import JobResult
from colorquant.cli.console import Console, Messages
from colorquant.cli.streams import display_name, write_stdout
from colorquant.errors import ColorquantError, OptionError, OutputError
from colorquant.files import LineFile
from colorquant.images.file_bytes import check_readable
from colorquant.report import records
from colorquant.report.records import FileRecord, printable
from colorquant.temporary_files import abandon
from colorquant.urls import Place, masked

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.report.video_records import ClipRecord

P = TypeVar("P")


class Result(Protocol):
    """What the job of an input returns: its JSON object, and a shell command that gives the same, or an empty text."""

    @property
    def record(self) -> FileRecord | ClipRecord: ...

    @property
    def command(self) -> str: ...


R = TypeVar("R", bound=Result)


class BatchSummary(Generic[R]):
    """Prints a line for each input, then the counts and the failures; writes the lines of ``--report``.

    ``passed_over`` are the files of folders that were left out as outputs of earlier runs. ``failures`` has a message
    for each input that failed.
    """

    def __init__(
        self,
        console: Console,
        messages: Messages,
        *,
        report: LineFile | None,
        passed_over: Sequence[str] = (),
    ) -> None:
        self.console, self.messages, self.report = console, messages, report
        self.passed_over = passed_over
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []

    def show(self, result: R) -> None:
        """Print the result of an input that did not fail."""
        raise NotImplementedError

    def collect(self, run: batch.Run[P, R], total: int) -> None:
        """Report each outcome as it comes, then the summary of ``total`` inputs, also after Ctrl-C."""
        try:
            for outcome in run:
                self._add(outcome)
        except KeyboardInterrupt:
            abandon()
            for outcome in run.stop():
                self._add(outcome)
            raise
        finally:
            if total > 1 or self.passed_over:
                self.console.print(self._counts(total))
            for failure in self.failures:
                self.console.print_error(failure)

    def _counts(self, total: int) -> str:
        """The counts of all inputs: 2 written, 0 skipped, 1 failed."""
        rare = [status for status in ("partial", "larger") if self.counts[status]]
        words = [f"{self.counts[status]} {status}" for status in ("written", *rare, "skipped", "failed")]
        rest = total - self.counts.total()
        if rest:
            words.append(f"{rest} not done")
        counts = ", ".join(words)
        if not self.passed_over:
            return counts
        names = printable(self.passed_over[0]) + (", …" if len(self.passed_over) > 1 else "")
        return f"{counts}; {len(self.passed_over)} passed over: outputs of earlier runs ({names})"

    def _add(self, outcome: batch.Outcome[R]) -> None:
        """Count an outcome and report it; it is counted first, since Ctrl-C may come at any moment."""
        item, result = outcome.input, outcome.result
        failed = records.failed(item.name, outcome.error or "")
        row: FileRecord | ClipRecord = failed if result is None else result.record
        self.counts[row["status"]] += 1
        line = json.dumps(row)
        self._write_report(line)
        if result is None:
            self._fail(item, outcome.error or "")
            for detail in masked(outcome.details).splitlines() if self.messages.verbose else ():
                self.console.print(printable(detail))
        else:
            self.show(result)
            self._print_more(result)
            if row["status"] == "partial":
                self._fail(item, row["error"])
        if self.messages.as_json:
            click.echo(line)
        self.console.advance()

    def _fail(self, item: Input, reason: str) -> None:
        self.failures.append(f"{display_name(item)}: {printable(reason)}")

    def _print_more(self, result: R) -> None:
        """Print the command of a result, and its notes."""
        row = result.record
        if self.messages.verbose and result.command:
            self.console.print_command(result.command)
        notes = row.get("notes") if self.messages.verbose else row.get("warnings")
        if notes:
            self.console.print(records.notes_line(notes))

    def _write_report(self, line: str) -> None:
        """Add a line to the report; if it cannot be written any more, that is one failure, and the run goes on."""
        if self.report is None:
            return
        try:
            self.report.add(line)
        except OutputError as error:
            self.failures.append(f"--report {printable(str(error))}")
            self.report = None


class ImageSummary(BatchSummary[JobResult]):
    """The summary of a run of ``kmeans``, ``em`` or ``apply``."""

    def show(self, result: JobResult) -> None:
        if result.png is not None:
            write_stdout(result.png)
        self.console.print_record(result.record, details=self.messages.verbose)


class Planned(Protocol):
    """The outputs of an input as ``--dry-run`` shows them."""

    @property
    def skip_existing(self) -> bool:
        """Whether the input is skipped if all its files exist."""
        ...

    def is_complete(self) -> bool:
        """Whether all files exist."""
        ...

    def check(self) -> None:
        """Raises OutputError for a file that cannot be written, or may not be overwritten."""
        ...

    def files(self) -> Sequence[Place]:
        """All files, as far as their names are known; none for standard output."""
        ...

    def words(self) -> Iterator[str]:
        """The names of the files; of numbered ones only the first and, if it is known, the last."""
        ...


@dataclass(frozen=True)
class PlannedImage:
    """The outputs ``paths`` of an image with at most ``k`` labels."""

    paths: OutputPaths
    k: int

    @property
    def skip_existing(self) -> bool:
        return self.paths.skip_existing

    def is_complete(self) -> bool:
        return self.paths.is_complete(self.k)

    def check(self) -> None:
        self.paths.check(self.k)

    def files(self) -> list[Place]:
        return self.paths.files(self.k)

    def words(self) -> Iterator[str]:
        yield STDIN if self.paths.image is None else str(self.paths.image)
        for path, last in self.paths.series(self.k):
            yield str(path) + ("" if last is None else f" … {last.name}")


def print_dry_run(
    plan: Iterable[tuple[Input, Planned]], report: str | None, as_json: bool, *, shared_palette: str | None = None
) -> None:
    """Print on standard output the files that each input would become; exit with 1 if one is certain to fail.

    ``shared_palette`` is the file of the one palette of all inputs, if it would be written. Raises OptionError for a
    report, since nothing is written.
    """
    if report is not None:
        raise OptionError("--dry-run writes no --report: leave one out")
    failures = []
    for item, planned in plan:
        try:
            skipped = _would_be_skipped(item, planned)
        except ColorquantError as error:
            failures.append(f"{display_name(item)}: {printable(str(error))}")
            if as_json:
                click.echo(json.dumps(records.failed(item.name, str(error))))
            continue
        if as_json:
            names = [str(path) for path in planned.files()] or [STDIN]
            status = "skipped" if skipped else "planned"
            click.echo(json.dumps({"input": item.name, "output": names[0], "others": names[1:], "status": status}))
        else:
            words = ", ".join(map(printable, planned.words())) + (" (skipped, exists)" if skipped else "")
            click.echo(f"{display_name(item)} → {words}")
    if shared_palette is not None and as_json:
        click.echo(json.dumps({"input": None, "output": shared_palette, "others": [], "status": "planned"}))
    elif shared_palette is not None:
        click.echo(f"the palette of all → {printable(shared_palette)}")
    for failure in failures:
        click.echo(f"Error: {failure}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def _would_be_skipped(item: Input, planned: Planned) -> bool:
    """Whether the input would be skipped. Raises what its run would raise, as far as that depends on names."""
    if item.problem is not None:
        raise item.problem
    if isinstance(item.path, Path):
        check_readable(item.path)
    if planned.skip_existing and planned.is_complete():
        return True
    planned.check()
    return False
