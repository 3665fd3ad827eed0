"""A run of ``kmeans``, ``em`` or ``apply``: its options checked, its inputs found, its outputs named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from colorquant.batch.command import shared_command
from colorquant.batch.inputs import STDIN, FoundInputs, Input, find_inputs
from colorquant.batch.memory import MemoryLimit
from colorquant.batch.naming import FIELDS, OutputNaming, Plan, check_fields
from colorquant.batch.outputs import OUTPUTS, OutputPaths, check_kinds
from colorquant.batch.quantize_job import QuantizeJob
from colorquant.batch.run_options import RunOptions
from colorquant.batch.settings import JobOptions, SharedFit
from colorquant.color.spaces import Projection
from colorquant.errors import EngineError, OptionError
from colorquant.fitting.engines import Progress, check_weights, histogram_for, resolve
from colorquant.fitting.options import FitOptions
from colorquant.images.decoding import Reading
from colorquant.quantization import check_dithering
from colorquant.report import figures
from colorquant.report.figure_kinds import FIGURES, Drawing
from colorquant.urls import is_url

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.analysis.auto_k import AutoK
    from colorquant.batch.shared_fit import FirstPass
    from colorquant.fitted_palette import FittedPalette
    from colorquant.mapping.dithering import Dithering
    from colorquant.mapping.options import MappingOptions

MOST_NAMES = 50  # of inputs in a command that repeats a run


@dataclass(frozen=True)
class QuantizeRequest:
    """A run of ``kmeans``, ``em`` or ``apply`` as the user requests it.

    ``options`` of a fit may leave fields to the engine's defaults. ``output`` is the value of ``-o``; ``others`` maps
    keys of OUTPUTS to the values of their options. With ``in_place`` each picture replaces its input. With ``shared``
    all inputs get one palette, which is fitted to ``shared_from`` of them at random, None for all. The other fields are
    as in :class:`colorquant.batch.settings.JobOptions`. Raises OptionError where options do not go together.
    """

    options: FitOptions | MappingOptions
    run: RunOptions = RunOptions()  # noqa: RUF009  it is frozen
    output: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    paint: str = "members"
    assign: str | None = None
    reading: Reading = Reading()  # noqa: RUF009  it is frozen
    keep_metadata: bool = False
    optimize: bool = False
    skip_if_larger: bool = False
    figure_kind: str | None = None
    figure_bands: tuple[str, ...] = ()
    figure_title: str | None = None
    weights: str | None = None
    in_place: bool = False
    auto: AutoK | None = None
    shared: bool = False
    shared_from: int | None = None
    dithering: Dithering | None = None
    strips: bool = False

    def __post_init__(self) -> None:
        options = self.options
        if isinstance(options, FitOptions):
            options = resolve(options)
            object.__setattr__(self, "options", options)
            if self.auto is not None:
                object.__setattr__(self, "auto", self.auto.beside(options))
            Projection.of(options.space, options.keep_luma)
            check_dithering(options, self.dithering)
            if self.weights is not None:
                check_weights(options)
                _check_map_name(self.weights)
        elif self.dithering is not None:
            options.check_dithering(self.dithering)
        check_kinds(options, self.others)
        drawing = self._drawing()
        if self.shared:
            self._check_shared(drawing)
        elif self.shared_from is not None:
            raise OptionError(f"--shared-from {self.shared_from} says how many images --shared fits: add --shared")
        if self.strips:
            self._check_strips()
        if self.run.send_files is not None:
            self._check_sending()
        if self.optimize:
            from colorquant.images.optimizing import check_optimizer  # a plain run does not need it

            check_optimizer()

    def _check_shared(self, drawing: Drawing | None) -> None:
        """Raises OptionError for an option that one palette for all inputs cannot honour."""
        options = self.options
        assert isinstance(options, FitOptions), "only fits have --shared"
        from colorquant.fitted_palette import check_sums

        check_sums(options, "--shared")
        if self.auto is not None:
            from colorquant.analysis.shared_k import check_shared

            check_shared(self.auto, dithered=self.dithering is not None)
        if self.run.skip_existing:
            raise OptionError(
                "--skip-existing could keep pictures of another palette than the one that --shared fits: leave it "
                "out, or use colorquant apply with the palette that --palette-out wrote"
            )
        if "trace" in self.others:
            raise OptionError("--trace follows the fit of one image, and --shared fits all at once: leave one out")
        if drawing is not None and (FIGURES[drawing.kind].history or FIGURES[drawing.kind].sweep):
            raise OptionError(
                f"--figure-kind {drawing.kind} fits one image again, and --shared fits all at once: use another kind"
            )

    def _check_sending(self) -> None:
        """Raises OptionError for an option that needs files besides the inputs, or inputs as files."""
        if self.weights is not None and not is_url(self.weights):
            raise OptionError("--send-files sends no --weights: put both where the workers see them, and leave it out")
        if self.strips:
            raise OptionError("--strips reads files, and --send-files sends their bytes: leave one out")

    def _check_strips(self) -> None:
        """Raises OptionError for an option that needs the whole picture, EngineError where pyvips is missing."""
        from colorquant.batch.strips_job import check_strips
        from colorquant.images.strips import require_pyvips

        settings = self._settings()
        check_strips(replace(settings, auto=None) if self.shared else settings, self.others)
        require_pyvips("--strips")

    @property
    def shared_palette(self) -> str | None:
        """The file of the one palette for all inputs, if it is requested."""
        return self.others.get("palette") if self.shared else None

    @property
    def k(self) -> int:
        """The largest number of labels."""
        return self.options.k

    @property
    def tag(self) -> str:
        """The part of the default name of a picture that stands for the run, such as kmeans16."""
        if not isinstance(self.options, FitOptions):
            return self.options.method
        return f"{self.options.method}{self.k if self.auto is None else 'auto'}"

    def find_inputs(self, names: Sequence[str]) -> FoundInputs:
        """Find the images that ``names`` stand for, outside the folders that are written to."""
        folders = [value for kind, value in self.others.items() if OUTPUTS[kind].folder]
        return find_inputs(
            names, recursive=self.run.recursive, outputs=[name for name in (*folders, self.output) if name]
        )

    def plan(self, inputs: Sequence[Input]) -> Plan[OutputPaths]:
        """Each input with its outputs. Raises OptionError and OutputError if a name cannot be used."""
        naming = OutputNaming(
            self.tag,
            self.k,
            output=self.output,
            others=self.others,
            force=self.run.force,
            in_place=self.in_place,
            skip_existing=self.run.skip_existing,
            report=self.run.report,
            once=("palette",) if self.shared else (),
            read=self._read(),
        )
        return naming.plan(inputs)

    def _read(self) -> dict[str, str]:
        """The flags that name files to be read, with these files; other values, such as colours, do no harm."""
        read = {} if self.weights is None else {"--weights": self.weights}
        if not isinstance(self.options, FitOptions) and self.options.given:
            read["--palette"] = self.options.given
        return read

    def job(
        self,
        progress: Progress | None = None,
        trying: Callable[[int], None] | None = None,
        shared: SharedFit | None = None,
        *,
        at_once: int = 1,
    ) -> QuantizeJob:
        """The job for each input. It is picklable without ``progress`` and ``trying``.

        ``shared`` is the one palette for all inputs, already fitted. ``at_once`` inputs are worked on at the same time.
        """
        return QuantizeJob(self._settings(shared), progress, trying, MemoryLimit(self.run.memory, at_once))

    def _settings(self, shared: SharedFit | None = None) -> JobOptions:
        return JobOptions(
            self.options,
            paint=self.paint,
            assign=self.assign,
            reading=self.reading,
            keep_metadata=self.keep_metadata,
            optimize=self.optimize,
            skip_if_larger=self.skip_if_larger,
            drawing=self._drawing(),
            auto=self.auto,
            weights=self.weights,
            shared=shared,
            dithering=self.dithering,
            strips=self.strips,
        )

    def shared_command(self, names: Sequence[str]) -> str:
        """The shell command that repeats a run with ``--shared`` over ``names``, as the user gave them, or nothing."""
        if len(names) > MOST_NAMES:
            return ""
        return shared_command(
            names,
            self._settings(),
            recursive=self.run.recursive,
            shared_from=self.shared_from,
            output=self.output,
            in_place=self.in_place,
            others={OUTPUTS[kind].flag: value for kind, value in self.others.items()},
        )

    def first_pass(self, plan: Sequence[tuple[Input, OutputPaths]]) -> FirstPass:
        """The first pass of a run with ``--shared``."""
        from colorquant.batch.shared_fit import CountJob, FirstPass

        assert isinstance(self.options, FitOptions), "only fits have --shared"
        return FirstPass(
            plan, CountJob(self._settings(), self.k, MemoryLimit(self.run.memory)), self.shared_from, self.options.seed
        )

    def fit_shared(
        self, first: FirstPass, progress: Progress, trying: Callable[[int], None], command: str
    ) -> SharedFit:
        """Fit the one palette to what was counted, and write its file if it is requested.

        Raises EngineError where no image has a visible pixel or a fit fails, TargetError, and OutputError.
        """
        from colorquant.fitted_palette import fit_palette

        options = self.options
        assert isinstance(options, FitOptions), "only fits have --shared"
        total = histogram_for(options, first.total)
        if not len(total):
            raise EngineError("no image has a visible pixel: there is nothing to fit")

        def fit(k: int) -> FittedPalette:
            if self.auto is not None:
                trying(k)
            return fit_palette(
                total,
                options.replace(k=k),
                paint=self.paint,
                assign=self.assign,
                progress=progress,
                dithering=self.dithering,
            )

        chosen = None
        if self.auto is None:
            palette = fit(options.k)
        else:
            from colorquant.analysis.shared_k import choose_shared_k

            chosen, palette = choose_shared_k(total, self.auto, fit)
        if self.shared_palette is not None:
            palette.write(self.shared_palette, force=self.run.force)
        return SharedFit(palette, first.images, command, chosen)

    def _drawing(self) -> Drawing | None:
        """The figure to draw, if any. Raises OptionError if it is impossible, or described but not requested."""
        if "figure" in self.others and isinstance(self.options, FitOptions):
            return figures.choose(self.options, self.figure_kind, self.figure_bands, self.figure_title)
        described = {"kind": self.figure_kind, "bands": self.figure_bands or None, "title": self.figure_title}
        for name, value in described.items():
            if value is not None:
                raise OptionError(f"--figure-{name} describes a figure: add --figure FILE")
        return None


def _check_map_name(name: str) -> None:
    """Raises OptionError for a name that cannot be that of a map of weights, whatever files exist."""
    if name in ("", STDIN):
        raise OptionError(f"--weights {name!r} is not a file: name a gray image")
    check_fields("--weights", name, FIELDS)
