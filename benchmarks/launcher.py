"""Runs one command and prints what it used, as JSON.

A process counts as its peak memory also that of the process it was forked from: between the benchmarks, which hold
pictures, and the command stands this small one. Only the standard library, and little of it.
"""

import os
import sys
import time

OPEN = os.O_WRONLY

start = time.perf_counter()
pid = os.posix_spawnp(
    sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, OPEN, 0)]
)
_, status, used = os.wait4(pid, 0)
wall = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
code = os.waitstatus_to_exitcode(status)
print(f'{{"code": {code}, "cpu": {used.ru_utime + used.ru_stime}, "wall": {wall}, "peak": {used.ru_maxrss * unit}}}')
