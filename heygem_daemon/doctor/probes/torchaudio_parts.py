"""``python -m heygem_daemon.doctor.probes.torchaudio_parts``: the parts that we use, tried."""

from heygem_daemon.doctor.answers import Library, tell
from heygem_daemon.speech.torchaudio_pure import functional


def main() -> None:
    """Entry point."""
    functional().melscale_fbanks(201, 0.0, 8000.0, 80, 16000)
    import torchaudio  # noqa: PLC0415 - possible only now, without its compiled extension

    tell(Library(torchaudio.__version__))


if __name__ == "__main__":
    main()
