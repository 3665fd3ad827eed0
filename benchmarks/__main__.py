"""``python -m benchmarks``: measure, print the tables, write them as markdown and JSON."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks import report
from benchmarks.settings import CACHE, PICTURES, RESULTS, Settings, say
from benchmarks.timing import one_thread_each

SECTIONS = (
    "quality",
    "cost",
    "em",
    "process",
    "size",
    "alpha",
    "auto",
    "dither",
    "reading",
    "video",
    "videos",
    "animation",
    "scenes",
    "memory",
)


def _count(text: str) -> int | None:
    """A whole number from 1 up, or None for ``all``."""
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is neither 'all' nor a whole number from 1 up")
    return int(text)


def _rounds(text: str) -> int:
    found = _count(text)
    if found is None:
        raise argparse.ArgumentTypeError("rounds are a whole number from 1 up")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("sections", nargs="*", metavar="SECTION", help=f"which of {', '.join(SECTIONS)} [default: all]")
    add("--images", type=_count, default=6, help="pictures in the quality tables, or 'all' [default: 6]")
    add(
        "--large",
        default="",
        metavar="NAME",
        help="the large photograph whose name starts so [default: the first]",
    )
    add("--rounds", type=_rounds, default=3, help="how often rows are repeated [default: 3]")
    add("--slow", action="store_true", help="also what takes hours on all pictures; nothing is estimated from a part")
    add("--instructions", action="store_true", help="also instruction counts, where perf or valgrind gives them")
    add("--out", type=Path, default=RESULTS, help=f"folder for the tables [default: {RESULTS}]")
    add("--pictures", type=Path, default=PICTURES, help=f"folder with kodak, cq100, large [default: {PICTURES}]")
    add("--cache", type=Path, default=CACHE, help=f"folder for what is made once [default: {CACHE}]")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """The command."""
    parser = _parser()
    args = parser.parse_args(words)
    unknown = [name for name in args.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]}: use some of {', '.join(SECTIONS)}")
    chosen = [name for name in SECTIONS if name in args.sections] or list(SECTIONS)
    settings = Settings(
        folder=args.pictures,
        cache=args.cache,
        out=args.out,
        large=args.large,
        images=args.images,
        rounds=args.rounds,
        slow=args.slow,
        instructions=args.instructions,
    )
    if not args.pictures.is_dir():
        say(f"there are no pictures in {args.pictures}: scikit-learn's china and flower stand in")
    sections = []
    name = "benchmarks" if len(chosen) == len(SECTIONS) else "-".join(chosen)
    with one_thread_each():
        for section in chosen:
            sections.append(import_module(f"benchmarks.{section}").run(settings))
            # after each section, as a run may be ended early
            path, text = report.write(settings.out, name, sections, asdict(settings))
    print(f"\n{text}")
    say(f"written: {path} and {path.with_suffix('.json').name}")


if __name__ == "__main__":
    main()
