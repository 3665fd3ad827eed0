"""Pillow's settings for the whole program, changed only while images are decoded."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image


class _Settings:
    """Settings that decodings in several threads share: the first changes them, the last restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handler = logging.NullHandler()
        self._users = 0

    def enter(self, max_pixels: int) -> None:
        """Ignore Pillow's warnings and log, and allow at least ``max_pixels``."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._limit = Image.MAX_IMAGE_PIXELS
                self._warnings = warnings.catch_warnings()
                self._warnings.__enter__()
                # Our own limit is checked before anything is decoded.
                warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
                # Damaged metadata are dropped, damaged pixels are an error of ours.
                warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
                logging.getLogger("PIL").addHandler(self._handler)  # without one, messages go to standard error
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and max_pixels > 2 * limit:  # Pillow refuses what is above twice its limit
                Image.MAX_IMAGE_PIXELS = max_pixels // 2 + 1

    def leave(self) -> None:
        """Restore the settings, if no other decoding needs them."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                Image.MAX_IMAGE_PIXELS = self._limit
                self._warnings.__exit__(None, None, None)
                logging.getLogger("PIL").removeHandler(self._handler)


_SETTINGS = _Settings()


@contextmanager
def quiet_pillow(max_pixels: int) -> Iterator[None]:
    """Let Pillow decode without warnings, up to ``max_pixels`` at least; afterwards its settings are as before."""
    _SETTINGS.enter(max_pixels)
    try:
        yield
    finally:
        _SETTINGS.leave()
