"""``colorquant video``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from colorquant.cli.batch import clip_batch_options
from colorquant.cli.clips import (
    background_options,
    clip_output_options,
    clip_reading_options,
    clips_argument,
    over_time_options,
)
from colorquant.cli.dithering import dither_options
from colorquant.cli.fitting import assign_option, fit_options_of_methods
from colorquant.cli.groups import GroupedCommand
from colorquant.cli.options import message_options

if TYPE_CHECKING:
    from colorquant.fitting.options import FitOptions

EXAMPLES = """
colorquant video clip.mp4 -k 4
colorquant video clip.mp4 -k 4 --space ycrcb -o out/ --labels mkv
colorquant video clip.mp4 --start 0:10 --end 0:20 -k 64 --scale 0.5 -o a.gif
colorquant video party.gif -k 16 --method kmeans --dither bayer4 --write webp
colorquant video film.mkv -k 8 --every 5 --smooth 0.5 --json
colorquant video film.mkv -k 8 --refit cuts
colorquant video clips/ -r -k 16 --method kmeans -o out/ --write gif,mp4
colorquant video street.mp4 --background mog2 --masks masks/ --write mp4
"""


@click.command("video", cls=GroupedCommand, examples=EXAMPLES)
@clips_argument
@fit_options_of_methods("em")
@assign_option
@over_time_options
@dither_options
@background_options
@clip_reading_options
@clip_output_options
@clip_batch_options
@message_options
def command(options: FitOptions, **settings: Any) -> None:
    """Quantize and segment videos and animations.

    A CLIP is a video (pip install 'colorquant[video]'), an animated GIF, PNG or WebP, a folder of clips, or - for
    standard input. The colours of all frames are counted together and fitted once, so that a label means the same in
    every frame. The result is named {stem}-em{K}, or {stem}-kmeans{K}.
    """
    from colorquant.cli.run_video import run_videos

    run_videos(options, **settings)
