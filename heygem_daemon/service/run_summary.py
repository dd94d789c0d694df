"""What became of the jobs of one run. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What became of the jobs of one ``run_once``."""

    published: int
    failed: int

    left: int
    """Jobs that were interrupted, or that wait for something in their environment."""

    hold: str | None
    """What the daemon itself waits for."""

    waiting_files: int = 0
    """Entries of the inbox that are not complete, or need a person."""

    def __str__(self) -> str:
        clauses = [
            f"{self.published} published",
            f"{self.failed} failed",
            f"{self.left} left waiting",
        ]
        if self.waiting_files:
            files = "file waits" if self.waiting_files == 1 else "files wait"
            clauses.append(f"{self.waiting_files} {files} in the inbox")
        text = ", ".join(clauses)
        return f"{text}: {self.hold}" if self.hold else text
