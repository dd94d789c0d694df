"""Decide what a job's result is like, and say it in the report."""

from dataclasses import replace
from pathlib import Path

from av import VideoFormat

from heygem_daemon.config.choices import VideoCodec
from heygem_daemon.config.output_options import find_contradiction
from heygem_daemon.errors import BadInput
from heygem_daemon.media.audio_track import TrackOptions, measure_published, plan_loudness
from heygem_daemon.media.codec_check import has_encoder
from heygem_daemon.media.deep_converter import DeepFormat
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.info import AudioInfo, VideoInfo
from heygem_daemon.media.loudness import Loudness, LoudnessChange
from heygem_daemon.media.tone_map import HdrSource
from heygem_daemon.media.verify import ExpectedPictures
from heygem_daemon.media.video_codecs import CODECS, EncoderSettings, deep_pixel_format
from heygem_daemon.protocol import Render, RenderOptions
from heygem_daemon.render.chunks import encoded_audio_path

LOUDNESS_TOLERANCE = 0.5
"""LU from the target from which the report warns (EBU R 128: ±0.5 LU)."""

NARROWEST_HEVC = 64
"""Pixels. x265 writes beyond its own memory where a picture is narrower (seen at 48)."""


def require_possible(options: RenderOptions) -> None:
    """Raise BadInput where the options of a job contradict each other or those of the settings, or
    where this installation lacks an encoder."""
    if (contradiction := find_contradiction(options, options.given)) is not None:
        raise BadInput(contradiction, "Change the job's .toml file.")
    if not has_encoder(options.codec):
        raise BadInput(
            f'This installation cannot write codec = "{options.codec}": its PyAV lacks '
            f"{CODECS[options.codec].encoder}.",
            'Write codec = "h264", or ask the operator to run heygem-daemon doctor.',
        )


def require_encodable(options: RenderOptions, source: VideoInfo) -> None:
    """Raise BadInput where the result would be smaller than its codec can be."""
    size = published_size(source.width, source.height, options.max_height)
    width = size[0] if size else source.width
    if encoder_of(options, source).codec == "hevc" and width < NARROWEST_HEVC:
        raise BadInput(
            f"The result would be {width} pixels wide; HEVC needs {NARROWEST_HEVC}.",
            'Write codec = "h264", or a larger max_height.',
        )


def encoder_of(options: RenderOptions, source: VideoInfo) -> EncoderSettings:
    """Return how the pictures of a result are encoded.

    An HDR video that stays HDR is HEVC where H.264 is configured, which has 8 bits here.
    """
    keeps_hdr = source.hdr is not None and options.hdr == "keep"
    codec = "hevc" if keeps_hdr and options.codec == "h264" else options.codec
    deep = _deep_format(codec, source, source.hdr if keeps_hdr else None)
    return EncoderSettings(codec, options.crf, options.preset, deep)


def _deep_format(codec: VideoCodec, source: VideoInfo, hdr: HdrSource | None) -> DeepFormat | None:
    """Return what 10-bit pictures of ``source`` are like; None: a result of 8 bits holds all.

    ``hdr``: what is HDR about the result.
    """
    if codec == "h264" or (source.hdr is not None and hdr is None):
        return None
    finer = VideoFormat(source.pixel_format)
    is_deep = max(component.bits for component in finer.components) > 8
    has_more_chroma = codec == "prores" and not source.pixel_format.startswith(
        ("yuv420p", "yuvj420p")
    )
    if not is_deep and not has_more_chroma:
        return None
    colour = source.colour if hdr is None else hdr.colour
    if codec == "prores":
        # Players take ProRes for limited range, whatever its container says.
        colour = replace(colour, full_range=False)
    return DeepFormat(deep_pixel_format(codec), colour, hdr)


def published_size(width: int, height: int, max_height: int) -> tuple[int, int] | None:
    """Return the even width and height of a result that must be smaller than its source.

    ``width`` and ``height`` of the source in pixels, ``max_height`` in lines, 0: no limit. None:
    the result is as large as its source. The mouth is drawn at the source's size, and the whole
    picture is made smaller after that: so the mouth is as sharp as the rest of the face.
    """
    if not max_height or height <= max_height:
        return None
    lines = max(2, max_height // 2 * 2)
    return max(2, round(width * lines / height / 2) * 2), lines


def describe_pictures(expected: ExpectedPictures, source: VideoInfo) -> dict[str, object]:
    """Return what the report says of the pictures of a result."""
    width, height = expected.size
    hdr = None
    if source.hdr is not None:
        is_kept = expected.encoder.deep is not None and expected.encoder.deep.hdr is not None
        hdr = f"kept: {source.hdr.name}" if is_kept else f"made SDR (BT.709) from {source.hdr.name}"
    return {
        "codec": expected.encoder.codec,
        "pixel_format": expected.encoder.pixel_format,
        "width": width,
        "height": height,
        "hdr": hdr,
    }


def plan_track(render: Render, guard: MediaGuard) -> TrackOptions:
    """Return how the sound of a result is made; this measures it where its loudness changes.

    Raises BadInput or EnvironmentFault.
    """
    options, change = render.options, None
    is_pcm = options.codec == "prores"
    if options.loudness != "off":
        change = plan_loudness(Path(render.audio), options.loudness, guard, is_pcm=is_pcm)
    return TrackOptions(
        handling=options.audio,
        encoded_ahead=encoded_audio_path(Path(render.workspace)),
        guard=guard,
        bits_per_second=0 if is_pcm else 1000 * options.audio_bitrate,
        is_pcm=is_pcm,
        loudness=change,
    )


def loss_warnings(handling: str, sound: AudioInfo) -> tuple[str, ...]:
    """Return what the result does not keep of the sound. ``handling``: as of ``mux_segments``."""
    is_encoded = handling.startswith("aac") and "encoded" in handling
    return sound.aac_losses if is_encoded else ()


def describe_loudness(
    result: Path, track: TrackOptions, guard: MediaGuard
) -> tuple[dict[str, object] | None, list[str]]:
    """Measure the sound of a result; return what the report says of its loudness, and warnings.

    None where its loudness was not to change. Raises BadInput or EnvironmentFault.
    """
    if (change := track.loudness) is None:
        return None, []
    after = measure_published(result, guard)
    facts: dict[str, object] = {
        "target_lufs": change.target,
        "before": change.before.rounded(),
        "after": after.rounded(),
        "gain_db": round(change.gain, 2) if change.is_linear else None,
    }
    return facts, _loudness_warnings(change, after)


def _loudness_warnings(change: LoudnessChange, after: Loudness) -> list[str]:
    if change.before.is_silent:
        return ["The sound is too short or too quiet to measure: its loudness is unchanged."]
    if abs(after.integrated - change.target) <= LOUDNESS_TOLERANCE:
        return []
    reached = f"The loudness is {after.integrated:.1f} LUFS, not {change.target:g}"
    return [f"{reached}: the peaks of the sound leave no room for more."]
