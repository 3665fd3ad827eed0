"""The extra ``video``: whether PyAV, which reads and writes videos, is installed."""

from __future__ import annotations

from importlib.util import find_spec

from colorquant.errors import EngineError


def has_pyav() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


def require_pyav(what: str) -> None:
    """Raises EngineError, which says how to install PyAV, where it is missing; ``what`` begins the message."""
    if not has_pyav():
        raise EngineError(f"{what} needs PyAV: pip install 'colorquant[video]'")
