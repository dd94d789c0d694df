"""Finds the options that come with a retry, and says why they do not count."""

from collections.abc import Sequence
from pathlib import Path

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.decisions import MOVED_OPTIONS
from heygem_daemon.service.ended_requests import EndedRequests
from heygem_daemon.service.open_requests import OpenRequest
from heygem_daemon.service.sidecar_cache import ReadSidecar
from heygem_daemon.service.targets import Target
from heygem_daemon.spool.names import fold, pair_key
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.requests import Request, full_name
from heygem_daemon.system import paths


class RetryOptions:
    """Looks at the options in the file of a retry, and at a sidecar beside it."""

    def __init__(self, claims: Claims, ended: EndedRequests, read_sidecar: ReadSidecar) -> None:
        self._claims = claims
        self._ended = ended
        self._read_sidecar = read_sidecar

    def find(self, asked: OpenRequest, found: Sequence[Target]) -> NewOptions | str | None:
        """Return the new options; None: there are none; or why they do not count, as a sentence
        without its full stop, empty where that is not known yet. ``found``: what has not ended of
        the request's name. Raises OSError."""
        path = asked.found.options or self._sidecar_beside(asked.found.request, found)
        if path is None:
            return None
        if path != asked.found.options and self._ended.is_of_ended(path):
            return MOVED_OPTIONS
        answer = self._read(asked, path)
        if answer is None:
            return ""
        if answer.refusal:
            return f"{answer.refusal} {answer.remedy}".strip().removesuffix(".")
        return NewOptions(path, answer.options)

    def _read(self, asked: OpenRequest, path: Path) -> SidecarAnswer | None:
        """Return what the file with the options says; None: that is not known yet. In the inbox its
        file gets the name of a sidecar, which nobody wrote: so its mistakes are shown before."""
        version = FileVersion.of(paths.lstat(path))
        if asked.options is None or asked.options.version != version:
            asked.options = self._read_sidecar(path)
        return asked.options

    def _sidecar_beside(self, request: Request, found: Sequence[Target]) -> Path | None:
        """Return the sidecar of the request's owner that lies beside it and belongs to no pair;
        None: there is none."""
        if any(each.stage in ("arriving", "complete") for each in found):
            return None
        if request.folder is None or request.folder not in self._claims.snapshots:
            return None
        for entry in self._claims.snapshots[request.folder].sidecars:
            key = full_name(fold(request.folder), pair_key(entry.path.name))
            if key in request.keys and entry.owner == request.owner:
                return entry.path
        return None
