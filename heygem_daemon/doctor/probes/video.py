"""``python -m heygem_daemon.doctor.probes.video``: PyAV, and the encoders and decoders that work.

With ``software`` what every job needs; with ``hardware`` the GPU's, which may hang.
"""

import sys

import av

from heygem_daemon.doctor.answers import Library, VideoHardware, tell
from heygem_daemon.media import hardware


def main() -> None:
    """Entry point."""
    if sys.argv[1] == "hardware":
        tell(VideoHardware(hardware.trouble_of_encoder(), hardware.trouble_of_decoder()))
        return
    if (trouble := hardware.trouble_of_software()) is not None:
        sys.exit(trouble)
    tell(Library(av.__version__))


if __name__ == "__main__":
    main()
