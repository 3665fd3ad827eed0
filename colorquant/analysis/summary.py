"""The results of several images together: mean and spread of each measure for each combination, and its wins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from colorquant.analysis.compare import TRUTH_MEASURES, Cell, Comparison, Statistics
from colorquant.analysis.grid import Combination, cell_name
from colorquant.analysis.measures import MEASURES

COUNTED = "mse"  # the measure by which a combination wins an image


@dataclass(frozen=True)
class CombinationSummary:
    """One combination on several images.

    ``images`` is the number of images that it was measured on, ``failed`` the number of those on which it failed.
    ``wins`` counts the images on which it has the lowest MSE among all combinations of the same k; equal ones all win.
    ``statistics`` maps the key of each measure to its statistics over the images (with several seeds, of the mean over
    the seeds). ``difference`` has those of the paired differences: on each image, the value minus that of the first
    combination of the same k; empty for the first one itself.
    """

    options: Combination
    images: int
    failed: int
    wins: int
    statistics: Mapping[str, Statistics]
    difference: Mapping[str, Statistics]

    @property
    def name(self) -> str:
        """The name of its cells, such as ``em16-numpy-rgb-full``."""
        return cell_name(self.options)


def summarize(comparisons: Sequence[Comparison]) -> tuple[CombinationSummary, ...]:
    """A summary for each combination, in the order in which the comparisons have them."""
    tables = [{cell.options: cell for cell in comparison.cells} for comparison in comparisons]
    combinations = list(dict.fromkeys(options for table in tables for options in table))
    first = {options.k: options for options in reversed(combinations)}
    best = [_least_errors(table.values()) for table in tables]
    return tuple(_summary(options, first[options.k], tables, best) for options in combinations)


def _summary(
    options: Combination,
    first: Combination,
    tables: Sequence[Mapping[Combination, Cell]],
    best: Sequence[Mapping[int, float]],
) -> CombinationSummary:
    cells = [table[options] for table in tables if options in table]
    errors = [
        (table[options].mean(COUNTED), least) for table, least in zip(tables, best, strict=True) if options in table
    ]
    pairs = [(table[options], table[first]) for table in tables if options in table and first in table]
    return CombinationSummary(
        options=options,
        images=sum(cell.measures is not None for cell in cells),
        failed=sum(cell.measures is None for cell in cells),
        wins=sum(error is not None and error == least[options.k] for error, least in errors),
        statistics=_statistics(lambda key: [cell.mean(key) for cell in cells]),
        difference={} if options == first else _statistics(lambda key: [_difference(key, *pair) for pair in pairs]),
    )


def _statistics(values: Callable[[str], Sequence[float | None]]) -> dict[str, Statistics]:
    """The statistics of each measure that has values, by its key."""
    statistics = {
        measure.key: Statistics.of([value for value in values(measure.key) if value is not None])
        for measure in (*MEASURES, *TRUTH_MEASURES)
    }
    return {key: values_of for key, values_of in statistics.items() if values_of is not None}


def _difference(key: str, cell: Cell, first: Cell) -> float | None:
    own, other = cell.mean(key), first.mean(key)
    if own is None or other is None or not (math.isfinite(own) and math.isfinite(other)):
        return None
    return own - other


def _least_errors(cells: Iterable[Cell]) -> dict[int, float]:
    """The lowest MSE among the cells of each k."""
    least: dict[int, float] = {}
    for cell in cells:
        error = cell.mean(COUNTED)
        if error is not None:
            least[cell.options.k] = min(error, least.get(cell.options.k, math.inf))
    return least
