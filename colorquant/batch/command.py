"""The shell commands that repeat a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING

from colorquant.batch.settings import JobOptions
from colorquant.fitting.engines import resolve
from colorquant.fitting.options import FitOptions
from colorquant.images.decoding import Reading
from colorquant.report.figure_kinds import CLIP_FIGURES, Drawing
from colorquant.urls import Place, masked

if TYPE_CHECKING:  # a plain run loads none of them
    from colorquant.analysis.auto_k import AutoK
    from colorquant.batch.video_outputs import ClipPaths
    from colorquant.batch.video_settings import ClipSettings
    from colorquant.mapping.dithering import Dithering
    from colorquant.mapping.options import MappingOptions
    from colorquant.video.background import BackgroundOptions
    from colorquant.video.frames import ClipReading

DITHER_FLAGS = {
    "--dither-strength": "strength",
    "--serpentine": "serpentine",
    "--dither-space": "space",
    "--dither-adaptive": "adaptive",
}


def command_line(
    name: str, settings: JobOptions, *, image: Place | None, in_place: bool, others: Mapping[str, str]
) -> str:
    """The ``colorquant`` command that makes the files of the input ``name`` in the same way, quoted for a POSIX shell.

    Options of a fit are as :func:`colorquant.fitting.engines.resolve` returns them. Options with default values are
    left out. With ``settings.auto`` the number of colours is chosen again. ``image`` is the picture's file, None for
    standard output, and with ``in_place`` the input itself; ``others`` maps flags of other outputs to their values.
    """
    place = ["--in-place"] if in_place else ["-o", "-" if image is None else str(image)]
    words = ["colorquant", settings.options.method, _no_option(name), *_job_words(settings, place, others)]
    return _joined(words)


def shared_command(
    names: Sequence[str],
    settings: JobOptions,
    *,
    recursive: bool,
    shared_from: int | None,
    output: str | None,
    in_place: bool,
    others: Mapping[str, str],
) -> str:
    """The command that repeats a whole run with ``--shared``, of the inputs ``names`` as the user gave them.

    ``output`` is the value of ``-o``; the other arguments are as for :func:`command_line`.
    """
    words = ["colorquant", settings.options.method, *map(_no_option, names)]
    words += [*_words("--recursive", recursive, False), "--shared", *_words("--shared-from", shared_from, None)]
    place = ["--in-place"] if in_place else _words("-o", output, None)
    return _joined([*words, *_job_words(settings, place, others)])


def clip_command(paths: ClipPaths, settings: ClipSettings) -> str:
    """The ``colorquant video`` command that makes the files of one clip in the same way, quoted for a POSIX shell."""
    from colorquant.batch.video_outputs import CLIP_OUTPUTS
    from colorquant.batch.video_settings import ClipSettings as Defaults

    words = ["colorquant", "video", _no_option(paths.name)]
    if settings.background is not None:
        words += _background_words(settings.background)
    else:
        words += _words("--method", settings.options.method, Defaults.method)
        words += _color_words(settings.options, settings)
    words += _reading_words(settings.reading)
    for name in ("every", "refit", "smooth", "still", "keep_partial", "crf"):
        words += _words(_flag(name), getattr(settings, name), getattr(Defaults, name))
    kinds = list(paths.painted)
    first = paths.painted[kinds[0]]
    if len(kinds) == 1 and kinds[0] != "frames":
        words += ["-o", str(first)]
    else:
        words += ["-o", str(first.parent), *_words("--write", ",".join(kinds), "frames")]
    for kind, path in paths.others.items():
        output = CLIP_OUTPUTS[kind]
        words += [output.flag, path.suffix[1:] if output.beside else str(path.parent if output.folder else path)]
    drawing = settings.drawing if "figure" in paths.others else None
    return _joined(words + _drawing_words(drawing, next(iter(CLIP_FIGURES))))


def _background_words(background: BackgroundOptions) -> list[str]:
    """The flags of background subtraction."""
    default = type(background)(background.method)
    return [
        *("--background", background.method),
        *_words("--history", background.history, default.history),
        *_words("--var-threshold", background.var_threshold, None),
        *_words("--shadows", background.shadows, default.shadows),
    ]


def compare_command(
    names: Sequence[str], axes: Mapping[str, object], reading: Reading, *, recursive: bool, html: str
) -> str:
    """The ``colorquant compare`` command for the inputs ``names`` that writes the page ``html``, quoted for a shell.

    ``axes`` are the values of the options of the same names; those that are None or empty are left out.
    """
    words = ["colorquant", "compare", *map(_no_option, names)]
    for name, value in axes.items():
        if value not in (None, (), ("none",)):
            flag = "-k" if name == "k" else _flag(name)
            words += _words(flag, value, False)
    words += _reading_words(reading) + _words("--recursive", recursive, False)
    return _joined([*words, "--html", html])


def _joined(words: Sequence[str]) -> str:
    """The words as a line for a POSIX shell, without the passwords of URLs."""
    return shlex.join(map(masked, words))


def _no_option(name: str) -> str:
    """The name of a file in a form that is not taken for an option."""
    return f"./{name}" if name.startswith("-") and name != "-" else name


def _reading_words(reading: Reading | ClipReading) -> list[str]:
    """The flags of the options of reading that differ from the defaults."""
    words = []
    for field in fields(reading):
        words += _words(_flag(field.name), getattr(reading, field.name), field.default)
    return words


def _dither_words(dithering: Dithering | None) -> list[str]:
    """The flags of dithering that differ from the defaults; none without dithering."""
    if dithering is None:
        return []
    defaults = type(dithering)(dithering.method)
    words = ["--dither", dithering.method]
    for flag, name in DITHER_FLAGS.items():
        words += _words(flag, getattr(dithering, name), getattr(defaults, name))
    return words


def _job_words(settings: JobOptions, place: Sequence[str], others: Mapping[str, str]) -> list[str]:
    """The flags of a job; ``place`` says where the picture goes, ``others`` which other files are written."""
    options = settings.options
    words = _color_words(options, settings)
    words += _words("--weights", settings.weights, None)
    words += _reading_words(settings.reading) + _words("--keep-metadata", settings.keep_metadata, False)
    words += _words("--optimize", settings.optimize, False) + _words("--strips", settings.strips, False)
    words += [*_words("--skip-if-larger", settings.skip_if_larger, False), *place]
    for flag, value in others.items():
        words += [flag, value]
    return words + _drawing_words(settings.drawing)


def _color_words(options: FitOptions | MappingOptions, settings: JobOptions | ClipSettings) -> list[str]:
    """The flags of a fit, or of mapping onto a given palette, of painting and of dithering."""
    words = _fit_words(options, settings.auto) if isinstance(options, FitOptions) else _mapping_words(options)
    words += _words("--paint", settings.paint, JobOptions.paint) + _words("--assign", settings.assign, None)
    return words + _dither_words(settings.dithering)


def _drawing_words(drawing: Drawing | None, default: str | None = None) -> list[str]:
    """The flags that describe a figure, whose kind is left out where it is the ``default``."""
    if drawing is None:
        return []
    words = _words("--figure-kind", drawing.kind, default)
    words += ["--figure-bands", ",".join(drawing.bands)] if drawing.bands else []
    return words + ([] if drawing.title is None else ["--figure-title", drawing.title or "none"])


def _fit_words(options: FitOptions, auto: AutoK | None) -> list[str]:
    """The flags of the options that differ from the defaults of the method and the engine, and always -k."""
    defaults = resolve(FitOptions(options.method, engine=options.engine)).replace(engine=FitOptions.engine)
    words = ["-k", str(options.k)] if auto is None else ["-k", "auto", *_auto_words(auto)]
    for field in fields(FitOptions):
        if field.name not in ("method", "k"):
            words += _words(_flag(field.name), getattr(options, field.name), getattr(defaults, field.name))
    return words


def _mapping_words(options: MappingOptions) -> list[str]:
    """The flags of mapping onto a given palette."""
    words = ["--palette", options.given, *_words("--space", options.space, None)]
    words += _words("--distance", options.distance, type(options).distance)
    return words + _words("--alpha", options.alpha, None)


def _auto_words(auto: AutoK) -> list[str]:
    """The flags that describe how the number of colours is chosen, the target always."""
    return [
        "--target",
        auto.target,
        *_words("--min-k", auto.min_k, type(auto).min_k),
        *_words("--max-k", auto.max_k, type(auto).max_k),
        *_words("--best-effort", auto.best_effort, False),
    ]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _words(flag: str, value: object, default: object) -> list[str]:
    """The flag with its value, or nothing if the value is the default."""
    if value == default or value is None:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, tuple):
        return [flag, ",".join(map(str, value))]
    if isinstance(value, Fraction) and Fraction(repr(float(value))) == value:
        return [flag, f"{float(value)!r}".removesuffix(".0")]
    return [flag, repr(value) if isinstance(value, float) else str(value)]
