"""The extra ``video``: whether PyAV, which reads and writes videos, is installed."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

from colorquant.errors import EngineError

OLDEST = 18  # the first major version whose conversion of colours can be exact
REMEDY = "pip install 'colorquant[video]'"


def has_pyav() -> bool:
    """Whether PyAV is installed, in a version that is new enough."""
    return find_spec("av") is not None and _old_version() is None


def require_pyav(what: str) -> None:
    """Raises EngineError, which says how to install PyAV, unless :func:`has_pyav`; ``what`` begins the message."""
    if find_spec("av") is None:
        raise EngineError(f"{what} needs PyAV: {REMEDY}")
    version = _old_version()
    if version is not None:
        raise EngineError(f"{what} needs PyAV {OLDEST} or later, not {version}: {REMEDY}")


def _old_version() -> str | None:
    """The version of PyAV where it is too old."""
    try:
        version = metadata.version("av")
    except metadata.PackageNotFoundError:
        return None
    return version if int(version.split(".")[0]) < OLDEST else None
