"""A mutation fuzzer: ``python tests/fuzz.py --seconds 60 [--seed N] [--corpus FOLDER ...]``.

It runs the program on files that were changed at random: those of support/damage.py, tiny videos and animations, and
those in the folders. Each run must end within 20 s and 4 GB, with exit code 0 and a picture, or with 1 and one line
that says why. No signal, no other output on standard error and no other file is allowed. Files that break these rules
are saved in the folder of findings, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from support import damage, encoded_clips
from support.forked import Ended, run, warm

SECONDS = 20
MEMORY = 4 << 30
LARGEST = 2_000_000  # bytes of a file of a corpus
LIMITS = {resource.RLIMIT_AS: MEMORY, resource.RLIMIT_CPU: SECONDS}
FAST = ("--effort", "fast", "-q", "-o", "out.png")
COMMANDS = (  # a file is as good as another to most of them, so they come by weight
    (70, ("kmeans", "{file}", "-k", "4", *FAST)),
    (6, ("kmeans", "{file}", "-k", "300", "--labels", "png", "--palette-out", "out.gpl", *FAST)),
    (6, ("kmeans", "{file}", "-k", "3", "--space", "oklab", "--json", *FAST)),
    (4, ("kmeans", "{file}", "-k", "3", "--space", "gray", *FAST)),
    (6, ("em", "{file}", "-k", "3", "--max-iter", "5", *FAST)),
    (2, ("em", "{file}", "-k", "2", "--space", "ycrcb", "--max-iter", "5", *FAST)),
    (6, ("video", "{file}", "-k", "3", "--method", "kmeans", "--effort", "fast", "-q", "-o", "out.gif")),
    (6, ("compare", "whole.png", "--truth", "{file}", "-k", "2", "--method", "kmeans", "--json", "-q")),
)
CLIP = ("video", "{file}", "-k", "3", "--method", "kmeans", "--effort", "fast", "-q", "--max-pixels", "1000000")
CLIP_COMMANDS = (
    (40, (*CLIP, "-o", "out.gif")),
    (10, (*CLIP, "-o", "out.mkv")),
    (10, (*CLIP, "-o", "out.gif", "--labels", "npy")),
    (10, (*CLIP, "-o", "out.png", "--start", "0.05", "--end", "0.2")),
    (10, (*CLIP, "-o", "out.webp", "--fps", "10", "--scale", "0.5")),
    (20, (*CLIP, "-o", "out.gif", "--keep-partial")),
)
VIDEOS = (
    *(("mp4", "libx264", "yuv420p"), ("mkv", "ffv1", "bgra"), ("webm", "libvpx-vp9", "yuva420p")),
    *(("webm", "libvpx", "yuv420p"), ("avi", "mpeg4", "yuv420p"), ("mpegts", "mpeg2video", "yuv420p")),
    *(("flv", "flv", "yuv420p"), ("mov", "qtrle", "rgb24"), ("avi", "mjpeg", "yuvj420p")),
)
OF_CLIPS = 0.3  # share of the runs that get a video or an animation, a tenth of them as an image
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def corpus(folders: list[Path]) -> list[Callable[[], bytes]]:
    """Functions that return a file's bytes; the generated files come as often as those of the folders."""
    made = [*damage.samples().values(), *damage.bombs().values()]
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    small = [path.read_bytes for path in paths if 0 < path.stat().st_size <= LARGEST]
    return [(lambda data=data: data) for data in made] * max(1, len(small) // len(made)) + small


def clips() -> list[Callable[[], bytes]]:
    """Functions that return the bytes of tiny videos and animations; no videos where PyAV is not installed."""
    pictures = encoded_clips.pictures(6)
    made = [encoded_clips.animation(pictures, kind, duration=40) for kind in ("GIF", "PNG", "WEBP")]
    if find_spec("av") is not None:
        made += [encoded_clips.video(pictures, kind, codec, pixels=pixels) for kind, codec, pixels in VIDEOS]
        made.append(encoded_clips.video(pictures, audio=True))
    return [(lambda data=data: data) for data in made]


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The bytes after some random changes; the checksums of a PNG are mostly corrected afterwards."""
    for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 2, 4))):
        data = _changed(bytearray(data), other, chance) or b"\0"
    return _with_checksums(data) if data[:4] == b"\x89PNG" and chance.random() < 0.8 else data


def _changed(data: bytearray, other: bytes, chance: random.Random) -> bytes:
    near = min(len(data), chance.choice((64, 512, len(data))))  # headers come first
    place, length = chance.randrange(near), min(chance.choice((1, 2, 4, 16, 100, 1000)), len(data))
    kind = chance.randrange(9)
    if kind == 0:
        data[place] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[place] = chance.randrange(256)
    elif kind in (2, 3):
        form = chance.choice(("<H", ">H", "<I", ">I"))
        most = (1 << 8 * struct.calcsize(form)) - 1
        data[place : place + struct.calcsize(form)] = struct.pack(form, chance.choice(NUMBERS) & most)
    elif kind == 4:
        del data[place : place + length]
    elif kind == 5:
        data[place:place] = data[place : place + length] * chance.choice((1, 1, 2, 50))
    elif kind == 6:
        data[place : place + length] = chance.randbytes(length)
    elif kind == 7:
        del data[chance.randrange(len(data)) :]
    else:
        start = chance.randrange(len(other))
        data[place : place + length] = other[start : start + length]
    return bytes(data)


def _with_checksums(data: bytes) -> bytes:
    """The PNG with correct checksums, as far as the lengths of its chunks can be followed."""
    fixed, at = bytearray(data), 8
    while at + 12 <= len(fixed):
        (length,) = struct.unpack_from(">I", fixed, at)
        if at + 12 + length > len(fixed):
            break
        struct.pack_into(">I", fixed, at + 8 + length, zlib.crc32(fixed[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(fixed)


def fault(ended: Ended, folder: Path, before: set[str], *, partial: bool) -> str | None:
    """What is wrong with the end of a run; None where nothing is. With ``partial`` a refused clip may leave files."""
    left = {path.name for path in folder.iterdir()} - before
    lines = ended.stderr.splitlines()
    if ended.code is None:
        return f"not done after {5 * SECONDS} s"
    if ended.code == -signal.SIGXCPU:
        return f"more than {SECONDS} s of CPU time"
    if ended.code not in (0, 1):
        return f"exit code {ended.code}"
    if any(name.startswith(".") for name in left):
        return "a temporary file is left"
    if ended.code == 0:
        return f"said: {lines[0]}" if lines else None
    if left and not partial:
        return f"refused, but {', '.join(sorted(left))} written"
    if len(lines) != 1 or not re.match(r"Error: \S", lines[0]) or "unexpected" in lines[0]:
        return f"said: {' / '.join(lines[-2:])}"
    return None


def trials(files: list[Callable[[], bytes]], seed: int) -> Iterator[tuple[int, tuple[str, ...], bytes]]:
    """Yield the number, command and file of each run; they depend on the seed and the corpus alone."""
    moving = clips()
    for number in range(sys.maxsize):
        chance = random.Random(f"{seed} {number}")
        of_clip = chance.random() < OF_CLIPS
        source = moving if of_clip else files
        data = mutated(chance.choice(source)(), chance.choice(source)(), chance)
        table = CLIP_COMMANDS if of_clip and chance.random() < 0.9 else COMMANDS
        weights, commands = zip(*table, strict=True)
        yield number, chance.choices(commands, weights)[0], data


def fuzz(files: list[Callable[[], bytes]], seconds: float, seed: int, findings: Path) -> int:
    """Run the program for so many seconds, and return the number of findings."""
    ends: Counter[int | None] = Counter()
    found, slowest, until = 0, 0.0, time.monotonic() + seconds
    memory = Path("/dev/shm")  # no disk has to keep what is thrown away
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        folder = Path(name)
        (folder / "whole.png").write_bytes(damage.samples()["png-rgb"])
        for number, command, data in trials(files, seed):
            if time.monotonic() > until:
                break
            (folder / "file.png").write_bytes(data)
            before = {"whole.png", "file.png"}
            words = [word.format(file="file.png") for word in command]
            ended = run(words, folder=folder, limits=LIMITS, seconds=SECONDS)
            if ended.code is None:  # the machine may have other work: once more, with SECONDS of CPU time as the limit
                ended = run([*words, "-f"], folder=folder, limits=LIMITS, seconds=5 * SECONDS)
            ends[ended.code] += 1
            slowest = max(slowest, ended.seconds)
            wrong = fault(ended, folder, before, partial="--keep-partial" in command)
            for path in folder.iterdir():
                if path.name not in before:
                    path.unlink()
            if wrong is not None:
                found += 1
                findings.mkdir(parents=True, exist_ok=True)
                kept = findings / f"seed{seed}-{number}.bin"
                kept.write_bytes(data)
                print(f"{kept}: {wrong}; colorquant {' '.join(command)}", flush=True)
    print(
        f"fuzz: seed {seed}, {sum(ends.values()):,} runs ({ends[0]:,} pictures, {ends[1]:,} refused), "
        f"slowest {slowest:.1f} s, {found} findings{f' in {findings}' if found else ''}"
    )
    return found


def main() -> None:
    """Parse the arguments, fuzz, and exit with 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), metavar="FOLDER")
    args = parser.parse_args()
    files = corpus(args.corpus)
    print(f"fuzz: seed {args.seed}, {len(files):,} files, {args.seconds:g} s", flush=True)
    warm()
    sys.exit(min(1, fuzz(files, args.seconds, args.seed, args.findings.resolve())))


if __name__ == "__main__":
    main()
