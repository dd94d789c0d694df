"""A digest of a video's pictures and sound that a copy into another container keeps."""

from hashlib import sha256
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.source import COMMON_FORMATS_HINT, open_media, read_packets


def content_digest(path: Path, guard: MediaGuard = NO_LIMITS) -> str:
    """SHA-256, 64 hex digits, of the encoded pictures and sounds in ``path``, stream by stream.

    ``ffmpeg -c copy`` does not change it; a new encoding or a cut does. Raises BadInput where the
    file is no media or holds neither pictures nor sound, EnvironmentFault where it cannot be read.
    """
    with open_media(path) as container:
        streams = [each for each in container.streams if each.type in ("video", "audio")]
        if not streams:
            raise BadInput(f"{path.name} holds neither pictures nor sound.", COMMON_FORMATS_HINT)
        digests = {stream.index: sha256() for stream in streams}
        for packet in read_packets(container, *streams):
            guard.step()
            if packet.size:
                digests[packet.stream_index].update(memoryview(packet))
        parts = sorted(f"{each.type} {digests[each.index].hexdigest()}" for each in streams)
    return sha256("\n".join(parts).encode()).hexdigest()
