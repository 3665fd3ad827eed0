"""Measures of a painted picture, without the library under test: CIEDE2000 and SSIM are those of scikit-image."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.pictures import RGB

Floats = npt.NDArray[np.float64]

BLOCK = 1 << 15  # rows per step: temporaries stay in the processor's cache
LARGEST = 2_000_000  # pixels; CIEDE2000 and SSIM of larger pictures would cost more than the fits
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Judge:
    """Measures painted pictures against one original, (h, w, 3) uint8."""

    def __init__(self, original: RGB) -> None:
        self.original = original

    def __call__(self, painted: RGB) -> dict[str, float]:
        """mse (summed over channels), psnr in dB, distinct colors; of small pictures also ciede2000 and ssim."""
        if painted.shape != self.original.shape:
            raise ValueError(f"the painted picture is {painted.shape}, the original {self.original.shape}")
        error = mse(self.original, painted)
        found = {"mse": error, "psnr": psnr(error)}
        if painted.shape[0] * painted.shape[1] <= LARGEST:
            found["colors"] = float(len(distinct(painted)[0]))
            perceived = {"ciede2000": ciede2000(self.original, painted), "ssim": ssim(self.original, painted)}
            found.update({name: value for name, value in perceived.items() if value is not None})
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
    unique, rows, counts = np.unique(_packed(rgb), return_inverse=True, return_counts=True)
    return _unpacked(unique), counts, rows.reshape(-1)


def _packed(rgb: RGB) -> npt.NDArray[np.uint32]:
    """Each pixel as one number, (n,)."""
    flat = rgb.reshape(-1, 3).astype(np.uint32)
    return flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]


def _unpacked(keys: npt.NDArray[np.unsignedinteger]) -> RGB:
    """The colours (n, 3) uint8 behind such numbers."""
    return np.stack([keys >> 16, keys >> 8 & 255, keys & 255], axis=1).astype(np.uint8)


def ciede2000(before: RGB, after: RGB) -> float | None:
    """Mean CIEDE2000 colour difference of the pixels, by scikit-image; None without it."""
    try:
        from skimage.color import deltaE_ciede2000, rgb2lab
    except ImportError:
        return None
    pairs, counts = np.unique(_packed(before).astype(np.uint64) << 24 | _packed(after), return_counts=True)
    left, right = _unpacked(pairs >> 24), _unpacked(pairs & 0xFFFFFF)
    total = 0.0
    for rows in _blocks(len(pairs)):
        total += float(deltaE_ciede2000(rgb2lab(left[rows]), rgb2lab(right[rows])) @ counts[rows])
    return total / int(counts.sum())


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
