"""The errors that a caller can expect. Each text says what, where, and what to do, in one line."""


class ColorquantError(Exception):
    """Base of all errors that colorquant raises on purpose."""


class OptionError(ColorquantError, ValueError):
    """An option, or two together, that cannot be honoured: wrong usage."""


class ImageReadError(ColorquantError, OSError):
    """A file that is not a readable, whole image."""


class PaletteReadError(ColorquantError, OSError):
    """A file that is not a readable, whole palette."""


class OutputError(ColorquantError, OSError):
    """A result that cannot be written where it was asked for."""


class EngineError(ColorquantError, RuntimeError):
    """An engine that is not installed, or that gave up."""


class CrashError(ColorquantError, RuntimeError):
    """A worker process that died over an input."""


def does_not_load(error: ImportError) -> str:
    """A library that is broken or missing, in one line."""
    return f"a library does not load ({' '.join(str(error).split())}): see what colorquant doctor says"
