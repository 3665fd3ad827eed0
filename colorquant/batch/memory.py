"""Whether an input is read whole or by strips: the memory that it needs, and the memory that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from colorquant.batch.free_memory import free_memory
from colorquant.errors import ImageReadError
from colorquant.images.decoding import Reading
from colorquant.images.header import Header, read_header

TIMES_DECODED, BASE = 5, 100_000_000  # tests/slow/test_memory.py holds runs to it
SMALL = 256_000_000  # bytes that are taken without asking how much is free; by strips a run takes no less


def needed(header: Header) -> int:
    """About how many bytes a run takes that reads a picture whole: five times the decoded picture, and 100 MB."""
    return TIMES_DECODED * header.decoded + BASE


@dataclass(frozen=True)
class MemoryLimit:
    """How much memory the inputs of a run may take together.

    ``given`` is the value of ``--memory`` in bytes; None means half of what is free. ``at_once`` inputs are worked on
    at the same time.
    """

    given: int | None = None
    at_once: int = 1

    @cached_property
    def free(self) -> int | None:
        """The bytes that were free when it was first asked for, None where they cannot be known."""
        return free_memory()

    def excess(self, source: Path | bytes, reading: Reading) -> Excess | None:
        """By how much an input would exceed the limit, None where it does not, or its size cannot be known.

        Only its header is read. Raises ImageReadError for more pixels than ``reading`` allows.
        """
        header = read_header(source, reading)
        if header is None:
            return None
        need = needed(header)
        if self.given is None and need * self.at_once <= SMALL:
            return None
        limit = self.given
        if limit is None:
            if self.free is None:
                return None
            limit = self.free // 2
        return Excess(need, limit, self) if need * self.at_once > limit else None


@dataclass(frozen=True)
class Excess:
    """An input that needs more memory than there is for it: ``need`` bytes, and as much for each other one at once."""

    need: int
    limit: int
    of: MemoryLimit

    @property
    def note(self) -> str:
        """The note on an input that is read by strips for it."""
        return f"read by strips: otherwise it {self._words}"

    def check_whole(self, obstacle: str) -> None:
        """Let the input be read whole, where it cannot be read by strips for the ``obstacle``.

        Raises ImageReadError if that would take more than ``--memory`` allows, or without ``--memory``, than is free.
        """
        free = self.of.free
        if self.of.given is None and free is not None and self.need * self.of.at_once <= free:
            return
        raise ImageReadError(f"{self._words}, {obstacle}, or allow more with --memory")

    @property
    def _words(self) -> str:
        """What it needs, and how much more than the limit that is."""
        together = self.need * self.of.at_once
        words = f"needs about {_size(self.need)} of memory"
        if self.of.at_once > 1:
            words += f", {self.of.at_once} at once {_size(together)}"
        if self.of.given is not None:
            return f"{words}, more than the {_size(self.limit)} of --memory"
        free = self.of.free or 0
        return f"{words}, more than {'' if together > free else 'half of '}the {_size(free)} that are free"


def _size(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.2f} GB"
