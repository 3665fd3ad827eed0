"""Recognize videos, which are no images: :mod:`colorquant.video` reads them."""

from __future__ import annotations

from colorquant.urls import Place

VIDEO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("mp4", "m4v", "mov", "qt", "3gp", "3g2", "mkv", "webm", "avi", "mpg", "mpeg", "m2v", "vob", "ts", "mts"),
        *("m2ts", "wmv", "asf", "flv", "ogv", "ogg", "mxf", "nut", "y4m", "ivf", "dv", "h264", "264", "hevc", "h265"),
        *("265", "obu"),
    )
)
SIGNATURE = 400  # bytes from the beginning of a file that tell whether it is a video
SAMPLE = 4096  # bytes that tell whether a file is text
SIGNATURES = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM
    b"\0\0\1\xba",  # MPEG program streams
    b"\0\0\1\xb3",  # MPEG-1 and MPEG-2 video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF and WMV
    *(b"FLV\1", b"OggS", b"YUV4MPEG2 ", b"DKIF", b"nut/multimedia container"),
)
STILL_BRANDS = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis")
TRANSPORT_PACKETS = (188, 192)
USE_VIDEO = "a video, not an image: use colorquant video"


def is_video(data: bytes) -> bool:
    """Whether a file with these bytes, or that begins with them, is a video by its signature."""
    if data[4:8] == b"ftyp":
        return data[8:12] not in STILL_BRANDS
    if data[4:8] in (b"moov", b"mdat", b"wide"):  # QuickTime files without a ftyp
        return True
    if data[:4] == b"RIFF":
        return data[8:12] == b"AVI "
    return data.startswith(SIGNATURES) or is_transport_stream(data)


def is_transport_stream(data: bytes) -> bool:
    """Whether three packets begin with the byte that begins each, after a time stamp of 4 bytes in those of 192."""
    return any(data[length - 188 : SIGNATURE : length].startswith(b"GGG") for length in TRANSPORT_PACKETS)


def has_video_suffix(path: Place) -> bool:
    """Whether the name of a file ends as those of videos do."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def why_unknown(first: bytes) -> str:
    """Why a file that begins with these bytes, SAMPLE of them, cannot be opened as a video."""
    if first[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "its index (moov) is missing or damaged, as in a file that was cut off: give a whole file"
    if first.isascii() and not any(byte < 9 or 13 < byte < 32 for byte in first):
        return "is text, neither a video nor an animation: give another file"
    return "neither a video nor an animation of a known format, or damaged: give another file"
