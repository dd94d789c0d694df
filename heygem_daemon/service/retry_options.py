"""Finds the options that come with a retry, and says why they do not count."""

from collections.abc import Sequence
from pathlib import Path

from heygem_daemon.service.claims import Claims
from heygem_daemon.service.decisions import MOVED
from heygem_daemon.service.ended_requests import NOT_READ_YET, EndedRequests
from heygem_daemon.service.open_requests import OpenRequest
from heygem_daemon.service.sidecar_cache import ReadSidecar
from heygem_daemon.service.targets import Target
from heygem_daemon.spool.names import fold, pair_key
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.requests import Request, full_name


class RetryOptions:
    """Looks at the options in the file of a retry, and at a sidecar beside it."""

    def __init__(self, claims: Claims, ended: EndedRequests, read_sidecar: ReadSidecar) -> None:
        self._claims = claims
        self._ended = ended
        self._read_sidecar = read_sidecar

    def find(self, asked: OpenRequest, found: Sequence[Target]) -> Path | None:
        """Return the file with the new options; None: there is none. ``found``: what has not ended
        of the request's name."""
        return asked.found.options or self._sidecar_beside(asked.found.request, found)

    def find_hindrance(self, asked: OpenRequest) -> str | None:
        """Return why the options in a retry do not count, as a sentence without its full stop;
        empty: that is not known yet; None: they do. Raises OSError."""
        if (wrong := self._find_mistake(asked)) is not None:
            return wrong
        return self._find_doubt(asked.found)

    def _find_doubt(self, found: RequestFile) -> str | None:
        """Return why the options in a file do not count, as far as is known; None: they do. A file
        in done/ keeps its owner, and whoever may write there can move it. Raises OSError."""
        if found.options is None or found.is_command:
            return None
        if not self._ended.is_complete:
            return NOT_READ_YET
        return MOVED if self._ended.is_of_ended(found.options) else None

    def _find_mistake(self, asked: OpenRequest) -> str | None:
        """Return what is wrong with the options in a retry, which keeps it until its file is
        corrected; empty: that is not known yet; None: nothing. In the inbox its file would get the
        name of a sidecar, which nobody wrote."""
        options = asked.found.options
        if options is None or asked.found.is_command:
            return None
        asked.options = asked.options or self._read_sidecar(options)
        if asked.options is None:
            return ""
        problem = f"{asked.options.refusal} {asked.options.remedy}".strip().removesuffix(".")
        return problem or None

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
