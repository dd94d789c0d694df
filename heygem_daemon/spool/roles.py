"""Which file of one name is the sound and which shows the face: by what they hold. Pure."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.spool.formats import is_photograph
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.names import pair_key

FindContent = Callable[[FileEntry], MediaContent | None]
"""Returns what a file holds; None: not known yet."""

NOTHING = MediaContent()
SOUND, SILENT, BOTH = MediaContent(sound=True), MediaContent(picture=True), MediaContent(True, True)


def nothing_known(_entry: FileEntry) -> MediaContent | None:
    """Return None: no file has been examined."""
    return None


def with_roles(group: Sequence[FileEntry], find: FindContent) -> list[FileEntry]:
    """Return the files of one name, each with the kind that it has beside the others.

    Sound alone is the audio, pictures without sound are the video, whatever the names say. A file
    that holds both is the video beside a sound, and the sound beside a silent video; otherwise its
    name decides, as for a file of which nothing is known.
    """
    contents = [find(entry) or NOTHING for entry in group]
    is_sound_there = SOUND in contents
    silent_videos = sum(
        content == SILENT and not is_photograph(entry.path.name)
        for entry, content in zip(group, contents, strict=True)
    )
    speaks_for_another = silent_videos == 1 and contents.count(BOTH) == 1 and len(group) == 2

    def kind_of(entry: FileEntry, content: MediaContent) -> FileEntry:
        if content == SOUND or (content == BOTH and speaks_for_another):
            return replace(entry, kind="audio")
        if content == SILENT or (content == BOTH and is_sound_there):
            return replace(entry, kind="video")
        return entry

    return list(map(kind_of, group, contents))


def with_batch_roles(entries: Sequence[FileEntry], find: FindContent) -> tuple[FileEntry, ...]:
    """Return the files of a batch's folder, in the same order, each with its kind there.

    Files of one name decide among themselves. Where that leaves no sound or no video, all files
    decide together: in a batch, a sound may have another name than its videos.
    """
    groups: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for entry in entries:
        groups[pair_key(entry.path.name)].append(entry)
    decided = {each.path: each for group in groups.values() for each in with_roles(group, find)}
    found = tuple(decided[entry.path] for entry in entries)
    if {each.kind for each in found} >= {"audio", "video"}:
        return found
    return tuple(with_roles(entries, find))


def describe_conflict(group: Sequence[FileEntry], find: FindContent) -> str:
    """Return what is wrong with files of one name that fit together in no way, or in several, and
    what to do: the rest of a sentence."""
    contents = [find(entry) or NOTHING for entry in group]
    if contents.count(BOTH) == len(contents):
        return "each holds pictures and sound; give the sound that is meant as wav or m4a"
    if all(content == SOUND for content in contents):
        return "each holds sound alone; add the video, and rename or remove the other sound"
    if all(content == SILENT for content in contents):
        return "none holds a sound; rename them, and add a sound of the same name to each"
    if set(contents) == {SOUND, NOTHING}:
        return "none holds pictures that can be read; replace the video with a good copy"
    if set(contents) == {SILENT, NOTHING}:
        return "none holds a sound that can be read; replace the sound with a good copy"
    return "rename them"
