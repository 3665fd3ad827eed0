"""Files that are collected instead of written: a job that works for another machine sends them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from colorquant.urls import Place

Collected = list[tuple[Place, bytes]]


class _Collection(local):
    """The collection of each thread, if it has one."""

    files: Collected | None = None


_COLLECTION = _Collection()


def collection() -> Collected | None:
    """The files that this thread collects; None where files are written."""
    return _COLLECTION.files


@contextmanager
def collected() -> Iterator[Collected]:
    """The files, with the path and the bytes of each, that this thread would write within the block, in their order."""
    before, files = _COLLECTION.files, list[tuple[Place, bytes]]()
    _COLLECTION.files = files
    try:
        yield files
    finally:
        _COLLECTION.files = before
