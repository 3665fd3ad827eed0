"""Videos of painted frames and of labels: colours, sizes, times, bytes, and what is refused."""

import resource
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import clips, encoded_clips

from colorquant.errors import EngineError, OptionError, OutputError
from colorquant.files import StagedFiles
from colorquant.video import extra
from colorquant.video.frames import ClipInfo, ClipReading, Destination, IndexedFrame
from colorquant.video.opening import open_clip
from colorquant.video.writing import (
    CLIP_KINDS,
    LABEL_KINDS,
    check_kind,
    check_label_kind,
    open_label_writer,
    open_writer,
)

av = pytest.importorskip("av")
VIDEOS = [kind for kind, row in CLIP_KINDS.items() if row.pyav]
LOSSY = [(kind, None) for kind in VIDEOS]
TIMES = [Fraction(ticks, 100) for ticks in (0, 1, 7, 8, 30, 80)]  # of five frames, and of the end
SIZES = [(1, 1), (1, 3), (17, 33)]


def info_of(height, width, **changes) -> ClipInfo:
    return replace(clips.clip_info(width, height), tick=Fraction(1, 100), **changes)


def timed(labels, colors) -> list[IndexedFrame]:
    """A frame for each label map, with different durations."""
    pairs = pairwise(TIMES)
    return [
        clips.indexed(label_map, colors, time=start, duration=end - start)
        for label_map, (start, end) in zip(labels, pairs, strict=False)
    ]


def random_frames(size, p=6, transparent=False) -> list[IndexedFrame]:
    rng = np.random.default_rng([*size, p])
    labels = clips.random_labels(rng, frames=5, size=size, p=p, transparent=transparent)
    return timed(labels, clips.random_colors(rng, p))


def patches(size=(64, 96), count=5) -> list[IndexedFrame]:
    """Frames of large areas of strong colours, which move."""
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 30, 90]], np.uint8)
    columns = np.arange(size[1]) // 16 % len(colors)
    labels = np.tile(columns, (size[0], 1)).astype(np.uint8)
    return timed([np.roll(labels, 16 * number, axis=1) for number in range(count)], colors)


def write(writer, frames) -> tuple[str, ...]:
    """Write all frames; the notes of the writer."""
    with writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
    return writer.notes


def painted(kind, folder: Path, frames, info=None, *, name="out", **options) -> tuple[Path, tuple[str, ...]]:
    path = folder / f"{name}{CLIP_KINDS[kind].suffix}"
    info = info or info_of(*frames[0].labels.shape)
    with StagedFiles(force=True) as staged:
        notes = write(open_writer(kind, Destination(path, staged, info, **options)), frames)
        staged.commit()
    return path, notes


def labelled(kind, folder: Path, frames, *, k, **changes) -> Path:
    path = folder / f"out-labels.{kind}"
    with StagedFiles(force=True) as staged:
        destination = Destination(path, staged, info_of(*frames[0].labels.shape, **changes))
        write(open_label_writer(kind, destination, k=k), frames)
        staged.commit()
    return path


def times(frames) -> list[tuple[Fraction, Fraction]]:
    return [(frame.time, frame.duration) for frame in frames]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", VIDEOS)
def test_all_frames_keep_their_times(kind, size, tmp_path):
    frames = random_frames(size)
    path, notes = painted(kind, tmp_path, frames, info_of(*size, variable=True))
    clip = open_clip(path)
    assert times(clip.frames()) == times(frames)
    even = kind == "mp4" and (size[0] % 2 or size[1] % 2)
    assert (clip.info.height, clip.info.width) == (tuple(side + side % 2 for side in size) if even else size)
    assert [("even sizes" in note) for note in notes] == [True] * bool(even)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("transparent", [False, True])
def test_a_lossless_video_has_the_painted_colours(size, transparent, tmp_path):
    frames = random_frames(size, transparent=transparent)
    path, notes = painted("mkv", tmp_path, frames, info_of(*size, has_alpha=transparent), crf=0)
    written = list(open_clip(path).frames())
    assert times(written) == times(frames)
    assert notes == ()
    for before, after in zip(frames, written, strict=True):
        alpha = np.full(size, 255, np.uint8) if after.alpha is None else after.alpha
        np.testing.assert_array_equal(np.dstack([after.rgb, alpha]), clips.rgba(before))


@pytest.mark.parametrize(
    ("size", "p", "transparent"),
    [
        *((size, 5, False) for size in SIZES),
        *(((24, 32), p, transparent) for p, transparent in ((255, True), (256, False), (256, True), (300, True))),
    ],
)
def test_a_video_of_labels_is_lossless(size, p, transparent, tmp_path):
    frames = random_frames(size, p, transparent)
    path = labelled("mkv", tmp_path, frames, k=p, has_alpha=transparent)
    wide = p + transparent > 256
    with av.open(str(path)) as container:
        written = list(container.decode(video=0))
        maps = [frame.to_ndarray() for frame in written]
    for before, after in zip(frames, maps, strict=True):
        assert after.dtype == (np.uint16 if wide else np.uint8)
        expected = np.where(before.labels == p, 65535 if wide else 255, before.labels)
        np.testing.assert_array_equal(after, expected)
    assert [frame.pts * frame.time_base for frame in written] == TIMES[:-1]


@pytest.mark.parametrize("kind", VIDEOS)
def test_large_areas_keep_their_colours(kind, tmp_path):
    frames = patches()
    path, _ = painted(kind, tmp_path, frames)
    inside = np.arange(96) % 16
    inside = (inside >= 4) & (inside < 12)
    for before, after in zip(frames, open_clip(path).frames(), strict=True):
        error = np.abs(after.rgb.astype(int) - before.rgb)
        assert error[:, inside].mean() < 1.5
        assert error[:, inside].max() <= 16


def test_a_smaller_crf_is_nearer_to_the_painted_colours(tmp_path):
    frames = random_frames((48, 64))
    errors, sizes = [], []
    for crf in (1, 20, 51):
        path, _ = painted("mp4", tmp_path, frames, crf=crf)
        pairs = zip(frames, open_clip(path).frames(), strict=True)
        errors.append(sum(np.square(after.rgb.astype(int) - before.rgb).sum() for before, after in pairs))
        sizes.append(path.stat().st_size)
    assert errors == sorted(errors)
    assert sizes == sorted(sizes, reverse=True)


def red_by_opencv(path):
    capture = cv2.VideoCapture(str(path))
    picture = capture.read()[1]
    capture.release()
    return picture[8, 8, ::-1]


def red_by_ffmpeg(path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg is not installed")
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout[:3], np.uint8)


@pytest.mark.parametrize("decode", [red_by_opencv, red_by_ffmpeg])
@pytest.mark.parametrize("kind", VIDEOS)
def test_red_is_red_in_other_programs(kind, decode, tmp_path):
    path, _ = painted(kind, tmp_path, [clips.still(np.zeros((16, 16)), [[255, 0, 0]])])
    assert np.abs(decode(path).astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize("kind", VIDEOS)
def test_colours_are_tagged(kind, tmp_path):
    path, _ = painted(kind, tmp_path, patches())
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
    assert tags == (1, 13, 6, 1)  # BT.709, sRGB, BT.601 and limited range, by ITU-T H.273


@pytest.mark.parametrize("kind", VIDEOS)
def test_painted_pixels_are_written_as_those_of_a_palette(kind, tmp_path):
    frames = patches()
    same = [replace(frame, painted=frame.rgb) for frame in frames]
    path, _ = painted(kind, tmp_path, frames)
    other, _ = painted(kind, tmp_path, same, name="painted")
    assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("kind", "crf"), [*LOSSY, ("mkv", 0)])
def test_the_same_frames_give_the_same_bytes(kind, crf, tmp_path):
    frames = random_frames((48, 64))
    first, second = (painted(kind, tmp_path, frames, name=name, crf=crf)[0] for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def translucent_frames() -> list[IndexedFrame]:
    labels = np.zeros((32, 48), np.uint8)
    labels[:, 16:32] = 1
    labels[:, 32:] = 2
    alpha = np.full(labels.shape, 255, np.uint8)
    alpha[:, 32:] = 0
    alpha[16:, :16] = 100
    colors = np.array([[250, 100, 50], [20, 40, 200]], np.uint8)
    frames = timed([labels] * 5, colors)
    return [replace(frame, alpha=alpha) for frame in frames]


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_without_alpha_frames_are_laid_over_black(kind, tmp_path):
    path, notes = painted(kind, tmp_path, translucent_frames(), info_of(32, 48, has_alpha=True))
    assert notes == ("H.264 has no transparency: the frames are laid over black",)
    for frame in open_clip(path).frames():
        found = frame.rgb[[4, 28, 4, 4], [4, 4, 24, 40]].astype(int)
        assert np.abs(found - [[250, 100, 50], [98, 39, 20], [20, 40, 200], [0, 0, 0]]).max() <= 4


@pytest.mark.parametrize("size", [(32, 48), (31, 47)])
def test_webm_keeps_alpha(size, tmp_path):
    height, width = size
    frames = [
        replace(frame, labels=frame.labels[:height, :width], alpha=frame.alpha[:height, :width])
        for frame in translucent_frames()
    ]
    path, notes = painted("webm", tmp_path, frames, info_of(*size, has_alpha=True))
    assert notes == ()
    for frame in open_clip(path).frames():
        assert np.abs(frame.alpha[[4, 28, 4, 4], [4, 4, 24, 40]].astype(int) - [255, 100, 255, 0]).max() <= 3
        assert np.abs(frame.rgb[28, 4].astype(int) - [250, 100, 50]).max() <= 6


def test_the_alpha_of_entries_is_that_of_their_pixels(tmp_path):
    frame = clips.still([[0, 1, 1]] * 2)
    entry_alpha = np.array([255, 128], np.uint8)
    frame = replace(frame, entry_alpha=entry_alpha, alpha=entry_alpha[frame.labels])
    path, _ = painted("mkv", tmp_path, [frame], info_of(2, 3, has_alpha=True), crf=0)
    assert next(open_clip(path).frames()).alpha.tolist() == [[255, 128, 128]] * 2


@pytest.mark.parametrize(("kind", "crf"), [*LOSSY, ("mkv", 0)])
def test_the_shape_of_pixels_is_kept_or_the_change_is_told(kind, crf, tmp_path):
    path, notes = painted(kind, tmp_path, patches(), info_of(64, 96, pixel_aspect=Fraction(4, 3)), crf=crf)
    kept = kind != "webm" and crf != 0
    assert open_clip(path).info.pixel_aspect == (Fraction(4, 3) if kept else 1)
    assert ["square pixels" in note for note in notes] == [True] * (not kept)


@pytest.mark.parametrize("rotation", [0, 90])
def test_the_shape_of_pixels_is_read_upright(rotation, tmp_path):
    path, _ = painted("mp4", tmp_path, patches(), info_of(64, 96, pixel_aspect=Fraction(4, 3)))
    turned = tmp_path / "turned.mp4"
    with av.open(str(path)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(rotation)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert open_clip(turned).info.pixel_aspect == (Fraction(3, 4) if rotation else Fraction(4, 3))


def test_no_rotation_is_written(tmp_path):
    clip = open_clip(encoded_clips.video(encoded_clips.pictures(2), rotation=90))
    frames = [
        IndexedFrame(
            frame.rgb[..., 0] // 128, np.array([[0, 0, 0], [200, 200, 200]], np.uint8), frame.time, frame.duration
        )
        for frame in clip.frames()
    ]
    path, _ = painted("mp4", tmp_path, frames, clip.info)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation == 0
    assert (open_clip(path).info.width, open_clip(path).info.height) == (24, 32)


@pytest.mark.parametrize("kind", VIDEOS)
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(1, 3), Fraction(2**40 + 1, 2**36)])
def test_times_of_a_constant_rate_are_exact_in_an_mp4_and_milliseconds_elsewhere(kind, fps, tmp_path):
    frames = [replace(frame, time=number / fps, duration=1 / fps) for number, frame in enumerate(patches())]
    path, _ = painted(kind, tmp_path, frames, replace(info_of(64, 96), tick=1 / fps, rate=fps))
    fits = max(fps.numerator, fps.denominator) < 1 << 31
    error = Fraction(1, 1000) if kind != "mp4" else 0 if fits else Fraction(1, 90_000)
    for before, after in zip(frames, open_clip(path).frames(), strict=True):
        assert abs(after.time - before.time) <= error


@pytest.mark.parametrize("tick", [None, Fraction(1, 100)])
def test_times_between_ticks_never_coincide(tick, tmp_path):
    frames = [
        replace(frame, time=Fraction(number, 3_000_000), duration=Fraction(1, 3_000_000))
        for number, frame in enumerate(patches())
    ]
    path, _ = painted("mp4", tmp_path, frames, replace(info_of(64, 96), tick=tick))
    assert len(list(open_clip(path).frames())) == len(frames)


@pytest.mark.parametrize(("kind", "crf"), [*LOSSY, ("mkv", 0)])
def test_the_last_frame_of_a_constant_rate_lasts_as_long_as_the_others(kind, crf, tmp_path):
    labels = np.random.default_rng(5).integers(0, 2, (12, 16, 16))
    tenth = Fraction(1, 10)
    frames = [clips.still(labels[number], time=number * tenth, duration=tenth) for number in range(12)]
    path, _ = painted(kind, tmp_path, frames, info_of(16, 16, rate=Fraction(10)), crf=crf)
    assert times(open_clip(path).frames()) == times(frames)
    assert open_clip(path).info.duration == Fraction(12, 10)


def test_the_index_of_an_mp4_is_at_the_front(tmp_path):
    path, _ = painted("mp4", tmp_path, patches())
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def openers(kind):
    """Functions that open a writer of painted frames or of labels."""
    if kind in CLIP_KINDS:
        suffix = CLIP_KINDS[kind].suffix
        return lambda folder, staged, info: open_writer(kind, Destination(folder / f"out{suffix}", staged, info))
    ending = kind.removeprefix("labels ")
    return lambda folder, staged, info: open_label_writer(
        ending, Destination(folder / f"out.{ending}", staged, info), k=200
    )


WRITTEN_HERE = [*VIDEOS, "frames", *(f"labels {ending}" for ending in LABEL_KINDS)]


@pytest.mark.parametrize("kind", WRITTEN_HERE)
def test_a_clip_without_frames_is_refused(kind, tmp_path):
    with StagedFiles(force=False) as staged, pytest.raises(OutputError, match="there is no frame to write"):
        write(openers(kind)(tmp_path, staged, info_of(8, 8)), [])
    assert not any(tmp_path.iterdir())


FULL = r"^\S+ cannot be written: File too large; choose another place$"


@pytest.mark.parametrize("kind", WRITTEN_HERE)
@pytest.mark.parametrize("room", [10, 2000])
def test_a_full_disk_is_one_line_and_leaves_nothing(kind, room, tmp_path, capfd):
    rng = np.random.default_rng(0)
    frames = timed(rng.integers(0, 200, (5, 48, 64)).astype(np.uint8), clips.random_colors(rng, 200))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with StagedFiles(force=False) as staged, pytest.raises(OutputError, match=FULL):
            write(openers(kind)(tmp_path, staged, info_of(48, 64)), frames)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not any(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", WRITTEN_HERE)
def test_an_error_between_frames_leaves_nothing(kind, tmp_path, capfd):
    def interrupted():
        yield patches()[0]
        raise KeyError

    with StagedFiles(force=False) as staged, pytest.raises(KeyError):
        write(openers(kind)(tmp_path, staged, info_of(64, 96)), interrupted())
    assert not any(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", VIDEOS)
@pytest.mark.parametrize("name", ["x" * 300, "no folder/x", "file/x"])
def test_a_place_that_cannot_be_written(kind, name, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "no folder").touch()
    with StagedFiles(force=False) as staged, pytest.raises(OutputError, match="cannot be written"):
        open_writer(kind, Destination(tmp_path / f"{name}.{kind}", staged, info_of(8, 8)))


@pytest.mark.parametrize(
    ("kind", "crf", "side"), [("mp4", None, 16384), ("mkv", None, 16384), ("mkv", 0, 65535), ("webm", None, 65535)]
)
def test_sizes_that_an_encoder_does_not_take(kind, crf, side, tmp_path):
    message = f"at most {side} pixels wide and high, not .*: use --scale"
    with StagedFiles(force=False) as staged, pytest.raises(OutputError, match=message):
        open_writer(kind, Destination(tmp_path / "a", staged, info_of(2, side + 2), crf=crf))


def test_the_largest_size_of_h264(tmp_path):
    with (
        StagedFiles(force=False) as staged,
        open_writer("mp4", Destination(tmp_path / "a", staged, info_of(2, 16384))) as writer,
    ):
        assert writer.notes == ()


@pytest.mark.parametrize("kind", VIDEOS)
def test_odd_names_of_folders(kind, tmp_path):
    folder = tmp_path / "http:" / "ü %d \udcff"
    path, _ = painted(kind, folder, patches())
    assert path.stat().st_size > 0


def test_without_pyav_videos_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(extra, "find_spec", lambda _: None)
    for kind in VIDEOS:
        with pytest.raises(EngineError, match=r"^writing \.\w+ needs PyAV: pip install 'colorquant\[video\]'$"):
            check_kind(kind)
    with pytest.raises(EngineError, match=r"^--labels mkv needs PyAV"):
        check_label_kind("mkv")
    for kind in CLIP_KINDS.keys() - set(VIDEOS):
        check_kind(kind)
    for kind in LABEL_KINDS.keys() - {"mkv"}:
        check_label_kind(kind)


@pytest.mark.parametrize(
    ("kind", "crf", "message"),
    [
        ("mp4", 0, "mp4 takes 1 to 51; write mkv for a lossless video"),
        ("webm", 0, "webm takes 1 to 63; write mkv for a lossless video"),
        ("mp4", 52, "mp4 takes 1 to 51$"),
        ("mkv", -1, "mkv takes 0 to 51$"),
        ("gif", 20, "not of gif: leave it out, or write one of mp4, mkv, webm"),
    ],
)
def test_a_quality_that_a_kind_does_not_have(kind, crf, message):
    with pytest.raises(OptionError, match=message):
        check_kind(kind, crf=crf)


def test_a_reading_without_audio_needs_no_source(tmp_path):
    path, notes = painted("mp4", tmp_path, patches(), source=None, reading=ClipReading(fps=Fraction(5)))
    assert notes == ()
    assert len(list(open_clip(path).frames())) == 5
