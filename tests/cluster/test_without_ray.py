"""Without the extra, nothing of Ray is imported, and a daemon that is to use it says what lacks."""

import subprocess
import sys

from heygem_daemon.cluster.link_process import LinkEnded, LinkProcess
from heygem_daemon.cluster.messages import FromLink
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings

BLOCKED = "import sys; sys.modules['ray'] = None; "


def test_no_module_of_the_daemon_imports_ray() -> None:
    code = (
        "import sys, heygem_daemon.cli.app, heygem_daemon.cluster.link; print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_link_without_ray_says_what_installs_it() -> None:
    said: list[FromLink | LinkEnded] = []
    code = BLOCKED + "from heygem_daemon.cluster.link import main; main()"
    link = LinkProcess(link_setup(Settings()), said.append, (sys.executable, "-c", code))
    link._thread.join(60)
    link.close()
    (end,) = (each for each in said if isinstance(each, LinkEnded))
    assert "ended with status 1: Ray is not installed" in end.reason
    assert "cluster" in end.reason
