"""The iterations that explain a fit: its own, or those of the textbook algorithm where its own show little."""

from __future__ import annotations

from dataclasses import dataclass

from colorquant.analysis.sweep import affordable_image
from colorquant.color.counted import CountedImage
from colorquant.fitting import engines
from colorquant.quantization import Quantized, quantize

WORK = {"kmeans": 1 << 26, "em": 1 << 24}  # most pixels times colours for the textbook algorithm


@dataclass(frozen=True)
class Iterated:
    """A fit whose ``run.history`` has its start and its iterations, at least one.

    ``image`` holds the pixels that were fitted: all of them, or a sample where ``is_sample``. ``own`` says that the
    iterations are those of the fit itself; else they are those of the textbook algorithm (Lloyd's k-means, or EM) from
    random colours, and ``reason`` is the first clause of a sentence that says why.
    """

    run: Quantized
    image: CountedImage
    own: bool
    is_sample: bool = False
    reason: str = ""


def iterations(image: CountedImage, quantized: Quantized) -> Iterated | None:
    """The iterations that explain ``quantized``, the result of fitting ``image``; None where nothing was iterated.

    They are its own if it recorded them and the user chose how it starts or ends. A fit that starts from a search, or
    from a mixture that was fitted to coarse cells, has nearly converged before its first iteration over all colours,
    so the textbook algorithm is run instead, on a sample of the pixels where the image is large.
    """
    options = quantized.options
    if quantized.n_iter == 0:  # each colour became a cluster of its own
        return None
    chosen = not quantized.searched or options.max_iter is not None or options.tol is not None
    if chosen and quantized.history:
        iterated = Iterated(quantized, image, own=True)
    else:
        reports = engines.ENGINES[options.engine][options.method].reports_iterations
        reason = "This fit has nearly converged before its first iteration over all colours"
        fitted = affordable_image(image, options.k, WORK[options.method])
        plain = options.replace(engine="numpy", init="random", attempts=1, max_iter=None, tol=None, effort=None)
        iterated = Iterated(
            run=quantize(fitted, plain, record=True),
            image=fitted,
            own=False,
            is_sample=fitted is not image,
            reason=reason if reports else f"The engine {options.engine} does not report its iterations",
        )
    return iterated if len(iterated.run.history) > 1 else None
