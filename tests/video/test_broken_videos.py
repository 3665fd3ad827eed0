"""Files that are no videos, or damaged ones: each is refused in one line, or all of its frames are read."""

import io
import os

import numpy as np
import pytest
from support import encoded_clips as clips
from support.damage import HTML

from colorquant.errors import ColorquantError, ImageReadError
from colorquant.video.completeness import MissingFrames
from colorquant.video.opening import open_clip

av = pytest.importorskip("av")

COUNT = 8
NO_VIDEO = "audio file, without a video"


def noisy(count: int = COUNT) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        np.clip(picture + rng.integers(-8, 9, picture.shape), 0, 255).astype(np.uint8)
        for picture in clips.pictures(count, 48, 64)
    ]


def without_frames() -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 24, 32, "yuv420p"
        container.start_encoding()
    return stream.getvalue()


def unindexed() -> bytes:
    data = clips.video(clips.pictures(3))
    return data[: data.rindex(b"moov") - 4]


NOT_CLIPS = {
    "an empty file": (b"", "the file is empty"),
    "text": (b"This is not a video.\n" * 30, "is text"),
    "a web page": (HTML, "is text"),
    "random bytes": (np.random.default_rng(0).bytes(5000), "neither a video nor an animation"),
    "zeros": (bytes(5000), "neither a video nor an animation"),
    "a playlist": (b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nhttp://localhost/a.ts\n", "is text"),
    "a list of files": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "is text"),
    "sound": (clips.sound("mp3"), NO_VIDEO),
    "sound in MP4": (clips.sound("mp4"), NO_VIDEO),
    "sound in WAV": (clips.sound("wav"), NO_VIDEO),
    "sound with a cover picture": (clips.sound("mp3", cover=clips.pictures(1)[0]), NO_VIDEO),
    "sound in MP4 with a cover picture": (clips.sound("mp4", cover=clips.pictures(1)[0]), NO_VIDEO),
    "an MP4 without its index": (unindexed(), r"its index \(moov\) is missing"),
    "an MP4 without a frame": (without_frames(), "has no video"),
    "the beginning of an MKV": (clips.video(clips.pictures(1), "mkv")[:60], "damaged"),
}


@pytest.mark.parametrize("name", NOT_CLIPS)
def test_what_is_no_clip_is_refused(name, tmp_path, capfd):
    data, reason = NOT_CLIPS[name]
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(ImageReadError, match=reason) as caught:
            open_clip(source)
        assert len(str(caught.value).splitlines()) == 1
        assert ": " in str(caught.value)
    assert capfd.readouterr() == ("", "")  # FFmpeg is silent


def test_places_without_a_clip(tmp_path):
    for path, reason in ((tmp_path / "no.mp4", "there is no such file"), (tmp_path, "not a file")):
        with pytest.raises(ImageReadError, match=reason):
            open_clip(path)
    locked = tmp_path / "locked.mp4"
    locked.write_bytes(clips.video(clips.pictures(1)))
    locked.chmod(0)
    if os.geteuid():
        with pytest.raises(ImageReadError, match="permission denied"):
            open_clip(locked)


def test_a_file_that_vanishes_between_two_passes(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.video(clips.pictures(3)))
    clip = open_clip(path)
    assert len(list(clip.frames())) == 3
    path.unlink()
    with pytest.raises(ImageReadError, match="there is no such file"):
        list(clip.frames())


def frames_of(data: bytes) -> tuple[int, str | None]:
    """How many frames are read, and the message at the end."""
    count = 0
    try:
        for _ in open_clip(data).frames():
            count += 1
    except ColorquantError as error:
        assert len(str(error).splitlines()) == 1
        assert ": " in str(error)
        return count, str(error)
    return count, None


FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
KINDS = {
    "mp4": ("mp4", "libx264", {}),
    "mp4-index-first": ("mp4", "libx264", {"muxer": {"movflags": "faststart"}}),
    "mp4-in-fragments": ("mp4", "libx264", {"muxer": FRAGMENTED, "g": "3"}),
    "mkv": ("mkv", "libx264", {}),
    "mkv-ffv1": ("mkv", "ffv1", {"level": "3", "slicecrc": "1"}),
    "mkv-live": ("mkv", "libx264", {"muxer": {"live": "1"}}),
    "webm": ("webm", "libvpx-vp9", {}),
    "webm-vp8": ("webm", "libvpx", {}),
    "avi": ("avi", "mpeg4", {}),
    "avi-mjpeg": ("avi", "mjpeg", {"pixels": "yuvj420p"}),
    "flv": ("flv", "flv", {}),
    "ts": ("mpegts", "libx264", {}),
}
# Where a file may be cut without a trace: between two tags, packets, fragments or clusters.
BETWEEN_PARTS = {"flv", "ts", "mp4-in-fragments", "mkv-live"}


def made(kind: str) -> bytes:
    container, codec, options = KINDS[kind]
    return clips.video(noisy(), container, codec, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_that_was_cut_off_is_refused(kind, capfd):
    data = made(kind)
    assert frames_of(data) == (COUNT, None)
    unnoticed = 0
    for length in np.linspace(40, len(data) - 1, 30).astype(int):
        count, message = frames_of(data[:length])
        unnoticed += message is None and count < COUNT
    assert unnoticed == 0 or (kind in BETWEEN_PARTS and unnoticed <= 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["mp4", "mkv", "mkv-ffv1"])
def test_frames_before_a_broken_one_are_read(kind):
    data = bytearray(made(kind))
    packets = positions(bytes(data))
    place, size = packets[COUNT // 2]
    data[place + 8 : place + size] = bytes(reversed(data[place + 8 : place + size]))
    count, message = frames_of(bytes(data))
    assert message.startswith(f"frame {count + 1} is broken")
    assert 0 < count < COUNT


def positions(data: bytes) -> list[tuple[int, int]]:
    """The place and the size of each packet, in the order of the file."""
    with av.open(io.BytesIO(data)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_raise_nothing_else(kind, capfd):
    rng, data = np.random.default_rng(7), made(kind)
    for _ in range(40):
        damaged = bytearray(data)
        at = rng.integers(len(data))
        damaged[at : at + 20] = rng.bytes(len(damaged[at : at + 20]))
        count, message = frames_of(bytes(damaged))
        assert count <= COUNT or message is not None or kind in ("ts", "flv")
    assert capfd.readouterr() == ("", "")


def test_packets_without_a_frame_are_found():
    missing = MissingFrames()
    for time in (0, 3, 1, 2):
        missing.add_packet(time)
    assert [missing.add_frame(time) for time in (0, 1, 3)] == [False, False, True]
    assert not missing.at_end()
    missing.add_packet(4)
    assert missing.at_end()


def test_leading_packets_do_not_count():
    missing = MissingFrames()
    for time in (5, 3, 4):  # 3 and 4 refer to frames before a cut
        missing.add_packet(time)
    assert [missing.add_frame(5), missing.at_end()] == [False, False]
