"""Copy the audio of a video packet by packet, without decoding it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from colorquant.errors import ImageReadError
from colorquant.video.av_reading import open_container, open_video
from colorquant.video.frames import ClipReading

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

BEFORE = 5  # seconds from which on audio is searched that belongs to a frame: streams are not strictly interleaved
NAMES = {"matroska": "MKV", "mp4": "MP4", "webm": "WebM"}


class AudioSource:
    """The audio streams of a video, which are read in the order of the file; a context manager.

    Raises ImageReadError and EngineError as :func:`colorquant.video.opening.open_clip` does.
    """

    def __init__(self, source: Path | bytes, reading: ClipReading) -> None:
        video = open_video(source, reading)
        self._beginning = video.beginning()
        file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        with ExitStack() as closing:
            closing.enter_context(file)
            self._container = closing.enter_context(open_container(file))
            if reading.start:
                video.seek(self._container, self._beginning - BEFORE)
            self._closing = closing.pop_all()

    @property
    def streams(self) -> tuple[AudioStream, ...]:
        """The audio streams."""
        return self._container.streams.audio

    def packets(self, streams: list[AudioStream]) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        """The packets of ``streams``, each with its time, in seconds from the first frame that is read.

        Their own times count from there, too. Raises ImageReadError where the file is damaged.
        """
        from av import FFmpegError

        try:
            for packet in self._container.demux(streams):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is None:
                    continue  # a packet without a time ends a file
                shift = round(self._beginning / packet.time_base)
                packet.pts = stamp - shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
                yield packet.pts * packet.time_base, cast("Packet[AudioStream]", packet)
        except FFmpegError as error:
            raise ImageReadError(f"its audio is damaged ({error.strerror})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


class AudioCopy:
    """Copies audio into a container, as far as frames are written to it.

    The container begins with the first frame. Packets before it are left out, but for MP4, which can hide the part of
    a packet that lies before the beginning; there the packet before that one is copied, too, since decoders need it.
    """

    def __init__(self, source: AudioSource, target: OutputContainer, notes: list[str]) -> None:
        self._target, self._notes = target, notes
        self._name = NAMES[target.format.name]
        self._targets = {audio.index: self._added(audio) for audio in source.streams if self._fits(audio)}
        self._packets = source.packets([audio for audio in source.streams if audio.index in self._targets])
        self._next = self._following() if self._targets else None

    def copy(self, until: Fraction | None) -> None:
        """Copy what begins before the time ``until``, in seconds from the first frame; with None all that is left."""
        while self._next is not None and (until is None or self._next[0] < until):
            time, packet = self._next
            if self._is_heard(time, packet):
                packet.stream = self._targets[packet.stream_index]
                self._target.mux(packet)
            self._next = self._following()

    def _following(self) -> tuple[Fraction, Packet[AudioStream]] | None:
        try:
            return next(self._packets, None)
        except ImageReadError as error:
            self._notes.append(f"{error}: it ends there")
            return None

    def _is_heard(self, time: Fraction, packet: Packet[AudioStream]) -> bool:
        if self._name == "MP4":
            return time + 2 * (packet.duration or 0) * packet.time_base > 0
        context = packet.stream.codec_context
        return time >= -Fraction(context.delay, context.sample_rate)  # what the decoder drops at the beginning

    def _fits(self, audio: AudioStream) -> bool:
        """Whether the container can carry a stream; else a note says so."""
        codec = None if audio.codec_context is None else audio.codec_context.codec.canonical_name
        if codec in self._target.supported_codecs and audio.codec_context.sample_rate:
            return True
        note = f"audio is left out: {self._name} has no {codec or 'such codec'}"
        if note not in self._notes:
            self._notes.append(note)
        return False

    def _added(self, audio: AudioStream) -> AudioStream:
        added = self._target.add_stream_from_template(audio)
        added.disposition = audio.disposition
        language = audio.metadata.get("language")
        if language:
            added.metadata["language"] = language
        return added
