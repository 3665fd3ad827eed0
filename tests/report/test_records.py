"""Lines for people, from JSON records."""

import io
import re

import pytest
from rich.console import Console

from colorquant.fitting.models import SearchStep
from colorquant.report import records, terminal


def row(**changes):
    values = {
        "input": "malaga.png",
        "output": "malaga-kmeans16.png",
        "status": "written",
        "untouched": False,
        "k": 16,
        "colors_in": 31_716,
        "colors_out": 16,
        "psnr": 29.271,
        "bytes_in": 620_100,
        "bytes_out": 74_400,
        "n_iter": 12,
        "converged": True,
        "searched": False,
        "inertia": 123456.7,
        "seconds": {"read": 0.1, "write": 0.02},
        "palette": [["#102030", 3], ["#ffffff", 1]],
    }
    return {**values, **changes}


LINES = {
    "smaller": ({}, "malaga-kmeans16.png: 31,716 → 16 colours · 29.27 dB · 620 → 74 kB (−88 %)"),
    "larger": ({"bytes_in": 620, "bytes_out": 2350}, "16 colours · 29.27 dB · 620 B → 2.4 kB (+279 %)"),
    "equal": ({"bytes_out": 620_200}, "620 → 620 kB (±0 %)"),
    "one colour": ({"colors_out": 1}, "31,716 → 1 colour · "),
    "megabytes": ({"bytes_in": 23_400_000, "bytes_out": 999_600}, "23 → 1.0 MB (−96 %)"),
    "no loss": ({"psnr": None}, "16 colours · no loss · "),
    "untouched": ({"untouched": True, "colors_out": 9}, "malaga-kmeans16.png: 9 colours, all kept · 620 → 74 kB"),
    "pipe": ({"input": "-", "output": "-"}, "standard input: 31,716 → "),
    "skipped": ({"status": "skipped"}, "malaga-kmeans16.png: skipped, it exists"),
    "control characters": ({"output": "a\x1b[2J.png"}, "a\\x1b[2J.png: "),
}


@pytest.mark.parametrize("name", LINES)
def test_the_line_of_a_file(name):
    changes, words = LINES[name]
    assert words in records.summary_line(row(**changes))
    assert "\n" not in records.summary_line(row(**changes))


@pytest.mark.parametrize("name", ["x/" * 40 + "photo.png", "y" * 100 + "-kmeans16.png", "a/" + "z" * 50, "short.png"])
def test_the_line_fits_80_columns_whatever_the_name(name):
    line = records.summary_line(row(output=name), 80)
    assert len(line) <= 80
    assert line.endswith("31,716 → 16 colours · 29.27 dB · 620 → 74 kB (−88 %)")
    assert name in records.summary_line(row(output=name)), "not where there is no terminal"


def test_the_end_of_a_long_name_is_kept():
    assert records.shortened("folder/" * 20 + "photo-kmeans16.png", 30) == "…/photo-kmeans16.png"
    short = records.shortened("a" * 60 + "-kmeans16.png", 30)
    assert len(short) == 30
    assert re.fullmatch(r"a+…a+-kmeans16\.png", short)


def test_details():
    assert records.detail_lines(row()) == [
        "  inertia 123457 · 12 iterations on all colours, converged",
        "  read 0.10 s · write 0.02 s",
    ]
    mixture = row(inertia=None, log_likelihood=-11.23456, n_iter=1, converged=False)
    assert records.detail_lines(mixture)[0] == (
        "  log-likelihood -11.2346 per pixel · 1 iteration on all colours, not converged"
    )
    searched = records.detail_lines(row(searched=True, n_iter=1))[0]
    assert searched.endswith(" · search on coarse cells, then 1 iteration on all colours, converged")
    assert records.progress_words(SearchStep("start", 3, 12)) == "searching: start 3 of 12"
    assert "OpenCV does not report iterations" in records.detail_lines(row(n_iter=None))[0]


@pytest.mark.parametrize("count", [2, 32, 33, 256])
def test_the_palette_has_hex_codes_and_shares_and_no_line_is_too_wide(count):
    palette = [[f"#{number:06x}", 1] for number in range(count)]
    lines = records.palette_lines(row(palette=palette), 80)
    assert max(map(len, lines)) <= 80
    assert sum(line.count("#") for line in lines) == min(count, 32)
    assert lines[-1].startswith("  and ") == (count > 32)
    console = Console(width=60, force_terminal=True, color_system="truecolor", record=True, file=io.StringIO())
    console.print(terminal.palette_table(row(palette=palette), 60))
    text = console.export_text().splitlines()
    assert max(map(len, text)) <= 60
    assert sum(line.count("#") for line in text) == min(count, 32)
