"""The formats that file names stand for: sound, video, photograph, or media of no use. Pure.

A name only says what to expect: what a file holds is found out by the media probe.
"""

from typing import Literal

from heygem_daemon.spool.names import split_extension

MediaKind = Literal["audio", "video"]
"""What a file is to a job: its sound, or the picture of its face."""

AUDIO_EXTENSIONS = frozenset(
    {".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".aiff", ".aif", ".wma", ".amr"}
    | {".caf", ".m4b", ".mka", ".oga", ".weba", ".ac3", ".mp2", ".w64"}
    | {".aifc", ".au", ".eac3", ".m4r", ".3ga"}
)
MOVING_EXTENSIONS = frozenset(
    {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".qt", ".3gp", ".3g2", ".ogv", ".mxf"}
    | {".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".wmv", ".asf", ".flv", ".f4v"}
    | {".divx", ".dv", ".y4m"}
)
"""Files with moving pictures, most of them with sound."""
PHOTOGRAPH_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
    | {".heic", ".heif", ".avif"}
)
"""Image files. GIF, WebP and PNG may move."""
VIDEO_EXTENSIONS = MOVING_EXTENSIONS | PHOTOGRAPH_EXTENSIONS
"""Everything that may show the face."""

_NAMED_AS_SOUND = {
    ".mp4": ".m4a", ".m4v": ".m4a", ".mov": ".m4a", ".qt": ".m4a", ".3gp": ".3ga", ".3g2": ".3ga",
    ".webm": ".weba", ".wmv": ".wma", ".asf": ".wma", ".ogv": ".oga",
}  # fmt: skip
_NAMED_AS_VIDEO = {
    ".m4a": ".mp4", ".m4b": ".mp4", ".m4r": ".mp4", ".3ga": ".3gp", ".weba": ".webm",
    ".wma": ".wmv", ".oga": ".ogv", ".ogg": ".ogv",
}  # fmt: skip
"""The extension that the same container has as the other kind of medium."""

_AS_VIDEO = "convert it to mp4"
_AS_SOUND = "convert it to wav, flac or m4a"
_AS_PHOTOGRAPH = "export it as jpg or png"
_UNREADABLE_FORMATS: tuple[tuple[str, str, str], ...] = (
    (".rm .rmvb .ra", "RealMedia", f"{_AS_VIDEO}, or to wav where it is sound alone"),
    (".m4p", "music with copy protection (DRM)", "use a copy without protection, such as m4a"),
    (".aa .aax .aaxc", "an Audible book with copy protection (DRM)", "use a copy without it"),
    (".swf", "a Flash animation", _AS_VIDEO),
    (".braw .r3d .ari .crm", "raw video of a camera", "export it as ProRes (mov) or mp4"),
    (".wtv .dvr-ms .vro", "a recording of a device", _AS_VIDEO),
    (".ape .wv .tta .mpc .dsf .dff .ofr .tak", "sound of a rare format", _AS_SOUND),
    (".mid .midi", "a list of notes, which holds no sound", "record it as wav"),
    (".m3u .m3u8 .pls .asx .xspf .mpd", "a playlist", "drop the file that it names"),
    (".cr2 .cr3 .nef .arw .dng .raf .orf .rw2 .pef", "a raw photograph", _AS_PHOTOGRAPH),
    (".psd .psb .xcf .kra .clip .svg", "a drawing of a graphics program", _AS_PHOTOGRAPH),
    (".jxl .jp2 .j2k .tga .exr .hdr .dds .pcx", "an image of a rare format", _AS_PHOTOGRAPH),
)
"""Extensions, what such a file is, and what to do."""
_UNREADABLE = {
    extension: f"is {what}, which cannot be used: {remedy}"
    for extensions, what, remedy in _UNREADABLE_FORMATS
    for extension in extensions.split()
}

_SPEAK_IT = (
    "Record the words as sound, such as wav, mp3 or m4a, and put that beside a video or a"
    " photograph of the same name."
)
_OTHER_FORMATS: tuple[tuple[str, str, str], ...] = (
    (
        ".txt .md .rtf .doc .docx .odt .pages .wps .pdf .epub .html .htm .srt .ass .ssa .vtt .lrc",
        "not used: texts are not read aloud",
        _SPEAK_IT,
    ),
    (
        ".ppt .pptx .odp .key .xls .xlsx .ods .numbers .csv .et .dps",
        "not used: office documents are no sound and no video",
        _SPEAK_IT,
    ),
    (
        ".zip .rar .7z .tar .gz .tgz .bz2 .xz .zst",
        "not used: archives are not unpacked",
        "Unpack, and put what is inside into the inbox.",
    ),
    (
        ".json",
        "not used: data, such as the report of a result",
        "Not needed here, and safe to delete.",
    ),
    (
        ".lnk .url .webloc",
        "not used: a link leads to another place, and is not the file itself",
        "Copy the target itself into the inbox.",
    ),
)
"""Extensions of what is no medium, what is said of such a file, and what to do."""
_OTHERS = {
    extension: (what, remedy)
    for extensions, what, remedy in _OTHER_FORMATS
    for extension in extensions.split()
}
_NAME_IT = (
    "A name must end as its kind does, such as .wav, .mp3, .mp4 or .jpg: rename what is of that"
    " kind, and convert what is not."
)
_UNKNOWN = "not used: no sound, video or photograph by name", _NAME_IT


def media_kind(name: str) -> MediaKind | None:
    """Return the kind that the extension stands for, in any letter case; None: neither audio nor
    video."""
    extension = _extension(name)
    if extension in AUDIO_EXTENSIONS:
        return "audio"
    return "video" if extension in VIDEO_EXTENSIONS else None


def extension_as(kind: MediaKind, name: str) -> str:
    """Return the extension, in lower case, by which a file of this name is known as ``kind``: its
    own, or the usual one of its container; Matroska's where there is none."""
    extension = _extension(name)
    if media_kind(name) == kind:
        return extension
    if kind == "audio":
        return _NAMED_AS_SOUND.get(extension, ".mka")
    return _NAMED_AS_VIDEO.get(extension, ".mkv")


def is_photograph(name: str) -> bool:
    """Return whether the extension is that of an image file, in any letter case."""
    return _extension(name) in PHOTOGRAPH_EXTENSIONS


def unreadable_format(name: str) -> str | None:
    """Return why a media file of this name cannot be used and what to do, as a clause without a
    subject; None where the extension is none of media, or one that can be used."""
    return _UNREADABLE.get(_extension(name))


def other_format(name: str) -> tuple[str, str]:
    """Return what is said of a file that is no medium by its name, or of several of its kind, and
    what to do. It is true of one and of many."""
    return _OTHERS.get(_extension(name), _UNKNOWN)


def _extension(name: str) -> str:
    return split_extension(name)[1].lower()
