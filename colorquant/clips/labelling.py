"""The labels of the frames of a clip under its fit, one frame after the other, and what is measured of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from colorquant.applying import label_colors, paint_labels, quantize_with
from colorquant.clips.pixels import LabelledPixels
from colorquant.clips.results import ClipFit, ClipLabels
from colorquant.clips.smoothing import Smoother, check_smoothing, entry_colors
from colorquant.clips.steadiness import SteadinessCounter
from colorquant.clips.timeline import TimelineSum
from colorquant.color.counted import CountedImage
from colorquant.color.difference import mse
from colorquant.color.packing import pack
from colorquant.color.rgba import OPAQUE
from colorquant.color.visible import visible_mask
from colorquant.errors import OptionError
from colorquant.fitted_palette import FittedPalette
from colorquant.fitting.features import projection_of
from colorquant.fitting.models import GaussianMixture
from colorquant.mapping.label_table import MOST_LABELS, LabelTable
from colorquant.palette.making import label_type
from colorquant.quantization import check_dithering
from colorquant.types import Float32Array, IntArray, UInt8Array
from colorquant.video.frames import Frame, IndexedFrame

if TYPE_CHECKING:  # a plain run does not load it
    from colorquant.clips.dithering import FrameDitherer
    from colorquant.mapping.dithering import Dithering


class ClipLabeller:
    """Labels the frames of a clip, in their order, by its fit; memory does not grow with their number.

    Without ``smooth`` the labels are those of :func:`colorquant.applying.quantize_with` for the palette of each
    frame's segment. ``smooth`` is the margin of :class:`colorquant.clips.smoothing.Smoother`: with one above 0 a
    pixel that is visible in two frames keeps its label unless another is better by more. It begins anew where ``cuts``
    says that a scene begins, and so does the comparison of frames for the steadiness, with ``still`` levels; where a
    segment begins without a cut, both go on. With ``dithering`` labels are kept as
    :class:`colorquant.clips.dithering.FrameDitherer` does. Raises OptionError for a margin or a number of levels that
    is out of range, for smoothing with a ``dithering`` that cannot keep labels, and as ``quantize_with`` does.
    """

    def __init__(
        self, fit: ClipFit, *, dithering: Dithering | None = None, smooth: float = 0.0, still: float = 4.0
    ) -> None:
        if not 0 <= still <= 256:
            raise OptionError(f"--still {still:g} is out of range: use a number of levels from 0 to 256")
        for segment in fit.segments:
            check_smoothing(smooth, dithering, with_alpha=segment.palette.alpha is not None)
            check_dithering(segment.palette.options, dithering)
        self._fit, self._dithering, self._smooth = fit, dithering, smooth
        self._cuts = frozenset(fit.cuts or ())
        self._number, self._segment = 0, 0
        self._table: LabelTable | None = None
        self._smoother: Smoother | None = None
        self._ditherer: FrameDitherer | None = None
        self._before: LabelledPixels | None = None  # the last frame, as it was labelled
        self._raw_before: LabelledPixels | None = None  # the same, without smoothing
        self._frame_counts: IntArray | None = None  # of the labels of the last frame
        self._at_cut = True
        self._counts = np.zeros(fit.k, np.int64)
        self._transparent = 0
        self._squared = self._raw_squared = self._weight = 0.0
        self._steadiness, self._raw_steadiness = SteadinessCounter(still), SteadinessCounter(still)
        self._timeline = TimelineSum(fit.k)

    @property
    def palette(self) -> FittedPalette:
        """The palette of the frame that was labelled last."""
        return self._fit.segments[self._segment].palette

    def label(self, frame: Frame) -> IndexedFrame:
        """The next frame in the colours of its segment's palette; fully transparent pixels have the label ``fit.k``.

        A palette that has fewer entries than that of another segment is filled up with those of the one before.
        """
        self._advance()
        raw = self._labelled(frame)
        pixels = self._smoothed(raw) if self._tells_unsmoothed and not self._at_cut else raw
        self._measure(frame, raw, pixels)
        self._before, self._raw_before, self._number = pixels, raw, self._number + 1
        return self._indexed(frame, pixels)

    def result(self) -> ClipLabels:
        """What was measured on all frames so far."""
        weight = max(self._weight, 1.0)
        return ClipLabels(
            frames=self._number,
            counts=self._counts.copy(),
            transparent=self._transparent,
            mse=self._squared / weight,
            timeline=self._timeline.result(),
            steadiness=self._steadiness.result(),
            unsmoothed=self._raw_steadiness.result() if self._tells_unsmoothed else None,
            unsmoothed_mse=self._raw_squared / weight if self._tells_unsmoothed else None,
        )

    @property
    def _tells_unsmoothed(self) -> bool:
        """Whether the labels that frames have without smoothing are known: dithered frames would need a second pass."""
        return self._smooth > 0 and self._dithering is None

    def posteriors(self, frame: Frame) -> Float32Array:
        """The probability of each label at each pixel of the frame that was labelled last, (h, w, k) float32.

        Fully transparent pixels have 0. Raises OptionError for k-means, which has none.
        """
        palette, k = self.palette, len(self.palette)
        if not isinstance(palette.model, GaussianMixture):
            raise OptionError("k-means has no posteriors: use --method em")
        image = CountedImage(frame.rgb, frame.alpha)
        by_color = np.zeros((len(image.histogram) + 1, self._fit.k), np.float32)
        assert isinstance(palette.members, GaussianMixture), "the entries have the model of the palette"
        by_color[:-1, :k] = palette.members.posteriors(projection_of(palette.options).features(image.histogram.colors))
        return by_color[image.index]

    def _advance(self) -> None:
        """Go on to the segment of the next frame."""
        segments = self._fit.segments
        if self._segment + 1 < len(segments) and self._number >= segments[self._segment + 1].first:
            self._segment, self._table, self._ditherer = self._segment + 1, None, None
        self._at_cut = self._number == 0 or self._number in self._cuts

    def _labelled(self, frame: Frame) -> LabelledPixels:
        """The labels of a frame by the fit alone."""
        palette = self.palette
        if self._dithering is not None and palette.alpha is None and not palette.untouched:
            return self._dither(frame, self._dithering)
        by_table = self._dithering is None and palette.options.alpha != "palette" and self._fit.k < MOST_LABELS
        return self._look_up(frame) if by_table else self._quantize(frame)

    def _look_up(self, frame: Frame) -> LabelledPixels:
        """The labels of a frame whose pixels are labelled by their colour alone, by a table."""
        palette = self.palette
        own_lightness = palette.chroma is not None
        before = self._raw_before
        last = None if before is None or before.found is None else (before.keys, before.found)
        if self._table is None:
            last = None
            self._table = LabelTable(partial(label_colors, palette), len(palette), painted=own_lightness)
        keys, alpha = pack(frame.rgb), _flat_alpha(frame)
        mask = visible_mask(alpha)
        if mask is None:
            found = self._table.look_up(keys, last)
            labels, hidden = found.labels, None
        else:  # hidden colours are not labelled
            found, hidden = self._table.look_up(keys[mask]), ~mask
            labels = np.full(len(keys), self._fit.k, label_type(self._fit.k + 1))
            labels[mask] = found.labels
        painted = None
        if own_lightness:
            painted = np.zeros((len(keys), 3), np.uint8)
            painted[... if mask is None else mask] = self._table.painted(keys if mask is None else keys[mask])
        weights = None if alpha is None else alpha if mask is None else alpha[mask]
        if weights is None:
            squared, weight = float(found.squared_error), float(len(found.labels))
        else:
            squared, weight = int(found.squared_errors.astype(np.int64) @ weights) / OPAQUE, int(weights.sum()) / OPAQUE
        return LabelledPixels(keys, labels, hidden, alpha, squared, weight, painted, found if mask is None else None)

    def _quantize(self, frame: Frame) -> LabelledPixels:
        """The labels of a frame that are dithered, or depend on alpha."""
        palette, alpha = self.palette, _flat_alpha(frame)
        quantized = quantize_with(palette, CountedImage(frame.rgb, frame.alpha), dithering=self._dithering)
        labels, hidden = quantized.labels.reshape(-1), None
        if palette.alpha is None:
            mask = visible_mask(alpha)
            hidden = None if mask is None else ~mask
        if hidden is not None and len(palette) < self._fit.k:
            labels = labels.astype(label_type(self._fit.k + 1))
            labels[hidden] = self._fit.k
        painted = None if quantized.painted is None else quantized.painted.reshape(-1, 3)
        squared = quantized.mse * quantized.weight
        return LabelledPixels(pack(frame.rgb), labels, hidden, alpha, squared, quantized.weight, painted)

    def _dither(self, frame: Frame, dithering: Dithering) -> LabelledPixels:
        """The labels of a frame that is dithered, where the palette has no alpha."""
        if self._ditherer is None:
            from colorquant.clips.dithering import FrameDitherer

            self._ditherer = FrameDitherer(self.palette, dithering, margin=self._smooth)
        image, shape = CountedImage(frame.rgb, frame.alpha), frame.rgb.shape[:2]
        before = None if self._before is None or self._at_cut else self._before.labels.reshape(shape)
        dithered = self._ditherer.dither(image, before)
        labels, hidden = dithered.labels.reshape(-1), None if image.mask is None else ~image.mask.reshape(-1)
        if hidden is not None:
            labels = labels.astype(label_type(self._fit.k + 1))
            labels[hidden] = self._fit.k
        alpha = _flat_alpha(frame)
        weight = float(len(labels)) if alpha is None else int(alpha.sum(dtype=np.int64)) / OPAQUE
        return LabelledPixels(pack(frame.rgb), labels, hidden, alpha, dithered.mse * weight, weight, None)

    def _smoothed(self, raw: LabelledPixels) -> LabelledPixels:
        """The labels with those of the frame before where no other is better by the margin."""
        before, palette = self._before, self.palette
        if before is None or len(before.labels) != len(raw.labels):
            return raw
        rows = np.flatnonzero(raw.labels != before.labels)
        both = before.labels[rows] < len(palette)
        if raw.hidden is not None:
            both &= ~raw.hidden[rows]
        rows = rows[both]
        if self._smoother is None:
            self._smoother = Smoother(palette, self._smooth)
        rows = rows[self._smoother.keeps(raw.keys[rows], _at(raw.alpha, rows), before.labels[rows])]
        if not len(rows):
            return raw
        colors = entry_colors(palette, raw.keys[rows], _at(raw.alpha, rows))
        new, old = raw.labels[rows], before.labels[rows]
        labels, painted = raw.labels.copy(), raw.painted
        labels[rows] = old
        after = paint_labels(palette, colors, old)
        if painted is not None:
            painted = painted.copy()
            painted[rows] = after
        weights = np.ones(len(rows), np.int64)
        scale = 1
        if raw.alpha is not None and palette.alpha is None:
            weights, scale = raw.alpha[rows].astype(np.int64), OPAQUE
        total = int(weights.sum()) / scale
        change = mse(colors, after, weights) - mse(colors, paint_labels(palette, colors, new), weights)
        return replace(raw, labels=labels, painted=painted, squared=raw.squared + change * total)

    def _measure(self, frame: Frame, raw: LabelledPixels, pixels: LabelledPixels) -> None:
        rows = pixels.changed(self._before)
        counts = pixels.label_counts(self._fit.k + 1, self._frame_counts, self._before, rows)
        self._frame_counts = counts
        self._counts += counts[: self._fit.k]
        self._transparent += int(counts[self._fit.k])
        self._timeline.add(float(frame.time), counts[: self._fit.k])
        self._squared += pixels.squared
        self._raw_squared += raw.squared
        self._weight += raw.weight
        if self._at_cut or rows is None or self._before is None or self._raw_before is None:
            return
        self._steadiness.add(self._before, pixels, rows)
        raw_rows = raw.changed(self._raw_before) if self._tells_unsmoothed else None
        if raw_rows is not None:
            self._raw_steadiness.add(self._raw_before, raw, raw_rows)

    def _indexed(self, frame: Frame, pixels: LabelledPixels) -> IndexedFrame:
        palette, shape = self.palette, frame.rgb.shape[:2]
        rows = self._rows()
        labels = pixels.labels.reshape(shape)
        entry_alpha = None if palette.alpha is None else rows[:, 3]
        alpha = frame.alpha if pixels.alpha is not None else None
        return IndexedFrame(
            labels=labels,
            colors=rows[:, :3],
            time=frame.time,
            duration=frame.duration,
            entry_alpha=entry_alpha,
            alpha=alpha if entry_alpha is None else entry_alpha[labels],
            painted=None if pixels.painted is None else pixels.painted.reshape(frame.rgb.shape),
        )

    def _rows(self) -> UInt8Array:
        """The entries (``fit.k``, c) of the segment's palette, filled up where it has fewer."""
        rows = self.palette.rows
        for segment in self._fit.segments[self._segment :: -1]:
            earlier = segment.palette.rows[len(rows) :, : rows.shape[1]]
            rows = np.concatenate([rows, earlier]) if earlier.shape[1] == rows.shape[1] else rows
        missing = self._fit.k - len(rows)
        return np.concatenate([rows, np.zeros((missing, rows.shape[1]), np.uint8)]) if missing else rows


def _at(alpha: UInt8Array | None, rows: IntArray) -> UInt8Array | None:
    return None if alpha is None else alpha[rows]


def _flat_alpha(frame: Frame) -> UInt8Array | None:
    """The alpha (n,) of the pixels of a frame; None where all are opaque."""
    if frame.alpha is None or int(frame.alpha.min()) == OPAQUE:
        return None
    return frame.alpha.reshape(-1)
