"""Functions that tests run in worker processes: a worker imports this module by its name."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from colorquant.batch.inputs import Input
from colorquant.errors import ImageReadError, OptionError

_obeyed: list[str] = []


def square(item: Input, planned: None) -> int:
    """The square of the number that is the input's name; some raise."""
    if int(item.name) % 7 == 3:
        raise ZeroDivisionError("a bug")
    return int(item.name) ** 2


def obey(item: Input, planned: None) -> tuple[str, int]:
    """Do what the input's name says; returns the name and the id of the process."""
    word, _, number = item.name.partition(" ")
    if item.name == "dies once used" and _obeyed:
        signal.raise_signal(signal.SIGSEGV)
    _obeyed.append(item.name)
    if word == "signal":
        signal.raise_signal(int(number))
    if word == "exit":
        os._exit(int(number))
    if word == "sleep":
        time.sleep(int(number))
    if word == "usage":
        raise OptionError("wrong for all")
    if word == "bad":
        raise ImageReadError("damaged")
    if word == "prints":
        os.write(1, b"words of a library")
    return item.name, os.getpid()


def speak() -> None:
    """Write to standard error as Python code does, and as a library in C does."""
    sys.stderr.write("from Python\n")
    os.write(2, b"from C\n")


def make_a_lock() -> object:
    """Something that cannot be pickled."""
    return threading.Lock()


def no_package(protocols):
    """What a worker without s3fs answers when it is asked what is missing."""
    return {"s3": "s3fs"}
