"""Reads the file with the targets of notifications. No message repeats the secrets in it."""

import os
import re
import stat
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from heygem_daemon.errors import ConfigurationError
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.notify.occasion import OccasionKind
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_toml, read_regular

LIMITS = TextLimits(256 << 10)
MAX_TARGETS = 50
MIN_SECRET_CHARACTERS = 16

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]


class TargetsUnusable(ConfigurationError):
    """The file of targets cannot be used. The message repeats nothing of what is in it."""


class _Target(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    """What log and metrics call it."""

    url: SecretStr
    events: tuple[OccasionKind, ...] = get_args(OccasionKind)
    """What it is told of; by default everything."""


class AppriseTarget(_Target):
    """A service that Apprise reaches: ``mailto://…``, ``slack://…``, ``dingtalk://…``."""

    language: LanguageSetting | None = None
    """None: that of the file."""


class WebhookTarget(_Target):
    """A program that gets signed JSON over HTTP."""

    secret: SecretStr

    @field_validator("url", mode="after")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        if re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url.get_secret_value()):
            return url
        raise ValueError("must be http:// or https://, without a user")

    @field_validator("secret", mode="after")
    @classmethod
    def _check_secret(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) >= MIN_SECRET_CHARACTERS:
            return secret
        raise ValueError(f"must have {MIN_SECRET_CHARACTERS} characters or more")


class Targets(BaseModel):
    """All of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    language: LanguageSetting | None = None
    """None: that of the settings."""

    apprise: tuple[AppriseTarget, ...] = Field(default=(), max_length=MAX_TARGETS)
    webhook: tuple[WebhookTarget, ...] = Field(default=(), max_length=MAX_TARGETS)

    @property
    def all(self) -> tuple[AppriseTarget | WebhookTarget, ...]:
        """All targets."""
        return (*self.apprise, *self.webhook)


def read_targets(path: Path) -> Targets:
    """Read the file. Raises TargetsUnusable; also where others than its owner can read it."""
    try:
        content = read_regular(path, LIMITS.max_bytes + 1)
    except UnreadableText as error:
        raise TargetsUnusable(f"{path}: {error}") from None
    except OSError as error:
        raise TargetsUnusable(f"{path} cannot be read: {error.strerror}") from None
    mode = stat.S_IMODE(content.status.st_mode)
    if mode & 0o077:
        raise TargetsUnusable(f"others can read {path} (mode {mode:04o}): chmod 600 {path}")
    if os.geteuid() not in (content.status.st_uid, 0) and content.status.st_uid != 0:
        raise TargetsUnusable(f"{path} belongs to another user: chown it to the daemon's user")
    try:
        targets = Targets.model_validate(parse_toml(content.text, LIMITS))
    except UnreadableText as error:
        # The parser's words may quote the text.
        line = f", line {error.line}" if error.line else ""
        raise TargetsUnusable(f"{path}{line}: not valid TOML") from None
    except ValidationError as error:
        raise TargetsUnusable(f"{path}: {_describe(error)}") from None
    names = [each.name for each in targets.all]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise TargetsUnusable(f"{path}: two targets have the name {twice}")
    return targets


def _describe(error: ValidationError) -> str:
    """Return the place and the kind of each mistake, without its value."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(map(_describe_one, found))


def _describe_one(mistake: ErrorDetails) -> str:
    place = ".".join(str(each + 1 if isinstance(each, int) else each) for each in mistake["loc"])
    return f"{place}: {mistake['msg'].removeprefix('Value error, ')}"
