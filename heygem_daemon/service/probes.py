"""The child processes that look at what is dropped: the media probe and the sidecar reader."""

from collections.abc import Callable
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.service.contents import ContentProbe
from heygem_daemon.service.prober import Prober, probe_command
from heygem_daemon.service.sidecar_prober import SidecarProber


class Probes:
    """Both of them. ``on_answer`` is called from another thread when a scan is worthwhile."""

    def __init__(self, settings: Settings, inbox: Path, on_answer: Callable[[], None]) -> None:
        """``inbox``: the plain inbox of the spool."""
        self.media = Prober(
            probe_command(settings.media_limits),
            on_answer=on_answer,
            inbox=inbox,
            confine=settings.confine == "auto",
        )
        self.sidecars = SidecarProber(on_answer=on_answer, inbox=inbox)
        self.contents = ContentProbe(
            self.media.examine, self.media.take_contents, self.media.prefer, self.media.hurry
        )
        self._count_by_folder(settings)

    def follow(self, settings: Settings) -> None:
        """Follow changed settings, with the children that start from now on."""
        self.media.follow(probe_command(settings.media_limits))
        self._count_by_folder(settings)

    def _count_by_folder(self, settings: Settings) -> None:
        self.media.count_by_folder(settings.folders)
        self.sidecars.count_by_folder(settings.folders)

    def advance(self) -> None:
        """Take the answers of the children that have ended, and start the next ones."""
        self.media.advance()
        self.sidecars.advance()

    def close(self) -> None:
        """Kill the children."""
        self.media.close()
        self.sidecars.close()
