"""Whether all frames of a video are there: demuxers end without a word where the data end, and decoders drop frames."""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

SAMPLES = (b"mdat", b"moof", b"moov")  # boxes without which frames are missing
CONTAINERS = (0x18538067, 0x1F43B675)  # identifiers of the EBML elements Segment and Cluster
UNKNOWN = -1  # the size of an element of a live recording
FLV_TAGS = (8, 9, 18)  # sound, picture, script
TS_PACKETS = (188, 192, 204)
OGG_PAGE, OGG_LAST = b"OggS", 4
LONGEST_OGG_PAGE = 1 << 17
CUT_OFF = "ends too early"
DAMAGED = "is damaged between its frames, of which some may be missing"


class MissingFrames:
    """Finds packets that gave no frame. Times are integers in one unit; frames come in the order of their times.

    Packets from before the first frame do not count: they may refer to frames before a cut. Memory is bounded by the
    number of frames that the decoder holds back.
    """

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._last: int | None = None

    def add_packet(self, time: int) -> None:
        """Expect a frame of this time."""
        if self._last is None or time > self._last:
            heapq.heappush(self._waiting, time)

    def add_frame(self, time: int) -> bool:
        """Whether a frame is missing between the one before and this one."""
        missing = False
        while self._waiting and self._waiting[0] <= time:
            missing |= heapq.heappop(self._waiting) < time and self._last is not None
        self._last = time
        return missing

    def at_end(self) -> bool:
        """Whether a frame is missing after the last one."""
        return self._last is not None and bool(self._waiting)


def damage(stream: BinaryIO, container: str) -> str | None:
    """What the structure of a file says about missing data, in a few words; None where it is whole or does not tell.

    ``container`` is FFmpeg's name of the format. Sources: ISO/IEC 14496-12 (boxes), RFC 8794 (EBML), the RIFF, FLV and
    Ogg (RFC 3533) specifications, ISO/IEC 13818-1 (transport streams).
    """
    size = stream.seek(0, os.SEEK_END)
    names = container.split(",")
    cut_off = False
    if "mov" in names:
        cut_off = any(kind in SAMPLES and end > size for kind, end in _boxes(stream, size))
    elif "matroska" in names:
        return _ebml_damage(stream, 0, size, size)
    elif "avi" in names:
        cut_off = any(end > size for end in _riff_ends(stream, size))
    elif "flv" in names:
        return _flv_damage(stream, size)
    elif "mpegts" in names:
        cut_off = _ends_within_packet(stream, size)
    elif "ogg" in names:
        cut_off = not _ends_with_last_page(stream, size)
    return CUT_OFF if cut_off else None


def _read(stream: BinaryIO, at: int, length: int) -> bytes:
    stream.seek(at)
    return stream.read(length)


def _boxes(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """The kind and the end of each box at the top level."""
    at = 0
    while at + 8 <= size:
        header = _read(stream, at, 16)
        length, kind = struct.unpack_from(">I4s", header)
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
        if length < 8 or not kind.isalnum():  # it reaches to the end, or is no box
            return
        at += length
        yield kind, at


def _ebml_damage(stream: BinaryIO, at: int, end: int, size: int) -> str | None:
    """What is wrong with the elements from ``at`` to ``end`` of a file of ``size`` bytes, and with those in them."""
    while at < end:
        identifier, at = _ebml_number(stream, at, keep_marker=True)
        length, at = _ebml_number(stream, at, keep_marker=False)
        if identifier is None or length is None:
            return CUT_OFF if at > size else DAMAGED
        if length == UNKNOWN:
            if identifier not in CONTAINERS:
                return DAMAGED
            continue  # what is in it follows, and then what follows it
        if at + length > end:
            return CUT_OFF if end == size else DAMAGED
        if identifier in CONTAINERS:
            wrong = _ebml_damage(stream, at, at + length, size)
            if wrong is not None:
                return wrong
        at += length
    return None


def _ebml_number(stream: BinaryIO, at: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """The number of variable size at ``at`` and the place after it; None where there is none."""
    data = _read(stream, at, 8)
    length = 9 - data[0].bit_length() if data else 9
    if length > 8 or length > len(data):
        return None, at + length
    value = int.from_bytes(data[:length], "big")
    if not keep_marker:
        value -= 1 << 7 * length
        if value == (1 << 7 * length) - 1:
            value = UNKNOWN
    return value, at + length


def _riff_ends(stream: BinaryIO, size: int) -> Iterator[int]:
    """The ends of the RIFF chunks at the top level; a size of 0 says nothing."""
    at = 0
    while at + 12 <= size:
        kind, length = struct.unpack("<4sI", _read(stream, at, 8))
        if kind != b"RIFF" or length == 0:
            return
        at += 8 + length + length % 2
        yield at - length % 2


def _flv_damage(stream: BinaryIO, size: int) -> str | None:
    """What is wrong with the tags of an FLV, each of which is followed by its size."""
    at = int.from_bytes(_read(stream, 5, 4), "big") + 4
    while at < size:
        header = _read(stream, at, 4)
        if header[0] & 0x1F not in FLV_TAGS:
            return DAMAGED
        at += 11 + int.from_bytes(header[1:], "big") + 4
    return CUT_OFF if at > size else None


def _ends_within_packet(stream: BinaryIO, size: int) -> bool:
    first = _read(stream, 0, 2 * max(TS_PACKETS))
    for length in TS_PACKETS:
        offset = 4 if length == 192 else 0  # before each packet a time stamp
        if first[offset : offset + 1] == first[offset + length : offset + length + 1] == b"G":
            return size % length != 0
    return False


def _ends_with_last_page(stream: BinaryIO, size: int) -> bool:
    """Whether the last page of an Ogg file is marked as such, and complete."""
    start = max(0, size - LONGEST_OGG_PAGE)
    end = _read(stream, start, LONGEST_OGG_PAGE)
    at = end.rfind(OGG_PAGE)
    if at < 0 or at + 27 > len(end):
        return False
    segments = end[at + 26]
    length = 27 + segments + sum(end[at + 27 : at + 27 + segments])
    return bool(end[at + 5] & OGG_LAST) and at + length <= len(end)
