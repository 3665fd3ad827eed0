"""The errors that a caller can expect. Each text says what, where, and what to do, in one line."""


class ColorquantError(Exception):
    """Base of all errors that colorquant raises on purpose."""


class OptionError(ColorquantError, ValueError):
    """Wrong usage: an option, or a combination of options, that cannot work."""


class ImageReadError(ColorquantError, OSError):
    """A file that cannot be read as a complete image."""


class PaletteReadError(ColorquantError, OSError):
    """A file that cannot be read as a complete palette."""


class OutputError(ColorquantError, OSError):
    """A result that cannot be written to the requested place."""


class EngineError(ColorquantError, RuntimeError):
    """An engine that is not installed, or that failed."""


class TargetError(ColorquantError, ValueError):
    """A target of ``-k auto`` that an image does not reach with any number of colours allowed."""


class CrashError(ColorquantError, RuntimeError):
    """A worker process that died while it worked on an input."""


def does_not_load(error: ImportError) -> str:
    """The message, in one line, for a library that is missing or broken."""
    return f"a library does not load ({' '.join(str(error).split())}): run colorquant doctor to see what is wrong"
