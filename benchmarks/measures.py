"""Measures of a painted picture, written without the library under test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from benchmarks.pictures import RGB

Floats = npt.NDArray[np.float64]

BLOCK = 1 << 15  # rows per step: temporaries stay in the processor's cache
LARGEST = 2_000_000  # pixels; CIEDE2000 and SSIM of larger pictures would cost more than the fits
TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = TO_XYZ.sum(axis=1)  # D65
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Judge:
    """Measures painted pictures against one original, (h, w, 3) uint8."""

    def __init__(self, original: RGB) -> None:
        self.original = original

    @cached_property
    def _lab(self) -> Floats:
        return lab(self.original.reshape(-1, 3))

    def __call__(self, painted: RGB) -> dict[str, float]:
        """mse (summed over channels), psnr in dB, distinct colors; of small pictures also ciede2000 and ssim."""
        if painted.shape != self.original.shape:
            raise ValueError(f"the painted picture is {painted.shape}, the original {self.original.shape}")
        error = mse(self.original, painted)
        found = {"mse": error, "psnr": psnr(error)}
        if painted.shape[0] * painted.shape[1] <= LARGEST:
            found["colors"] = float(len(distinct(painted)[0]))
            found["ciede2000"] = float(ciede2000(self._lab, _palette_lab(painted)).mean())
            similarity = ssim(self.original, painted)
            if similarity is not None:
                found["ssim"] = similarity
        return found


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))


def mse(before: RGB, after: RGB) -> float:
    """Squared error **summed over the three channels**, averaged over pixels."""
    left, right = before.reshape(-1), after.reshape(-1)
    total = 0
    for rows in _blocks(len(left)):
        difference = left[rows].astype(np.int32) - right[rows]
        total += int(difference @ difference)
    return total / (len(left) // 3)


def psnr(error: float) -> float:
    """10·log10(3·255² / mse) in dB."""
    return 10 * math.log10(3 * 255**2 / error) if error > 0 else math.inf


def distinct(rgb: RGB) -> tuple[RGB, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct colours (n, 3) uint8, their pixel counts (n,), and the row of each pixel (h·w,)."""
    flat = rgb.reshape(-1, 3).astype(np.uint32)
    keys = flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]
    unique, rows, counts = np.unique(keys, return_inverse=True, return_counts=True)
    colors = np.stack([unique >> 16, unique >> 8 & 255, unique & 255], axis=1).astype(np.uint8)
    return colors, counts, rows.reshape(-1)


def lab(colors: RGB) -> Floats:
    """sRGB colours (n, 3) uint8 in CIELAB (D65), (n, 3)."""
    levels = np.arange(256) / 255
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    out = np.empty(colors.shape)
    for rows in _blocks(len(colors)):
        xyz = linear[colors[rows]] @ TO_XYZ.T / WHITE
        f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
        out[rows] = np.stack(
            [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])],
            axis=1,
        )
    return out


def _palette_lab(painted: RGB) -> Floats:
    colors, _, rows = distinct(painted)
    return np.asarray(lab(colors)[rows])


def ciede2000(one: Floats, other: Floats) -> Floats:
    """Colour difference of CIELAB colours (n, 3), row by row (Sharma, Wu, Dalal 2005, equations 2 to 22)."""
    out = np.empty(len(one))
    for rows in _blocks(len(one)):
        out[rows] = _ciede2000(one[rows].T, other[rows].T)
    return out


def _ciede2000(one: Floats, other: Floats) -> Floats:
    (l1, a1, b1), (l2, a2, b2) = one, other
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(chroma7 / (chroma7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1) % (2 * np.pi), np.arctan2(b2, a2) % (2 * np.pi)
    gray = c1 * c2 == 0
    turn = np.where(gray, 0.0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    far = np.abs(h1 - h2) > np.pi
    hue = np.where(
        gray, h1 + h2, (h1 + h2 + np.where(far, np.where(h1 + h2 < 2 * np.pi, 2 * np.pi, -2 * np.pi), 0)) / 2
    )
    t = 1 - 0.17 * np.cos(hue - np.pi / 6) + 0.24 * np.cos(2 * hue)
    t += 0.32 * np.cos(3 * hue + np.radians(6)) - 0.2 * np.cos(4 * hue - np.radians(63))
    light2 = (lightness - 50) ** 2
    sl = (l2 - l1) / (1 + 0.015 * light2 / np.sqrt(20 + light2))
    sc = (c2 - c1) / (1 + 0.045 * chroma)
    sh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * t)
    rotation = np.radians(60) * np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    chroma7 = chroma**7
    rt = -2 * np.sqrt(chroma7 / (chroma7 + 25.0**7)) * np.sin(rotation)
    return np.asarray(np.sqrt(np.maximum(sl**2 + sc**2 + sh**2 + rt * sc * sh, 0)))


def ssim(before: RGB, after: RGB) -> float | None:
    """Structural similarity of the lumas, mean over 7 × 7 windows; None without scikit-image."""
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        return None
    return float(structural_similarity(before @ LUMA, after @ LUMA, data_range=255.0))


def log_likelihood(rgb: RGB, weights: Floats, means: Floats, covariances: Floats) -> float:
    """Log-likelihood per pixel of a Gaussian mixture: weights (k,), means (k, 3), covariances (k, 3, 3), in levels."""
    colors, counts, _ = distinct(rgb)
    roots = np.linalg.cholesky(covariances)
    constants = np.log(weights) - np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) - 1.5 * math.log(2 * math.pi)
    whiten = np.linalg.inv(roots)
    total = 0.0
    for rows in _blocks(len(colors)):
        centred = colors[rows, None, :] - means
        scores = constants - 0.5 * (np.einsum("kij,nkj->nki", whiten, centred) ** 2).sum(2)
        top = scores.max(axis=1)
        total += float((top + np.log(np.exp(scores - top[:, None]).sum(1))) @ counts[rows])
    return total / int(counts.sum())
