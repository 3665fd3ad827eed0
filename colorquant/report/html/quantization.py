"""The page of ``kmeans``, ``em`` and ``apply``, which shows one picture in the colours of a palette in detail."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from colorquant.images.downsampling import encode_middle, middle_size
from colorquant.palette.palette import Palette
from colorquant.quantization import IndexedImage, Quantized
from colorquant.report import plots
from colorquant.report.html import Cell, Details, Fact, Json, data_uri, render
from colorquant.report.html.charts import Chart, line_chart
from colorquant.report.html.content import (
    UNCERTAINTY_COLORS,
    IterationImages,
    PageContent,
    page_content,
)
from colorquant.report.html.facts import MOST_ENTRIES, PaletteEntry, fit_facts, palette_entries
from colorquant.report.machine import Machine
from colorquant.report.plots import Plot, Point
from colorquant.report.quantized_file import IndexedFile, MappedFile, QuantizedFile
from colorquant.report.records import printable, size_words
from colorquant.report.words import METHOD_NAMES, OBJECTIVE_NAMES, base_name, counted, psnr_words, quality_words
from colorquant.urls import masked

STRIP = 64  # most colours in a strip under a slider


def quantization_page(file: IndexedFile) -> bytes:
    """The page of a file as HTML."""
    content, quantized = page_content(file), file.quantized
    name, made = base_name(file.name), _made(file)
    elbows = _elbows(content)
    return render(
        "quantization.html",
        f"{name}: {made}",
        _data(content, elbows),
        name=name,
        made=made,
        palette_order=_palette_order(file),
        content=content,
        details=_details(file),
        quantized=quantized,
        summary=_summary(file),
        palette=_palette(quantized),
        most_entries=MOST_ENTRIES,
        sweep=_sweep_table(content) if len(content.sweep) > 1 else None,
        chosen=None if content.chosen is None else f"{content.chosen.words}.",
        elbows=[chart for _, chart in elbows],
        convergence=_convergence(file),
        scale=UNCERTAINTY_COLORS,
        metrics=_metrics(file),
        command=printable(file.command),
        options=_options(file),
        versions=Machine.this().version_words,
        notes=_notes(content),
    )


def _details(file: IndexedFile) -> Details | None:
    """The middle of a dithered picture before and after; None for a picture that is not dithered."""
    quantized = file.quantized
    if quantized.dithering is None:
        return None
    pictures = {
        "original": encode_middle(file.image.rgb, file.image.alpha),
        quantized.dithering.method: encode_middle(quantized.rgb, quantized.alpha),
    }
    height, width = middle_size(quantized.rgb)
    return Details(width, height, {name: data_uri(picture) for name, picture in pictures.items()})


def _made(file: IndexedFile) -> str:
    """What the picture was made of, such as "16 colours by k-means, dithered by floyd-steinberg"."""
    colors = counted(len(file.quantized.palette), "colour")
    if isinstance(file, QuantizedFile):
        shared = file.quantized.shared
        made = f"{colors} by {METHOD_NAMES[file.quantized.options.method]}"
        made = made if shared is None else f"{made}, one palette for {counted(shared, 'image')}"
    else:
        made = f"a given palette of {colors}"
    dithering = file.quantized.dithering
    return made if dithering is None else f"{made}, dithered by {dithering.method}"


def _palette_order(file: IndexedFile) -> str:
    if isinstance(file, QuantizedFile):
        if file.quantized.shared is None:
            return "Sorted by share of the pixels."
        return "Sorted by share of the pixels of all images; the shares are those of this one."
    return "In the order in which the palette was given; colours without a share are not used."


def _data(content: PageContent, elbows: Sequence[tuple[dict[int, Point], Chart]]) -> dict[str, Json]:
    """What the page's script reads."""
    width, height = content.shown
    opaque = [None, None] if content.opaque is None else [data_uri(picture) for picture in content.opaque]
    posteriors = content.posteriors
    inspector: dict[str, Json] = {
        "width": width,
        "height": height,
        "before": opaque[0],
        "after": opaque[1],
        "alphas": None if content.alphas is None else data_uri(content.alphas),
        "labels": data_uri(content.labels),
        "transparent": content.transparent,
        "strongest": [] if posteriors is None else [data_uri(picture) for picture in posteriors.strongest],
        "shares": None if posteriors is None else data_uri(posteriors.shares),
    }
    return {
        "inspector": inspector,
        "sweep": _sweep_frames(content, elbows),
        "iterations": _iteration_frames(content),
    }


def _summary(file: IndexedFile) -> str:
    quantized = file.quantized
    if isinstance(quantized, Quantized) and quantized.untouched:
        return f"Unchanged: the picture has no more than {quantized.options.k:,} colours."
    sizes = f"{size_words(file.bytes_in)} became {size_words(file.bytes_out)}"
    noun = "colours" if quantized.palette.alpha is None else "pairs of colour and alpha"
    return f"{quantized.colors_in:,} {noun} became {quantized.colors_out:,}, {quality_words(quantized.psnr)}; {sizes}."


def _palette(quantized: IndexedImage) -> list[PaletteEntry]:
    counts = quantized.palette.counts
    assert counts is not None, "a quantized image knows how many pixels each colour stands for"
    return palette_entries(quantized.palette.hex, counts.tolist())


def _objective_facts(quantized: IndexedImage) -> list[Fact]:
    """The inertia per pixel, or the log-likelihood and BIC, of a fit that has them."""
    if not isinstance(quantized, Quantized):
        return []
    inertia = plots.inertia_per_pixel(quantized)
    if inertia is not None:
        return [("inertia per pixel", _six(inertia))]
    if quantized.log_likelihood is None:
        return []
    bic = [] if quantized.bic is None else [("BIC", f"{quantized.bic:,.0f}")]
    return [("log-likelihood per pixel", f"{quantized.log_likelihood:.4f}"), *bic]


def _six(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.6g}"


def _sweep_frames(content: PageContent, elbows: Sequence[tuple[dict[int, Point], Chart]]) -> list[Json]:
    if len(content.sweep) < 2:
        return []
    own = content.file.quantized
    assert isinstance(own, Quantized), "only a fit has other numbers of colours"
    return [
        {
            "name": f"{result.k:,}",
            "picture": data_uri(result.image),
            "facts": _quality(result.run),
            "colors": list(result.run.palette.hex[:STRIP]),
            "first": result.k == own.options.k,
            "at": [[places[result.k]] if result.k in places else [] for places, _ in elbows],
        }
        for result in content.sweep
    ]


def _quality(run: Quantized) -> list[Fact]:
    return [
        ("colours", f"{run.colors_out:,}"),
        ("PSNR", psnr_words(run.psnr)),
        ("MSE", f"{run.mse:,.2f}"),
        *_objective_facts(run),
    ]


def _elbows(content: PageContent) -> list[tuple[dict[int, Point], Chart]]:
    """The charts over k, each with the coordinates of its first line's points by k.

    The criterion of ``-k auto`` comes first. EM maximizes the likelihood, so its criteria come before the MSE.
    """
    runs = [result.run for result in content.sweep]
    drawn = plots.elbow_plots(runs)
    chosen = content.chosen
    criterion = plots.criterion_plot(chosen, runs[0]) if runs else None
    if chosen is not None and criterion is not None and chosen.auto.row.has_target:
        return [(_places(plot), line_chart(plot)) for plot in [criterion, *drawn]]
    if not drawn or runs[0].options.method == "em" or runs[0].options.space != "rgb":
        drawn = [*drawn, *plots.mse_plots(runs)]  # for k-means in rgb the inertia per pixel is the MSE
    return [(_places(plot), line_chart(plot)) for plot in drawn]


def _places(plot: Plot) -> dict[int, Point]:
    points = line_chart(plot).lines[0].points
    return {int(k): place for (k, _), place in zip(plot.series[0].points, points, strict=True)}


def _sweep_table(content: PageContent) -> tuple[list[str], list[list[Cell]]]:
    """The headings and rows of the table under the slider for k; what ``-k auto`` chose is marked."""
    sweep, chosen = content.sweep, content.chosen
    kmeans = sweep[0].run.options.method == "kmeans"
    heads = ["k", "colours", "PSNR dB", "MSE", *(["inertia per pixel"] if kmeans else ["log-likelihood", "BIC"])]
    criterion = None if chosen is None or chosen.auto.criterion not in ("de", "ssim", "size") else chosen.auto.row
    values = {} if chosen is None else {point.k: point.value for point in chosen.curve}
    heads += [] if criterion is None else [criterion.heading]
    rows = []
    for result in sweep:
        run = result.run
        psnr = f"{run.psnr:.2f}" if math.isfinite(run.psnr) else "no loss"
        own = chosen is not None and result.k == chosen.k
        cells = [Cell(f"{result.k:,}", result.k, best=own, title="chosen"), Cell(f"{run.colors_out:,}", run.colors_out)]
        cells += [Cell(psnr, run.psnr), Cell(f"{run.mse:,.2f}", run.mse)]
        inertia = plots.inertia_per_pixel(run)
        if kmeans:
            cells.append(_cell(inertia, _six))
        else:
            cells += [_cell(run.log_likelihood, "{:.4f}".format), _cell(run.bic, "{:,.0f}".format)]
        if criterion is not None:
            cells.append(_cell(values.get(result.k), criterion.words))
        rows.append(cells)
    return heads, rows


def _cell(value: float | None, form: Callable[[float], str]) -> Cell:
    return Cell("–" if value is None else form(value), value)


def _iteration_frames(content: PageContent) -> list[Json]:
    iterations = content.iterations
    if iterations is None:
        return []
    chart = _convergence(content.file)
    assert chart is not None
    assert isinstance(content.file, QuantizedFile), "only a fit has iterations"
    method = content.file.quantized.options.method
    points, last = chart.lines[-1].points, iterations.images[-1].number
    return [
        {
            "name": "start" if image.number == 0 else f"{image.number}",
            "picture": data_uri(image.image),
            "facts": [(OBJECTIVE_NAMES[method], _objective_words(method, iterations, image.objective))],
            "centers": image.centers,
            "ellipses": image.ellipses,
            "sizes": [round(size / iterations.pixels, 5) for size in image.sizes],
            "colors": list(Palette.of_rows(image.colors).hex),
            "first": image.number == last,
            "at": [[points[image.number]]],
        }
        for image in iterations.images
    ]


def _objective_words(method: str, iterations: IterationImages, objective: float) -> str:
    if method == "kmeans":
        return _six(objective / iterations.pixels)
    return f"{objective:.4f}"


def _convergence(file: IndexedFile) -> Chart | None:
    """The objective against the iterations; those that are shown come last."""
    if not isinstance(file, QuantizedFile):
        return None
    plot = plots.convergence_plot(file.quantized, file.iterations)
    return None if plot is None else line_chart(plot)


def _iteration_facts(quantized: IndexedImage) -> list[Fact]:
    if not isinstance(quantized, Quantized):
        return []
    ended = "converged" if quantized.converged else "not converged"
    reported = quantized.n_iter is not None
    return [("iterations", f"{quantized.n_iter:,}, {ended}" if reported else "not reported by this engine")]


def _metrics(file: IndexedFile) -> list[Fact]:
    quantized = file.quantized
    height, width = file.image.rgb.shape[:2]
    return [
        ("size", f"{width:,} × {height:,} pixels"),
        ("colours before", f"{quantized.colors_in:,}"),
        ("colours after", f"{quantized.colors_out:,}"),
        ("PSNR", psnr_words(quantized.psnr)),
        (
            "MSE, summed over the channels" + ("" if quantized.palette.alpha is None else ", on black, gray and white"),
            f"{quantized.mse:,.4f}",
        ),
        *_objective_facts(quantized),
        *_iteration_facts(quantized),
        ("bytes before", f"{file.bytes_in:,}"),
        ("bytes after", f"{file.bytes_out:,}"),
        ("bits per pixel", f"{8 * file.bytes_out / (width * height):.3f}"),
    ]


def _options(file: IndexedFile) -> list[Fact]:
    """Every option by its flag, the engine's defaults included."""
    if isinstance(file, MappedFile):
        options = file.options
        return [
            ("--palette", printable(masked(options.given))),
            ("--space", options.metric_space),
            ("--distance", options.distance),
        ]
    assert isinstance(file, QuantizedFile), "a picture is either quantized or mapped"
    return fit_facts(file.quantized.options, {"paint": file.paint, "assign": file.assign}, file.chosen)


def _notes(content: PageContent) -> list[str]:
    quantized = content.file.quantized
    notes = [printable(note) for note in content.file.notes]
    height, width = content.file.image.rgb.shape[:2]
    if content.shown != (width, height):
        notes.append(
            f"The picture is shown with {content.shown[0]:,} × {content.shown[1]:,} of its pixels; "
            "the numbers are about all of them."
        )
    if quantized.palette.alpha is not None:
        notes.append(
            "Colour and alpha are fitted together, and every pixel counts. The MSE is the mean of those on black, "
            "mid-gray and white."
        )
    if content.transparent is not None:
        notes.append("Fully transparent pixels are not counted and have no label.")
    if isinstance(quantized, Quantized) and quantized.n_iter == 0:
        notes.append("Nothing was fitted: the picture has no more distinct colours than k.")
    if quantized.painted is not None:
        notes.append("Every pixel keeps its own lightness: a palette entry is the mean colour of its label's pixels.")
    return notes
