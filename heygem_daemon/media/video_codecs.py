"""How each codec of a result is encoded: encoder, parameters, sample format, container."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from heygem_daemon.config.choices import VideoCodec
from heygem_daemon.media.deep_converter import DeepFormat

KEYFRAME_SECONDS = 5
"""Longest distance of keyframes: what a player must decode when someone seeks."""

PRESET_X264_PARAMS = {"veryfast": "me=dia:partitions=i8x8:subme=1"}
"""x264 parameters by preset that turn off what a talking head does not need, since it moves little
from picture to picture. Searching each block's motion in small steps, by plain differences and not
for its halves, saves a third of veryfast's time. Slower presets are chosen for their thoroughness;
faster ones already save the same."""

COMMON_X264_PARAMS = "aq-strength=0.5:deblock=2,2:deadzone-inter=11:deadzone-intra=6"
"""x264 parameters for every preset: move half as many bits from faces to flat walls as x264 would;
keep small differences that it would drop; and smooth the edges of blocks more, since the source was
encoded once before. Measured with ``PRESET_X264_PARAMS`` on five mouths that were encoded again:
0.9 to 2.0 dB nearer to their source than with veryfast alone, in files of 0.87 to 1.34 times the
size, and 0.89 to 1.06 times as sharp as the source; with veryfast alone 0.93 to 1.18 times."""

X264_WITHOUT_AVX512 = "asm=AVX2,FMA3,BMI2"
"""x264 parameter for a processor with AVX-512. x264's code for it weighs how far blocks serve later
pictures ("mbtree") with memory that it has not written: of 100 encodings of the same 75 pictures,
11 gave other results. The code for AVX2, which such a processor has too, gives what that without
any gives, and is as fast here."""

PRORES_422_HQ = "3"
"""prores_ks's number of the profile; its four-character code is 'apch'."""


MAX_THREADS = 8
"""Each thread holds some pictures."""

SHARING_THREADS = 2
"""The threads of an encoder beside other jobs. Those beyond the job's share wait most of the time,
and take no processor time for it."""


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """What is fixed for a codec."""

    encoder: str
    """FFmpeg's name of the encoder."""
    suffix: str
    """Suffix of the result's file."""
    container: str
    """FFmpeg's name of the container."""
    tag: str | None = None
    """Four-character code in the container; None: FFmpeg's own."""


CODECS: Mapping[VideoCodec, CodecSpec] = {
    "h264": CodecSpec("libx264", ".mp4", "mp4"),
    # QuickTime plays HEVC only with the parameter sets in the header, which 'hvc1' says.
    "hevc": CodecSpec("libx265", ".mp4", "mp4", "hvc1"),
    "prores": CodecSpec("prores_ks", ".mov", "mov"),
}


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How the pictures of a result are encoded."""

    codec: VideoCodec = "h264"
    crf: int = 18
    """Constant rate factor of x264 and x265, 0-51."""
    preset: str = "veryfast"
    """Speed preset of x264 and x265."""
    deep: DeepFormat | None = None
    """What the 10-bit pictures are like that are encoded; None: they have 8 bits."""
    cores: int = 0
    """How many threads of the job may compute at the same time; 0: as many as there are
    processors."""

    @property
    def spec(self) -> CodecSpec:
        return CODECS[self.codec]

    @property
    def threads(self) -> int:
        """How many pictures are encoded at the same time.

        The encoder's pictures depend on it: jobs that share the processors have the same number,
        whatever their share.
        """
        return SHARING_THREADS if self.cores else min(len(os.sched_getaffinity(0)), MAX_THREADS)

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the sample format."""
        return deep_pixel_format(self.codec) if self.deep or self.codec == "prores" else "yuv420p"

    def options(self, fps: Fraction, features: Collection[str]) -> dict[str, str]:
        """Return the encoder's options, with closed GOPs that begin with IDR pictures.

        ``features``: the processor's, by the kernel's names. The same pictures give the same result
        whatever it can do.
        """
        keyframes = f"open-gop=0:keyint={max(1, round(KEYFRAME_SECONDS * fps))}"
        quality = {"crf": str(self.crf), "preset": self.preset}
        match self.codec:
            case "h264":
                params = [keyframes, COMMON_X264_PARAMS]
                params += [extra] if (extra := PRESET_X264_PARAMS.get(self.preset)) else []
                params += [X264_WITHOUT_AVX512] if "avx512f" in features else []
                return {**quality, "x264-params": ":".join(params)}
            case "hevc":
                params = [keyframes, "log-level=error", *self._hdr_params()]
                # Threads that share a picture change nothing of it; x265's note would name them.
                params += [f"pools={self.cores}", "info=0"] if self.cores else []
                return {**quality, "x265-params": ":".join(params)}
            case "prores":
                return {"profile": PRORES_422_HQ, "vendor": "apl0"}

    def _hdr_params(self) -> list[str]:
        if self.deep is None or self.deep.hdr is None:
            return []
        # Finer chroma and steps where PQ is coarse for the eye; and the file's own statements.
        optimised = ["hdr10-opt=1"] if self.deep.hdr.transfer == "pq" else []
        return [*optimised, *self.deep.hdr.metadata.x265_params]


H264 = EncoderSettings()


def deep_pixel_format(codec: VideoCodec) -> str:
    """Return FFmpeg's name of the 10-bit sample format of a codec."""
    return "yuv422p10le" if codec == "prores" else "yuv420p10le"


def tag_of(name: str) -> str | None:
    """Return the four-character code that the codec ``name`` needs; None: FFmpeg's own."""
    return next((spec.tag for codec, spec in CODECS.items() if codec == name), None)
