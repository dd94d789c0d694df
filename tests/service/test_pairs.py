"""Tests of when the files of an inbox are paired anew."""

from pathlib import Path

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.service.contents import ContentProbe, Contents, Version
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.pairs import InboxPairs
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot

INBOX = Path("/inbox")


def entry(name: str) -> FileEntry:
    return FileEntry(INBOX / name, media_kind(name), 9, 1, 1, hash(name), 1)


def version(file: FileEntry) -> Version:
    return file.path, file.mtime_ns, file.size


def test_a_pairing_that_news_does_not_change_is_the_same_object() -> None:
    sounds = [entry(f"{number}.wav") for number in range(3)]
    news = {version(sounds[0]): MediaContent(sound=True)}
    contents = Contents(ContentProbe(lambda _version, _owner: None, lambda: news))
    pairs = InboxPairs(contents, ItemFaults())
    snapshot = FolderSnapshot(tuple(sounds))
    before = pairs.find(snapshot, 0.0)
    assert contents.update()
    # Thousands of notices follow from it, which are kept as long as it is the same object.
    assert pairs.find(snapshot, 1.0, has_news=True) is before


def test_news_that_makes_a_pair_makes_another_pairing() -> None:
    sound, video = entry("talk.mov"), entry("talk.mp4")
    news = {
        version(sound): MediaContent(sound=True),
        version(video): MediaContent(picture=True),
    }
    contents = Contents(ContentProbe(lambda _version, _owner: None, lambda: news))
    pairs = InboxPairs(contents, ItemFaults())
    snapshot = FolderSnapshot((sound, video))
    assert not pairs.find(snapshot, 0.0).pairs
    assert contents.update()
    (pair,) = pairs.find(snapshot, 1.0, has_news=True).pairs
    assert (pair.audio, pair.video) == (sound.path, video.path)
