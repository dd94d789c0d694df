"""The file of targets: what it may say, and that no message repeats its secrets."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.notify.targets import TargetsUnusable, read_targets

WriteTargets = Callable[[str], Path]
TOKEN = "t0ken-that-nobody-may-see"

GOOD = f"""
language = "zh"
[[apprise]]
name = "operations"
url = "mailto://user:{TOKEN}@mail.example"
events = ["failed", "on_hold", "resumed"]
[[apprise]]
name = "chat"
url = "slack://{TOKEN}"
language = "en"
[[webhook]]
name = "pipeline"
url = "https://pipeline.example/hook?key={TOKEN}"
secret = "{TOKEN}"
events = ["published"]
"""


def test_targets_are_read_with_their_events_and_languages(targets_file: WriteTargets) -> None:
    targets = read_targets(targets_file(GOOD))
    mail, chat, hook = targets.all
    assert (targets.language, targets.apprise[0].language, targets.apprise[1].language) == (
        "zh",
        None,
        "en",
    )
    assert mail.events == ("failed", "on_hold", "resumed")
    assert chat.events == ("published", "failed", "waiting", "on_hold", "resumed")
    assert (hook.name, hook.events) == ("pipeline", ("published",))
    assert hook.url.get_secret_value().endswith(TOKEN)
    assert TOKEN not in repr(targets) + str(targets) + targets.model_dump_json()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o620])
def test_a_file_that_others_can_read_is_refused(targets_file: WriteTargets, mode: int) -> None:
    file = targets_file(GOOD)
    file.chmod(mode)
    with pytest.raises(TargetsUnusable, match=f"mode {mode:04o}.*chmod 600"):
        read_targets(file)


def test_a_file_of_another_user_is_refused(
    targets_file: WriteTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = targets_file(GOOD)
    if os.geteuid() == 0:  # root looks at the file of the daemon's user
        os.chown(file, 65_533, 65_533)
        read_targets(file)
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    with pytest.raises(TargetsUnusable, match="belongs to another user"):
        read_targets(file)


def test_a_link_a_folder_and_nothing_are_refused(targets_file: WriteTargets) -> None:
    file = targets_file(GOOD)
    link = file.with_name("link")
    link.symlink_to(file)
    for path in (link, file.parent, file.with_name("none")):
        with pytest.raises(TargetsUnusable):
            read_targets(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f'[[apprise]]\nname = "a"\nurl = "{TOKEN}', "line 3: not valid TOML"),
        (f'[[apprise]]\nurl = "mailto://{TOKEN}"', "apprise.1.name: Field required"),
        (f'[[apprise]]\nname = "a"\nurl = "x://{TOKEN}"\nevents = ["{TOKEN}"]', "apprise.1.events"),
        (f'[[apprise]]\nname = "a"\nurl = "x://{TOKEN}"\nkey = "{TOKEN}"', "apprise.1.key: Extra"),
        (f'[[webhook]]\nname = "a"\nurl = "ftp://{TOKEN}"\nsecret = "{TOKEN}"', "must be http"),
        (f'[[webhook]]\nname = "a"\nurl = "http://u:{TOKEN}@h/"\nsecret = "{TOKEN}"', "must be"),
        (f'[[webhook]]\nname = "a"\nurl = "http://h/{TOKEN}"\nsecret = "short"', "16 characters"),
        (f'[[apprise]]\nname = "a"\nurl = "a://{TOKEN}"\n' * 2, "two targets have the name a"),
        ("language = 'de'", "language"),
        ("[[apprise]]\nname = 3\nurl = 4", "apprise.1.name"),
        ("a = " + "[" * 500, "not valid TOML"),
    ],
)
def test_mistakes_are_told_without_the_secrets(
    targets_file: WriteTargets, text: str, problem: str
) -> None:
    with pytest.raises(TargetsUnusable) as caught:
        read_targets(targets_file(text))
    assert problem in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.value.__cause__)
    error = caught.value
    assert error.__context__ is None or error.__suppress_context__, (
        "a traceback would show the file's text"
    )


def test_all_mistakes_are_told_at_once(targets_file: WriteTargets) -> None:
    file = targets_file(
        '[[webhook]]\nname = "a"\nurl = "https://example.com"\nsecret = "short"\n'
        'events = ["publishd"]\n'
    )
    with pytest.raises(TargetsUnusable) as refused:
        read_targets(file)
    assert "webhook.1.secret: must have" in str(refused.value)
    assert "webhook.1.events.1: " in str(refused.value)
