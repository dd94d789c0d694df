"""The link's process says why it ended, as far as a user needs it."""

import sys

from heygem_daemon.cluster.link_process import LinkEnded, LinkProcess
from heygem_daemon.cluster.messages import FromLink
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings

DYING = r"""
import sys
sys.stderr.write('''[2026-11-30 07:06:12,830 C 4845 4900] gcs_client.cc:179: The head is gone.
*** StackTrace Information ***
/opt/ray/_raylet.so(+0x16e1c8a) [0x7f455a6e1c8a] ray::operator<<()
/lib/x86_64-linux-gnu/libc.so.6(+0x1098ec) [0x7f455d9278ec]
''')
sys.exit(1)
"""


def test_the_trace_of_a_library_is_not_the_reason() -> None:
    said: list[FromLink | LinkEnded] = []
    link = LinkProcess(link_setup(Settings()), said.append, (sys.executable, "-c", DYING))
    link._thread.join(60)
    link.close()
    assert said == [LinkEnded("its process ended with status 1: The head is gone.")]
