"""The options of a run over many inputs, whatever is done with each."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorquant.batch.inputs import Input
from colorquant.errors import OptionError
from colorquant.urls import Url, is_url

if TYPE_CHECKING:  # a run without a cluster does not load it
    from colorquant.batch.sending import Storage


@dataclass(frozen=True)
class RunOptions:
    """How a command works on its inputs; each field is the value of the option of the same name.

    With ``recursive`` the sub-folders of folders are searched for inputs, too. ``jobs`` inputs are worked on at the
    same time, in threads, or with ``isolate`` in worker processes, where each may take ``timeout`` seconds; or they are
    worked on by the ``cluster`` at this address. With ``fail_fast`` no input is begun after a failure. With ``dry_run``
    names are printed, and nothing is written. ``report`` is a file that gets a line for each input. Existing files are
    replaced with ``force``; with ``skip_existing`` inputs whose outputs all exist are skipped. ``memory`` is in bytes;
    None means half of what is free. With ``send_files`` files of up to so many bytes are sent to the workers of the
    cluster, which send back what they made.
    """

    recursive: bool = False
    jobs: int = 1
    fail_fast: bool = False
    isolate: bool = False
    timeout: float | None = None
    cluster: str | None = None
    dry_run: bool = False
    report: str | None = None
    force: bool = False
    skip_existing: bool = False
    memory: int | None = None
    send_files: int | None = None

    @property
    def in_other_processes(self) -> bool:
        """Whether the inputs are worked on in other processes, which cannot call back."""
        return self.isolate or self.cluster is not None

    @property
    def replaces_report(self) -> bool:
        """Whether an existing report may be replaced."""
        return self.force or self.skip_existing

    def check_workers(self) -> None:
        """Raises OptionError where the options that say how inputs are worked on contradict each other."""
        if self.cluster is not None:
            from colorquant.batch.cluster import check_cluster

            check_cluster(self.cluster)
            instead = {"--jobs": self.jobs > 1, "--isolate": self.isolate, "--timeout": self.timeout is not None}
            for flag in (flag for flag, given in instead.items() if given):
                raise OptionError(f"{flag} is for runs without --cluster: leave one of them out")
        elif self.send_files is not None:
            raise OptionError("--send-files sends files to the workers of a cluster: add --cluster")
        if self.timeout is not None and not self.isolate:
            raise OptionError("--timeout ends a worker process: add --isolate")

    def check_inputs(self, inputs: Iterable[Input], outputs: Iterable[str] = ()) -> None:
        """Raises OptionError where the workers cannot reach an input, or one of ``outputs``, names that the user gave.

        Standard input is not for ``--cluster``, whose workers read files, and ``memory://`` for this process only.
        """
        if self.cluster is not None and any(item.path is None for item in inputs):
            raise OptionError("--cluster reads files, not standard input (-): save the input as a file")
        if self.in_other_processes:
            from colorquant.remote import ONE_PROCESS

            flag = "--isolate" if self.cluster is None else "--cluster"
            for name in (*outputs, *(item.name for item in inputs)):
                if is_url(name) and Url(name).protocol == ONE_PROCESS:
                    raise OptionError(f"{name}: memory:// is the memory of one process: leave {flag} out")

    def storage(self, inputs: Iterable[Input], others: Iterable[str] = ()) -> Storage | None:
        """What the workers of the cluster must reach, if there is one; ``others`` are names of files besides inputs."""
        if self.cluster is None:
            return None
        from colorquant.batch.sending import Storage

        names = itertools.chain(others, (item.name for item in inputs))
        return Storage.of(names, os.getcwd(), sends=self.send_files is not None)  # noqa: PTH109  the same, as text
