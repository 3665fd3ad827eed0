"""The audio of videos: copied packet by packet, cut with the frames, or left out with a note."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support import clips

from colorquant.errors import ImageReadError
from colorquant.files import StagedFiles
from colorquant.video.frames import ClipReading, Destination, IndexedFrame
from colorquant.video.opening import open_clip
from colorquant.video.writing import CLIP_KINDS, open_writer

av = pytest.importorskip("av")
RATE = 48_000
COLORS = np.array([[0, 0, 0], [220, 220, 220]], np.uint8)


def with_tones(kind, codecs, *, seconds=1.0, audio=1.0, delay=0.0, fps=25, rate=RATE) -> bytes:
    """A video of that many seconds with a tone for each of ``codecs``, which begins after ``delay``."""
    stream = io.BytesIO()
    with av.open(stream, "w", format={"mkv": "matroska"}.get(kind, kind)) as container:
        video = container.add_stream("libvpx-vp9" if kind == "webm" else "libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 16, 16, "yuv420p"
        tones = [container.add_stream(codec, rate=rate, layout="mono") for codec in codecs]
        for number, tone in enumerate(tones):
            tone.metadata["language"] = ("eng", "deu", "fra")[number]
        for number in range(round(seconds * fps)):
            picture = np.full((16, 16, 3), number * 8 % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for number, tone in enumerate(tones):
            wave = np.sin(np.arange(round(audio * rate)) * 0.05 * (number + 1)) * 0.3
            size = tone.codec_context.frame_size or 1024
            for start in range(0, len(wave), size):
                part = wave[np.newaxis, start : start + size]
                sound = av.AudioFrame.from_ndarray(part.astype(np.float32), "fltp", "mono")
                sound.sample_rate, sound.time_base = rate, Fraction(1, rate)
                sound.pts = start + round(delay * rate)
                container.mux(tone.encode(sound))
            container.mux(tone.encode(None))
    return stream.getvalue()


def repainted(source, kind, folder: Path, reading=ClipReading(), **options) -> tuple[Path, tuple[str, ...]]:  # noqa: B008
    """The clip in two levels of gray as a file of ``kind``, and the notes of its writer."""
    clip = open_clip(source, reading)
    path = folder / f"out{CLIP_KINDS[kind].suffix}"
    with (
        StagedFiles(force=True) as staged,
        open_writer(kind, Destination(path, staged, clip.info, source=source, reading=reading, **options)) as writer,
    ):
        for frame in clip.frames():
            labels = (frame.rgb[..., 0] > 127).astype(np.uint8)
            writer.write(IndexedFrame(labels, COLORS, frame.time, frame.duration))
        writer.finish()
        staged.commit()
        return path, writer.notes


def packets(source, number=0) -> list[tuple[Fraction, bytes]]:
    """The times and the data of the packets of an audio stream, as far as it has one."""
    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as container:
        streams = container.streams.audio
        if number >= len(streams):
            return []
        stream = streams[number]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.pts is not None
        ]


def data(found) -> list[bytes]:
    return [content for _, content in found]


@pytest.mark.parametrize(
    ("kind", "codec", "target"),
    [
        ("mp4", "aac", "mp4"),
        ("mp4", "aac", "mkv"),
        ("mkv", "flac", "mp4"),
        ("mkv", "pcm_s16le", "mkv"),
        ("mkv", "ac3", "mp4"),
        ("webm", "libopus", "webm"),
        ("webm", "libopus", "mp4"),
    ],
)
def test_audio_is_copied_packet_by_packet(kind, codec, target, tmp_path):
    source = with_tones(kind, [codec])
    path, notes = repainted(source, target, tmp_path)
    before, after = packets(source), packets(path)
    assert notes == ()
    assert len(after) >= len(before) - 2  # what is heard before the first frame is left out
    assert data(after) == data(before)[len(before) - len(after) :]
    with av.open(io.BytesIO(source)) as container:
        first = next(frame.pts * frame.time_base for frame in container.decode(video=0))
    shifted = [time - first for time, _ in before[len(before) - len(after) :]]
    assert max(abs(time - other) for (time, _), other in zip(after, shifted, strict=True)) < Fraction(2, 1000)


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm"])
def test_frames_keep_their_times_beside_audio(target, tmp_path):
    source = with_tones("webm", ["libopus"])
    path, _ = repainted(source, target, tmp_path)
    assert [frame.time for frame in open_clip(path).frames()] == [Fraction(number, 25) for number in range(25)]


def test_all_streams_are_copied_with_their_languages(tmp_path):
    source = with_tones("mkv", ["aac", "flac", "aac"], seconds=0.4, audio=0.4)
    path, _ = repainted(source, "mkv", tmp_path)
    for number in range(3):
        assert data(packets(path, number))[-5:] == data(packets(source, number))[-5:]
    with av.open(str(path)) as container:
        assert [stream.language for stream in container.streams.audio] == ["eng", "deu", "fra"]


@pytest.mark.parametrize("audio", [0.3, 1.7])
def test_audio_that_is_shorter_or_longer_than_the_video(audio, tmp_path):
    source = with_tones("mkv", ["flac"], audio=audio)
    path, _ = repainted(source, "mkv", tmp_path)
    assert packets(path) == packets(source)
    assert len(list(open_clip(path).frames())) == 25


def test_audio_that_begins_later_than_the_video(tmp_path):
    source = with_tones("mkv", ["flac"], delay=0.5, audio=0.4)
    path, _ = repainted(source, "mp4", tmp_path)
    assert abs(packets(path)[0][0] - Fraction(1, 2)) < Fraction(2, 1000)


@pytest.mark.parametrize(("target", "early"), [("mp4", Fraction(-2, 10)), ("mkv", Fraction(0))])
def test_audio_is_cut_where_the_frames_are(target, early, tmp_path):
    source = with_tones("mkv", ["flac"], seconds=2.0, audio=2.0)
    reading = ClipReading(start=Fraction(1, 2), end=Fraction(5, 4))
    path, _ = repainted(source, target, tmp_path, reading)
    first = Fraction(52, 100)  # the first frame from 0.5 s on
    before, after = packets(source), packets(path)
    times = [time for time, _ in after]
    assert early <= times[0] < Fraction(1, 10)
    assert Fraction(6, 10) < times[-1] < Fraction(76, 100)
    contents = data(before)
    for time, content in after:
        assert abs(before[contents.index(content)][0] - first - time) < Fraction(2, 1000)


def test_audio_ends_with_frames_that_end_early(tmp_path):
    source = with_tones("mkv", ["flac"], seconds=0.4, audio=2.0)
    whole, _ = repainted(source, "mkv", tmp_path)
    assert packets(whole)[-1][0] > Fraction(3, 2)
    cut, _ = repainted(source, "mkv", tmp_path, ends_early=lambda: True)
    assert packets(cut)[-1][0] < Fraction(4, 10)


def test_another_rate_leaves_the_audio_as_it_is(tmp_path):
    source = with_tones("mkv", ["flac"])
    path, _ = repainted(source, "mkv", tmp_path, ClipReading(fps=Fraction(10)))
    assert packets(path) == packets(source)
    assert [frame.time for frame in open_clip(path).frames()] == [Fraction(number, 10) for number in range(10)]


def test_a_codec_that_the_container_has_not(tmp_path):
    path, notes = repainted(with_tones("mp4", ["aac", "aac"]), "webm", tmp_path)
    assert notes == ("audio is left out: WebM has no aac",)
    assert packets(path) == []


def test_streams_that_fit_stay_beside_those_that_do_not(tmp_path):
    path, notes = repainted(with_tones("mkv", ["aac", "libopus"]), "webm", tmp_path)
    assert notes == ("audio is left out: WebM has no aac",)
    with av.open(str(path)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["opus"]


def test_audio_that_the_container_refuses_is_left_out(tmp_path):
    source = with_tones("mkv", ["mp3"], rate=8000)  # MP4 has MP3, but not with so few samples per second
    path, notes = repainted(source, "mp4", tmp_path)
    assert notes == ("audio is left out: .mp4 cannot hold it",)
    assert packets(path) == []
    assert len(list(open_clip(path).frames())) == 25


def test_the_same_bytes_with_audio(tmp_path):
    source = with_tones("mp4", ["aac"])
    first = repainted(source, "mp4", tmp_path)[0].read_bytes()
    assert repainted(source, "mp4", tmp_path)[0].read_bytes() == first


def test_a_file_is_a_source_as_its_bytes_are(tmp_path):
    source = tmp_path / "clip.mp4"
    source.write_bytes(with_tones("mp4", ["aac"]))
    first = repainted(source, "mp4", tmp_path)[0].read_bytes()
    assert repainted(source.read_bytes(), "mp4", tmp_path)[0].read_bytes() == first


def test_labels_have_no_audio_and_no_source_means_none(tmp_path):
    source = with_tones("mp4", ["aac"])
    clip = open_clip(source)
    path = tmp_path / "out.mp4"
    with StagedFiles(force=True) as staged, open_writer("mp4", Destination(path, staged, clip.info)) as writer:
        writer.write(replace(clips.still(np.zeros((16, 16))), duration=Fraction(1)))
        writer.finish()
        staged.commit()
    assert packets(path) == []


def test_a_source_that_is_gone_is_an_error_of_reading(tmp_path):
    source = tmp_path / "clip.mp4"
    source.write_bytes(with_tones("mp4", ["aac"]))
    info = open_clip(source).info
    source.unlink()
    with StagedFiles(force=False) as staged, pytest.raises(ImageReadError, match="there is no such file"):
        open_writer("mp4", Destination(tmp_path / "out.mp4", staged, info, source=source))
    assert not any(tmp_path.iterdir())
