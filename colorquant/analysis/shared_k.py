"""``-k auto`` for one palette for several images: the number of colours that suits all of them together."""

from __future__ import annotations

from collections.abc import Callable

from colorquant.analysis.auto_k import AutoK, ChosenK
from colorquant.analysis.k_trials import Trial, Trials
from colorquant.analysis.measures import weighted_mean_ciede2000
from colorquant.applying import painted_colors
from colorquant.color.difference import mse, psnr
from colorquant.color.histogram import ColorHistogram
from colorquant.errors import OptionError
from colorquant.fitted_palette import FittedPalette
from colorquant.fitting import criteria, engines
from colorquant.fitting.models import GaussianMixture

PER_PICTURE = ("size", "ssim")  # criteria that concern one picture


def check_shared(auto: AutoK, *, dithered: bool) -> None:
    """Raises OptionError for a criterion that a sum of colour histograms does not decide."""
    if auto.criterion in PER_PICTURE:
        raise OptionError(
            f"--target {auto.criterion} concerns one picture, and --shared has one palette for all: use psnr or de"
        )
    if dithered and auto.row.has_target:
        raise OptionError(
            f"--target {auto.criterion} with --dither is measured on pixels, and --shared fits a sum of colours: "
            "leave one of the three out"
        )


def choose_shared_k(
    histogram: ColorHistogram, auto: AutoK, fit: Callable[[int], FittedPalette]
) -> tuple[ChosenK, FittedPalette]:
    """Choose the number of colours of one palette for all images whose histograms sum to ``histogram``.

    ``fit`` makes the palette of a number of colours. Raises TargetError where no number reaches the target, unless the
    nearest is good enough, and what ``fit`` raises.
    """

    def attempt(k: int) -> Trial[FittedPalette]:
        palette = fit(k)
        counted = engines.histogram_for(palette.options, histogram)
        painted = painted_colors(palette, counted)
        error = mse(counted.colors, painted, counted.integer_weights)
        if auto.criterion == "psnr":
            return Trial(palette, error, psnr(error))
        if auto.criterion == "de":
            return Trial(palette, error, weighted_mean_ciede2000(counted.colors, painted, counted.integer_weights))
        return Trial(palette, error, _of_fit(auto.criterion, palette, counted.total_weight))

    trials = Trials(auto, attempt)
    chosen = trials.choose(len(histogram))
    return chosen, trials.kept[chosen.k].result


def _of_fit(criterion: str, palette: FittedPalette, weight: float) -> float | None:
    """The inertia per pixel, or the information criterion, of a palette that was fitted to so many pixels."""
    if criterion == "elbow":
        return 0.0 if palette.inertia is None else palette.inertia / max(weight, 1e-9)
    if palette.log_likelihood is None or not isinstance(palette.model, GaussianMixture):
        return None
    function = criteria.bic if criterion == "bic" else criteria.aic
    return function(palette.log_likelihood, weight, palette.model.n_parameters)
