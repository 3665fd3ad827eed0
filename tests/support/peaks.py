"""The peak memory of a command."""

import json
import os
import subprocess
import sys

# A child that is started from a process counts that process's memory in its own peak until it is replaced by its
# program (Linux keeps the larger one). So a small process stands between the tests, which are large, and the command.
LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(json.dumps({"code": code, "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}))
"""


def peak_memory(*words):
    """Run ``colorquant`` with these words, which must succeed, and return its largest resident size in bytes."""
    command = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "colorquant", *map(str, words)]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True, env=env)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["code"] == 0, done.stderr
    return result["peak"]
