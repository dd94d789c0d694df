"""Decode a video with less work where nobody looks at the pictures."""

from bisect import bisect_right
from collections.abc import Collection, Sequence

from av import CodecContext, VideoFrame
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from heygem_daemon.media.decoder_threads import set_threads

UNFILTERED = {"skip_loop_filter": "all"}
"""Option of FFmpeg's decoders: the edges of blocks are left as they are."""


class UnseenGroups:
    """Decodes the packets of a stream in order: groups of pictures (GOP) in which no picture is
    looked at without the filter that smooths the edges of blocks.

    That filter is a fifth of decoding H.264. It reads nothing from the file, so all damage is
    found without it as well. The groups must be closed, as those of ``SegmentWriter`` are.
    """

    def __init__(self, stream: VideoStream, seen: Collection[int], cores: int) -> None:
        """``seen``: numbers of the pictures that are looked at; ``cores``: see ``set_threads``."""
        set_threads(stream, cores)
        self._full = self._current = stream.codec_context
        self._unfiltered = _unfiltered_decoder(stream)
        keys = [n for n, entry in enumerate(stream.index_entries) if entry.is_keyframe]
        self._unseen = groups_without(seen, keys)
        self._group = -1

    def decode(self, packet: "Packet[Stream]") -> list[VideoFrame]:
        """Return the pictures that are complete with ``packet``. Raises FFmpegError."""
        frames: list[VideoFrame] = []
        if packet.size and packet.is_keyframe:
            self._group += 1
            decoder = self._unfiltered if self._group in self._unseen else self._full
            if decoder is not self._current:
                frames += self._current.decode(None)
                self._current.flush_buffers()
                self._current = decoder
        return frames + self._current.decode(packet if packet.size else None)


def groups_without(seen: Collection[int], keys: Sequence[int]) -> frozenset[int]:
    """Return the groups that hold none of the pictures ``seen``.

    ``keys``: the number of the first picture of each group, ascending.
    """
    return frozenset(range(len(keys))) - {bisect_right(keys, number) - 1 for number in seen}


def _unfiltered_decoder(stream: VideoStream) -> VideoCodecContext:
    full = stream.codec_context
    decoder = CodecContext.create(full.codec.name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = full.extradata
    decoder.options = UNFILTERED
    decoder.thread_type, decoder.thread_count = full.thread_type, full.thread_count
    return decoder
