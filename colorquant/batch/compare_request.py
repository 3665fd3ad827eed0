"""``compare`` over many images: the names of all outputs, checked before anything runs, and the files of all images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from colorquant.analysis import measures
from colorquant.analysis.grid import Grid, variant
from colorquant.batch.compare_job import CompareOutputs
from colorquant.batch.inputs import Input
from colorquant.batch.naming import OutputName, check_names
from colorquant.batch.outputs import OUTPUTS
from colorquant.errors import OptionError
from colorquant.files import write_whole
from colorquant.report.comparison_records import ComparedImage, encode_csv
from colorquant.report.comparison_summary import SUFFIXES, encode_markdown, encode_summary
from colorquant.report.figures import check_figure, compared
from colorquant.report.figures.compared import OVER_IMAGES
from colorquant.report.records import printable
from colorquant.urls import Place, place_of


@dataclass(frozen=True)
class CompareRequest:
    """A grid with the files that the user wants; each field is the value of the option of the same name.

    ``output`` is a folder; ``truth`` and ``figure`` may hold ``{stem}``. ``csv``, ``markdown``, ``summary`` and
    ``html`` are written once for all images, and so is a figure of a kind that shows all of them. ``figure_title`` is
    as in :class:`colorquant.report.figure_kinds.Drawing`. ``options`` are shown on the page, by their flags, and so is
    ``command``, a line for a shell that makes the page again.
    """

    grid: Grid
    output: str | None = None
    truth: str | None = None
    figure: str | None = None
    figure_kind: str | None = None
    figure_title: str | None = None
    csv: str | None = None
    markdown: str | None = None
    summary: str | None = None
    html: str | None = None
    force: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    def plan(self, inputs: Sequence[Input]) -> list[tuple[Input, CompareOutputs]]:
        """Each image with its outputs. Raises OptionError and OutputError, before anything is read."""
        kind = self._figure_kind()
        plan = [(item, self._outputs(item, kind)) for item in inputs]
        files = (outputs.files(self.grid) for _, outputs in plan)
        check_names(inputs, self._names(), files, force=self.force)
        return plan

    def _names(self) -> list[OutputName]:
        """The names that the user gave."""
        names = {"-o": self.output, "--truth": self.truth}
        once = {"--csv": self.csv, "--markdown": self.markdown, "--summary": self.summary, "--html": self.html}
        (once if self.figure_kind in OVER_IMAGES else names)["--figure"] = self.figure
        instead = {"--figure": f", or draw all images with --figure-kind {' or '.join(OVER_IMAGES)}"}
        suffixes = {"--html": OUTPUTS["html"].suffixes, "--summary": SUFFIXES}
        return [
            *(
                OutputName(flag, name, folder=flag == "-o", instead=instead.get(flag, ""))
                for flag, name in names.items()
                if name is not None
            ),
            *(
                OutputName(flag, name, suffixes.get(flag, ()), once=True)
                for flag, name in once.items()
                if name is not None
            ),
        ]

    @property
    def notes(self) -> list[str]:
        """Lines on what is left out of the results, and why."""
        no_ssim = [] if measures.has_ssim() else ["no SSIM: it needs scikit-image, pip install 'colorquant[metrics]'"]
        return [*(f"left out: {printable(reason)}" for reason in self.grid.left_out), *no_ssim]

    def write(self, images: Sequence[ComparedImage], failures: Sequence[tuple[str, str]]) -> None:
        """Write the files of all images; ``failures`` has the name of each image that failed, and the reason.

        Nothing is written where there is neither: the run was interrupted before its first result.
        """
        if not images and not failures:
            return
        files: list[tuple[Place, bytes]] = []
        if self.csv is not None:
            files.append((place_of(self.csv), encode_csv(images, failures)))
        if self.markdown is not None:
            files.append((place_of(self.markdown), encode_markdown(images, failures, self.notes)))
        if self.summary is not None:
            files.append((place_of(self.summary), encode_summary(images, place_of(self.summary).suffix.lower())))
        if self.figure is not None and self.figure_kind in OVER_IMAGES:
            path = place_of(self.figure)
            kind, suffix = self.figure_kind, path.suffix.lower()
            files.append((path, compared.encode_over_images(images, kind, suffix, self.figure_title)))
        if self.html is not None:
            from colorquant.report.html.comparison import Failure, comparison_page

            failed = [Failure(name, error) for name, error in failures]
            options = list(self.options.items())
            files.append((place_of(self.html), comparison_page(images, failed, options, self.notes, self.command)))
        write_whole(files, force=self.force)

    def _figure_kind(self) -> str:
        """The kind of the figure. Raises OptionError if it cannot be drawn, or if it is described but has no file."""
        if self.figure is None:
            if self.figure_kind is not None or self.figure_title is not None:
                flag = "--figure-title" if self.figure_kind is None else "--figure-kind"
                raise OptionError(f"{flag} describes a figure: add --figure FILE")
            return "grid"
        if not self.figure:
            raise OptionError("--figure has an empty name: is a variable unset?")
        check_figure(self.figure)
        if self.figure_kind in OVER_IMAGES:
            return "grid"
        return compared.choose(self.figure_kind, [(variant(options), options.k) for options in self.grid.combinations])

    def _outputs(self, item: Input, kind: str) -> CompareOutputs:
        own = None if self.figure is None else place_of(self.figure.replace("{stem}", item.stem))
        return CompareOutputs(
            folder=None if self.output is None else place_of(self.output),
            stem=item.stem,
            force=self.force,
            truth=None if self.truth is None else place_of(self.truth.replace("{stem}", item.stem)),
            figure=own if self.figure_kind not in OVER_IMAGES else None,
            figure_kind=kind,
            figure_title=self.figure_title,
            previews=self.html is not None,
        )
