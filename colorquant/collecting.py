"""Files that are collected instead of written: a job that works for another machine sends them there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import local

from colorquant.urls import Place


@dataclass(frozen=True)
class Writing:
    """Files that are to be written together, each a path and its content; ``force`` is that of write_whole()."""

    files: Sequence[tuple[Place, bytes]]
    force: bool


Collected = list[Writing]


class _Collection(local):
    """The collection of each thread, if it has one."""

    files: Collected | None = None


_COLLECTION = _Collection()


def collection() -> Collected | None:
    """The files that this thread collects; None where files are written."""
    return _COLLECTION.files


@contextmanager
def collected() -> Iterator[Collected]:
    """The files that this thread would write within the block, in their order."""
    before, files = _COLLECTION.files, list[Writing]()
    _COLLECTION.files = files
    try:
        yield files
    finally:
        _COLLECTION.files = before
