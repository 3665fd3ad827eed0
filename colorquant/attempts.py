"""Running tasks so that one can fail, or be abandoned, without ending the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

from colorquant.errors import ColorquantError, OptionError, does_not_load

R = TypeVar("R")
POLL = 0.05  # seconds between two checks whether a task is to be abandoned


@dataclass(frozen=True)
class Failure:
    """Why a task failed: the ``reason`` in one line, and the traceback as ``details``."""

    reason: str
    details: str


def failure_of(error: Exception, *, memory: str = "use a smaller picture") -> Failure:
    """The failure that describes an error; call it in an ``except`` clause.

    ``memory`` is the advice if memory runs out.
    """
    if isinstance(error, ColorquantError):
        reason = str(error)
    elif isinstance(error, MemoryError):
        reason = f"not enough memory: {memory}"
    elif isinstance(error, ImportError):
        reason = does_not_load(error)
    else:
        message = f"unexpected {type(error).__name__} ({error}): please report it, with the traceback of -v"
        reason = " ".join(message.split())
    return Failure(reason, traceback.format_exc())


def attempt(task: Callable[[], R], *, memory: str = "use a smaller picture") -> R | Failure:
    """The result of a task, or its failure; ``memory`` as in :func:`failure_of`.

    Raises OptionError, since wrong usage concerns all tasks alike.
    """
    try:
        return task()
    except OptionError:
        raise
    except Exception as error:  # noqa: BLE001  one failure must not end the other tasks; -v shows the traceback
        return failure_of(error, memory=memory)


def attempt_until(stopped: Callable[[], bool], task: Callable[[], R]) -> R | Failure | None:
    """The result of a task or its failure, as from :func:`attempt`; None once ``stopped`` returns True.

    The task runs on a thread of its own, which is then left running: a call into OpenCV cannot be interrupted.
    """
    outcomes: list[R | Failure | BaseException] = []

    def run() -> None:
        try:
            outcomes.append(attempt(task))
        except BaseException as error:  # noqa: BLE001  it is raised below, on the caller's thread
            outcomes.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        if stopped():
            return None
        thread.join(POLL)
    if isinstance(outcomes[0], BaseException):
        raise outcomes[0]
    return outcomes[0]
