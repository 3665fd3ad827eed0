"""Searches over the number of colours k that try few values: a threshold, a minimum, a knee."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

START = 16  # the first k of a search for a threshold
PATIENCE = 2  # steps that do not halve the bracket, after which the next one does
NEAR = 0.05  # share of k by which the neighbours of a minimum or a knee differ at most: closer by, noise decides
RISES = 2  # a minimum lies behind if this many doublings of k did not improve on it


def first(holds: Callable[[int], bool], position: Callable[[int], float], low: int, high: int) -> int | None:
    """The first k from ``low`` to ``high`` at which ``holds`` becomes true; None where it does not even at ``high``.

    ``holds`` should stay true from there on; if it does not, the result is a k at which it holds while at k - 1 it does
    not, or ``low``. The search starts at START and doubles or halves k until it has a bracket, which is then narrowed:
    where a line through ``position`` at both ends, over log k, crosses 0, and by halving where that is slow.
    ``position`` may be NaN or infinite where there is no such line.
    """
    below, above = low - 1, high + 1  # holds() is false at the one, true at the other, if they were tried
    k, slow = min(max(START, low), high), 0
    while above - below > 1:
        width = above - below
        if holds(k):
            above = k
        else:
            below = k
        if below < low:
            k = max(low, above // 2)
        elif above > high:
            k = min(high, 2 * below)
        else:
            slow = slow + 1 if 2 * (above - below) > width else 0
            k = _crossing(below, above, position) if slow < PATIENCE else _halved(below, above)
    return above if above <= high else None


def _halved(below: int, above: int) -> int:
    """The k in the middle of a bracket, on the scale of log k."""
    return min(max(round(math.sqrt(below * above)), below + 1), above - 1)


def _crossing(below: int, above: int, position: Callable[[int], float]) -> int:
    """The first k inside a bracket behind the point where the line through its ends crosses 0."""
    one, other = position(below), position(above)
    if not (math.isfinite(one) and math.isfinite(other)) or one == other:
        return _halved(below, above)
    share = one / (one - other)
    crossing: float = below * (above / below) ** min(max(share, 0.0), 1.0)
    return min(max(math.ceil(crossing), below + 1), above - 1)


def find_minimum(score: Callable[[int], float], low: int, high: int) -> int:
    """The k from ``low`` to ``high`` with the lowest ``score``, if it falls before and rises behind it.

    k is doubled until the score has risen twice in a row; then the neighbourhood of the lowest is refined.
    """
    tried: dict[int, float] = {}
    k, rises = low, 0
    while rises < RISES:
        tried[k] = score(k)
        rises = 0 if tried[k] <= min(tried.values()) else rises + 1
        if k == high:
            break
        k = min(2 * k, high)
    return _refine(tried, score, lambda values: min(values, key=lambda k: (values[k], k)))


def find_knee(score: Callable[[int], float], low: int, high: int) -> int:
    """The :func:`knee` of a falling ``score`` from ``low`` to ``high``.

    k is doubled; then the neighbourhood of the knee is refined.
    """
    tried = {k: score(k) for k in (low, high)}
    k = 2 * low
    while k < high:
        tried[k] = score(k)
        k *= 2
    return _refine(tried, score, knee)


def knee(values: Mapping[int, float]) -> int:
    """The knee of a falling curve by Kneedle, from its values by k.

    With k and the values scaled to 0 to 1, it is the k at which the curve lies furthest below the line between its
    ends (Satopää, Albrecht, Irwin and Raghavan, "Finding a 'Kneedle' in a Haystack", 2011), without the smoothing that
    noisy data need. With fewer than three values there is none, and the result is the largest k.
    """
    low, high = min(values), max(values)
    span, drop = high - low, values[low] - values[high]
    if len(values) < 3:
        return high
    if drop <= 0:
        return low

    def depth(k: int) -> float:
        return (values[low] - values[k]) / drop - (k - low) / span

    return min(values, key=lambda k: (-depth(k), k))


def _refine(tried: dict[int, float], score: Callable[[int], float], best: Callable[[Mapping[int, float]], int]) -> int:
    """Halve the gaps beside the best k, the wider first, until they are no wider than NEAR."""
    while True:
        k = best(tried)
        below = max((other for other in tried if other < k), default=k)
        above = min((other for other in tried if other > k), default=k)
        start, end = (below, k) if k * k >= below * above else (k, above)
        if end - start <= max(1, NEAR * k):
            return k
        middle = _halved(start, end)
        tried[middle] = score(middle)
