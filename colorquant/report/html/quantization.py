"""The page of ``kmeans`` and ``em``: one quantized picture to look at from all sides."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from colorquant.palette.files import hex_color
from colorquant.report.html import Cell, Fact, base_name, data_uri, option_words, render
from colorquant.report.html.charts import Chart, Point, line_chart
from colorquant.report.html.exhibit import Exhibit, Trial, Walk
from colorquant.report.machine import Machine
from colorquant.report.records import printable, size_words

METHODS = {"kmeans": "k-means", "em": "EM"}
MOST_ENTRIES = 256  # of the palette that are listed
STRIP = 64  # colours in a strip under a slider


def quantization_page(exhibit: Exhibit) -> bytes:
    """The page as HTML."""
    quantized = exhibit.quantized
    method, name = METHODS[quantized.options.method], base_name(exhibit.name)
    colors = f"{len(quantized.palette):,} colour{'' if len(quantized.palette) == 1 else 's'}"
    return render(
        "quantization.html",
        f"{name}: {colors} by {method}",
        _data(exhibit),
        name=name,
        method=method,
        colors=colors,
        exhibit=exhibit,
        summary=_summary(exhibit),
        palette=_palette(exhibit),
        most_entries=MOST_ENTRIES,
        trials=_trials_table(exhibit.trials) if len(exhibit.trials) > 1 else None,
        elbows=[chart for _, chart in _elbows(exhibit.trials)] if len(exhibit.trials) > 1 else [],
        convergence=_convergence(exhibit),
        metrics=_metrics(exhibit),
        options=_options(exhibit),
        versions=", ".join(f"{library} {number}" for library, number in Machine.this().versions.items()),
        notes=_notes(exhibit),
    )


def _data(exhibit: Exhibit) -> dict[str, Any]:
    """What the page's script reads."""
    width, height = exhibit.shown
    opaque = [None, None] if exhibit.opaque is None else [data_uri(picture) for picture in exhibit.opaque]
    beliefs = exhibit.beliefs
    inspector = {
        "width": width,
        "height": height,
        "before": opaque[0],
        "after": opaque[1],
        "labels": data_uri(exhibit.labels),
        "transparent": exhibit.transparent,
        "strongest": [] if beliefs is None else [data_uri(picture) for picture in beliefs.strongest],
        "shares": None if beliefs is None else data_uri(beliefs.shares),
    }
    return {"inspector": inspector, "trials": _trial_frames(exhibit), "steps": _step_frames(exhibit)}


def _summary(exhibit: Exhibit) -> str:
    quantized = exhibit.quantized
    if quantized.untouched:
        return f"Untouched: it has no more than {quantized.options.k:,} colours."
    sizes = f"{size_words(exhibit.bytes_in)} became {size_words(exhibit.bytes_out)}"
    return f"{quantized.colors_in:,} colours became {quantized.colors_out:,}, {psnr_words(quantized.psnr)}; {sizes}."


def psnr_words(psnr: float | None) -> str:
    """A PSNR with its unit; infinite or None is no loss."""
    return "no loss" if psnr is None or not math.isfinite(psnr) else f"PSNR {psnr:.2f} dB"


def _palette(exhibit: Exhibit) -> list[dict[str, Any]]:
    quantized = exhibit.quantized
    total, largest = max(int(quantized.palette.counts.sum()), 1), max(int(quantized.palette.counts.max(initial=0)), 1)
    rows = zip(quantized.palette.colors[:MOST_ENTRIES], quantized.palette.counts[:MOST_ENTRIES].tolist(), strict=True)
    return [
        {
            "label": label,
            "hex": hex_color(color),
            "pixels": f"{pixels:,}",
            "share": _percent(pixels / total),
            "bar": round(100 * pixels / largest, 2),
        }
        for label, (color, pixels) in enumerate(rows)
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"


def objective_fact(quantized: Any) -> list[Fact]:
    """The inertia, or the log-likelihood and BIC, of a fit that has them."""
    if quantized.inertia is not None:
        return [("inertia", _six(quantized.inertia))]
    if quantized.log_likelihood is None:
        return []
    return [("log-likelihood per pixel", f"{quantized.log_likelihood:.4f}"), ("BIC", f"{quantized.bic:,.0f}")]


def _six(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.6g}"


def _trial_frames(exhibit: Exhibit) -> list[dict[str, Any]]:
    if len(exhibit.trials) < 2:
        return []
    elbows = _elbows(exhibit.trials)
    return [
        {
            "name": f"{trial.k:,}",
            "picture": data_uri(trial.picture),
            "facts": _quality(trial.run),
            "colors": [hex_color(color) for color in trial.run.palette.colors[:STRIP]],
            "own": trial.k == exhibit.quantized.options.k,
            "at": [[places[trial.k]] if trial.k in places else [] for places, _ in elbows],
        }
        for trial in exhibit.trials
    ]


def _quality(run: Any) -> list[Fact]:
    psnr = "no loss" if not math.isfinite(run.psnr) else f"{run.psnr:.2f} dB"
    return [("colours", f"{run.colors_out:,}"), ("PSNR", psnr), ("MSE", f"{run.mse:,.2f}"), *objective_fact(run)]


def _elbows(trials: Sequence[Trial]) -> list[tuple[dict[int, Point], Chart]]:
    """The charts over k, each with the places of its points by k: for EM the BIC, which it is about, then the MSE."""
    charts = []
    for label, name in (("BIC (lower is better)", "bic"), ("MSE", "mse")):
        points = [(trial.k, getattr(trial.run, name)) for trial in trials if getattr(trial.run, name) is not None]
        if len(points) > 1:
            chart = line_chart([(name, points)], "number of colours k", label, log_x=True)
            places = dict(zip((k for k, _ in points), chart.lines[0].points, strict=True))
            charts.append((places, chart))
    return charts


def _trials_table(trials: Sequence[Trial]) -> tuple[list[str], list[list[Cell]]]:
    """The heads and rows of the table under the slider of k."""
    kmeans = trials[0].run.options.method == "kmeans"
    names = ("inertia",) if kmeans else ("log_likelihood", "bic")
    heads = ["k", "colours", "MSE", "PSNR dB", *(["inertia"] if kmeans else ["log-likelihood", "BIC"])]
    rows = []
    for trial in trials:
        run = trial.run
        cells = [Cell(f"{trial.k:,}", trial.k), Cell(f"{run.colors_out:,}", run.colors_out)]
        finite = math.isfinite(run.psnr)
        cells += [Cell(f"{run.mse:,.2f}", run.mse), Cell(f"{run.psnr:.2f}" if finite else "no loss", run.psnr)]
        forms = {"inertia": _six, "log_likelihood": "{:.4f}".format, "bic": "{:,.0f}".format}
        for name in names:
            value = getattr(run, name)
            cells.append(Cell("–" if value is None else forms[name](value), value))
        rows.append(cells)
    return heads, rows


def _step_frames(exhibit: Exhibit) -> list[dict[str, Any]]:
    walk = exhibit.walk
    if walk is None:
        return []
    chart, line = _convergence(exhibit), -1
    assert chart is not None
    return [
        {
            "name": "start" if step.number == 0 else f"{step.number}",
            "picture": data_uri(step.picture),
            "facts": [(_objective_name(exhibit), _objective_words(exhibit, walk, step.objective))],
            "centers": step.places,
            "ellipses": step.ellipses,
            "sizes": [round(size / walk.pixels, 5) for size in step.sizes],
            "colors": [hex_color(color) for color in step.colors],
            "at": [[chart.lines[line].points[step.number]]],
        }
        for step in walk.steps
    ]


def _objective_name(exhibit: Exhibit) -> str:
    return "inertia per pixel" if exhibit.quantized.options.method == "kmeans" else "log-likelihood per pixel"


def _objective_words(exhibit: Exhibit, walk: Walk, objective: float) -> str:
    if exhibit.quantized.options.method == "kmeans":
        return _six(objective / walk.pixels)
    return f"{objective:.4f}"


def _convergence(exhibit: Exhibit) -> Chart | None:
    """The objective against the iterations; those that are shown come last."""
    quantized, walk = exhibit.quantized, exhibit.walk
    kmeans = quantized.options.method == "kmeans"
    lines = []
    pixels = quantized.weight
    if len(quantized.trace) > 1 and (walk is None or (walk.pixels == pixels and not walk.own)):
        lines.append(("this run", quantized.trace, pixels))  # of other pixels it could not be compared
    if walk is not None:
        lines.append(("this run" if walk.own else "from random colours", walk.objectives, walk.pixels))
    series = [
        (name, [(number, value / pixels if kmeans else value) for number, value in enumerate(values)])
        for name, values, pixels in lines
    ]
    return line_chart(series, "iteration", _objective_name(exhibit)) if series else None


def _metrics(exhibit: Exhibit) -> list[Fact]:
    quantized = exhibit.quantized
    width, height = exhibit.size
    told = quantized.n_iter is not None
    ended = "converged" if quantized.converged else "not converged"
    facts = [
        ("size", f"{width:,} × {height:,} pixels"),
        ("colours before", f"{quantized.colors_in:,}"),
        ("colours after", f"{quantized.colors_out:,}"),
        ("MSE, summed over the channels", f"{quantized.mse:,.4f}"),
        ("PSNR", "no loss" if not math.isfinite(quantized.psnr) else f"{quantized.psnr:.2f} dB"),
        *objective_fact(quantized),
        ("iterations", f"{quantized.n_iter:,}, {ended}" if told else "not told by this engine"),
        ("bytes before", f"{exhibit.bytes_in:,}"),
        ("bytes after", f"{exhibit.bytes_out:,}"),
        ("bits per pixel", f"{8 * exhibit.bytes_out / (width * height):.3f}"),
    ]
    return facts


def _options(exhibit: Exhibit) -> list[Fact]:
    """What was asked for, the engine's defaults included, each under its flag."""
    options = dataclasses.asdict(exhibit.quantized.options)
    method = options.pop("method")
    said = {**options, "paint": exhibit.paint, "assign": exhibit.assign}
    rows = [
        ("-k" if name == "k" else f"--{name.replace('_', '-')}", option_words(value))
        for name, value in said.items()
        if value is not None
    ]
    asked = [("command", f"colorquant {method}"), ("input", printable(exhibit.name)), *rows]
    return [*asked, ("bands clustered", ", ".join(exhibit.bands))]


def _notes(exhibit: Exhibit) -> list[str]:
    quantized = exhibit.quantized
    notes = [printable(note) for note in exhibit.notes]
    if exhibit.shown != exhibit.size:
        notes.append(
            f"The picture is shown with {exhibit.shown[0]:,} × {exhibit.shown[1]:,} of its pixels; "
            "the numbers are those of all."
        )
    if exhibit.transparent is not None:
        notes.append("Fully transparent pixels have no vote and no label.")
    if quantized.n_iter == 0:
        notes.append("Nothing was fitted: there are no more colours to tell apart than were asked for.")
    if quantized.painted is not None:
        notes.append("Every pixel keeps its own lightness: a palette entry is the mean colour of its label's pixels.")
    return notes
