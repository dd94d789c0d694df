"""The service under a systemd that really boots: from the installation to its removal.

The tests are one story and run in their order; each takes up what the one before left.
"""

import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.systemd.conftest import LONG_SECONDS
from tests.systemd.container import PYTHON, SOURCE, Container
from tests.systemd.service import CONFIG, CURRENT, SPOOL, UNIT, ServiceUnderTest

pytestmark = pytest.mark.slow

OPTIONS = ("--system-packages",)
NEWER = "/usr/src/newer"
BROKEN = "/usr/src/broken"
STATE = "/var/lib/heygem-daemon"
TARGETS = "/etc/heygem-daemon/targets.toml"
USUAL_PORT, METRICS_PORT, WEBHOOK_PORT = 9877, 9900, 9878
WEBHOOK = f"""
[[webhook]]
name = "program"
url = "http://127.0.0.1:{WEBHOOK_PORT}/webhook"
secret = "sixteen characters"
events = ["published"]
[[apprise]]
name = "people"
url = "json://127.0.0.1:{WEBHOOK_PORT}/apprise"
events = ["published"]
"""
LISTENER = f"""
from http.server import *
from pathlib import Path
class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Path("/tmp/heard" + self.path.rstrip("/").replace("/", "-")).write_bytes(body)
        self.send_response(204)
        self.end_headers()
HTTPServer(("127.0.0.1", {WEBHOOK_PORT}), Answer).serve_forever()
"""
"""A program that writes the body of each request to a file."""


@pytest.fixture(scope="module")
def before(box: Container) -> set[str]:
    """What differed from this machine before the installation."""
    return box.written()


@pytest.fixture(scope="module", autouse=True)
def installed(before: set[str], service: ServiceUnderTest) -> str:
    """Install as the documents say, and make the daemon quick. Returns what install.sh said."""
    service.box.shell("mkdir -p /etc/samba && echo '[global]' > /etc/samba/smb.conf")
    said = service.install(*OPTIONS, "--spool", SPOOL)
    service.configure(settle_seconds="0.3", scan_seconds="0.2", chunk_seconds="1.0")
    service.systemctl("restart")
    return said


def copy_of_the_checkout(box: Container, target: str, edit: str) -> None:
    """Copy the checkout within the container and change the copy by a script of sh."""
    parts = "heygem_daemon weights systemd docs tools *.md *.toml *.txt *.py LICENSE NOTICE"
    box.shell(f"mkdir {target}; cd {SOURCE}; cp -r {parts} {target}; cd {target}; {edit}")


def test_it_is_installed_enabled_and_ready(installed: str, service: ServiceUnderTest) -> None:
    assert service.shows("ActiveState") == "active"
    assert service.shows("UnitFileState") == "enabled"
    assert service.shows("User") == "heygem"
    assert service.box.run("stat", "-c", "%U %a", f"{SPOOL}/inbox").split()[0] == "heygem"
    assert "is installed" in installed
    assert f"next: put a sound and a video of the same name into {SPOOL}/inbox" in installed
    assert "include = /etc/samba/heygem-daemon.conf" in installed
    assert service.box.run("cat", "/etc/samba/smb.conf") == "[global]\n"
    assert f"path = {SPOOL}/outbox" in service.box.run("cat", "/etc/samba/heygem-daemon.conf")


def test_the_command_is_on_the_path_and_the_doctor_of_its_user_content(
    service: ServiceUnderTest,
) -> None:
    # Fails with exit status 1 if a check fails.
    said = service.box.run("runuser", "-u", "heygem", "--", "heygem-daemon", "doctor", "--quick")
    assert "/site-packages/heygem_daemon/weights are as released" in said
    assert re.search("Fit: 0 failed", said)


def test_a_second_installation_changes_nothing(service: ServiceUnderTest) -> None:
    pid, config = service.main_pid(), service.box.run("cat", CONFIG)
    assert "nothing to do" in service.install(*OPTIONS)
    assert (service.main_pid(), service.box.run("cat", CONFIG)) == (pid, config)


def warnings(box: Container) -> list[str]:
    """What `config check` warns of."""
    said = box.run("heygem-daemon", "config", "check")
    return re.findall("^warning: .*", said, re.MULTILINE)


def metrics(box: Container, port: int = METRICS_PORT) -> str:
    """What Prometheus would read; nothing where nobody listens."""
    code = f"from urllib.request import *; print(urlopen('http://127.0.0.1:{port}').read())"
    done = box.attempt(PYTHON, "-c", code)
    return done.stdout.decode() if done.returncode == 0 else ""


def test_systemd_opens_the_port_of_the_metrics_for_a_daemon_without_a_network(
    service: ServiceUnderTest,
) -> None:
    box = service.box
    for port in (USUAL_PORT, METRICS_PORT):
        service.configure(metrics_port=str(port))
        (warning,) = warnings(box)
        assert warning.startswith("warning: metrics_port: the unit keeps the daemon from")
        box.shell(warning.partition("run as root: ")[2])
        assert warnings(box) == []
        assert "heygem_" in metrics(box, port)
    assert metrics(box, USUAL_PORT) == ""
    assert service.shows("PrivateNetwork") == "yes"
    assert service.shows("RestrictAddressFamilies") == "AF_UNIX"
    assert "no metrics on port" not in service.journal()


def test_a_question_for_metrics_starts_no_daemon_that_was_stopped(
    service: ServiceUnderTest,
) -> None:
    service.systemctl("stop")
    assert metrics(service.box) == ""
    assert service.shows("ActiveState") == "inactive"
    service.systemctl("start")
    assert "heygem_" in metrics(service.box)


def test_a_unit_of_their_own_has_the_network_that_notifications_need(
    service: ServiceUnderTest,
) -> None:
    box = service.box
    box.run("tee", TARGETS, given=WEBHOOK.encode())
    box.shell(f"chown heygem {TARGETS}; chmod 600 {TARGETS}")
    service.configure(notifications=f'"{TARGETS}"')
    (warning,) = warnings(box)
    assert warning.startswith("warning: notifications: the unit denies the daemon the network")
    box.shell(f"{PYTHON} -c {shlex.quote(LISTENER)} > /dev/null 2>&1 &")
    box.shell(warning.partition("run as root: ")[2])
    assert warnings(box) == []
    assert box.run("stat", "-c", "%U %a", "/run/heygem-daemon-notify.sock") == "heygem 600\n"


def test_a_dropped_pair_can_be_collected(service: ServiceUnderTest) -> None:
    service.drop("first")
    assert service.report("first")["output"]["frames"] == 25
    found = service.box.run("heygem-daemon", "verify", f"{SPOOL}/outbox/first.mp4")
    assert "synthetic" in found
    assert "confined: no access to other files" in service.journal()


def test_a_webhook_has_heard_of_it(service: ServiceUnderTest) -> None:
    heard = "cat /tmp/heard-webhook 2>/dev/null || true"
    service.wait(lambda: service.box.shell(heard), "the webhook hears nothing")
    message = json.loads(service.box.shell(heard))
    assert (message["kind"], message["job"]) == ("published", "first")
    assert service.shows("PrivateNetwork") == "yes"


@pytest.mark.skipif(find_spec("apprise") is None, reason="apprise is not installed here")
def test_a_service_of_apprise_has_heard_of_it(service: ServiceUnderTest) -> None:
    heard = "cat /tmp/heard-apprise 2>/dev/null || true"
    service.wait(lambda: service.box.shell(heard), "the service of Apprise hears nothing")
    assert "first" in json.loads(service.box.shell(heard))["title"]


def test_the_process_that_tells_it_runs_in_its_own_unit_and_sees_no_spool(
    service: ServiceUnderTest,
) -> None:
    (pid,) = service.box.run("pgrep", "--full", "heygem_daemon.notify.deliverer").split()
    assert "heygem-daemon-notify@" in service.box.run("cat", f"/proc/{pid}/cgroup")
    look = f'test -e {TARGETS} && test ! -e {SPOOL} && test -z "$(ls -A {STATE})"'
    service.box.run("nsenter", "--target", pid, "--mount", "--root", "sh", "-c", look)


def test_a_reload_takes_a_new_setting_and_interrupts_nothing(service: ServiceUnderTest) -> None:
    pid = service.main_pid()
    service.configure(lone_file_minutes="7.0")
    service.systemctl("reload")
    service.wait(lambda: "lone_file_minutes" in service.journal(), "the change is not logged")
    assert service.main_pid() == pid


def test_a_wrong_configuration_makes_the_reload_fail_and_changes_nothing(
    service: ServiceUnderTest,
) -> None:
    pid = service.main_pid()
    service.configure(scan_seconds="-1", crf='"best"')
    done = service.box.attempt("systemctl", "reload", UNIT)
    assert done.returncode != 0
    assert "crf" in service.journal()
    assert "scan_seconds" in service.journal()
    assert (service.main_pid(), service.shows("ActiveState")) == (pid, "active")


def test_a_start_with_it_fails_once_and_says_why(service: ServiceUnderTest) -> None:
    done = service.box.attempt("systemctl", "restart", UNIT)
    assert done.returncode != 0
    assert service.shows("ExecMainStatus") == "2"
    assert service.shows("ActiveState") == "failed"
    service.configure(scan_seconds="0.2", crf="18")
    service.systemctl("start")


def test_a_missing_drop_in_is_named_and_the_command_that_is_shown_mends_it(
    service: ServiceUnderTest,
) -> None:
    service.box.shell(f"rm /etc/systemd/system/{UNIT}.d/spool.conf; systemctl daemon-reload")
    (warning,) = (each for each in warnings(service.box) if each.startswith("warning: spool: "))
    assert "ProtectSystem= lets the service only read there" in warning
    earlier = len(service.journal())
    service.systemctl("restart")
    held = "a drop-in mends it: [Service] ReadWritePaths=-/srv/heygem"
    service.wait(lambda: held in service.shows("StatusText"), "the status does not say it")
    said = service.journal()[earlier:]
    assert "mounted read-only" not in said
    assert service.shows("ActiveState") == "active"
    (remedy,) = re.findall(r"fail sandbox: .* -> Run as root: (.*)", said)
    assert warning.endswith(f"run as root: {remedy}")
    service.box.shell(remedy)
    service.wait(lambda: "idle" in service.shows("StatusText"), "the remedy does not mend it")


def test_a_killed_worker_costs_no_job(service: ServiceUnderTest) -> None:
    service.drop("killed", "long")
    service.wait(service.chunks_done, "no chunk is drawn")
    restarts, worker = service.shows("NRestarts"), service.worker_pid()
    service.box.run("kill", "-9", str(worker))
    service.wait(lambda: service.worker_pid() not in (0, worker), "no other worker starts")
    assert service.shows("NRestarts") == restarts
    assert service.failed() == []


def test_a_killed_daemon_comes_back_and_goes_on_with_its_job(service: ServiceUnderTest) -> None:
    # In force from its next start on, which is soon.
    service.box.shell(
        f"printf '[Service]\\nRestartSec=0.5\\nWatchdogSec=4\\nTimeoutAbortSec=1\\n'"
        f" > /etc/systemd/system/{UNIT}.d/test.conf; systemctl daemon-reload"
    )
    service.wait(lambda: service.chunks_done() >= 2, "no chunk is drawn")
    service.box.run("kill", "-9", str(service.main_pid()))
    report = service.report("killed")
    assert report["chunks"]["resumed"] >= 2
    assert int(service.shows("NRestarts")) >= 1


def test_a_hung_daemon_is_ended_by_the_watchdog(service: ServiceUnderTest) -> None:
    service.wait_until_active()
    pid, restarts = service.main_pid(), int(service.shows("NRestarts"))
    service.box.run("kill", "-STOP", str(pid))
    service.wait(lambda: int(service.shows("NRestarts")) > restarts, "the watchdog does nothing")
    service.wait_until_active()
    assert service.main_pid() not in (0, pid)
    assert "Watchdog timeout" in service.journal()
    assert "heygem_" in metrics(service.box)


def test_a_stop_in_mid_job_is_clean_and_the_job_goes_on(service: ServiceUnderTest) -> None:
    service.drop("stopped", "long")
    service.wait(lambda: service.chunks_done() >= 2, "no chunk is drawn")
    service.systemctl("stop")
    assert (service.shows("Result"), service.shows("ActiveState")) == ("success", "inactive")
    assert service.box.run("pgrep", "--full", "heygem_daemon", check=False) == ""
    done = service.chunks_done()
    assert done >= 2
    service.systemctl("start")
    assert service.report("stopped")["chunks"]["resumed"] == done


def test_an_upgrade_keeps_the_configuration_and_shows_new_settings(
    service: ServiceUnderTest,
) -> None:
    copy_of_the_checkout(
        service.box, NEWER,
        "sed -i 's/^__version__ = .*/__version__ = \"9.0.0\"/' heygem_daemon/__init__.py;"
        "printf '# A new one.\\nnew_setting = 1\\n' >> config.toml",
    )  # fmt: skip
    config = service.box.run("cat", CONFIG)
    said = service.install(*OPTIONS, "--upgrade", source=NEWER)
    assert "new setting: new_setting = 1" in said
    assert service.box.run("cat", CONFIG) == config
    assert "9.0.0" in service.box.run("heygem-daemon", "version")


def test_the_version_before_can_be_put_back(service: ServiceUnderTest) -> None:
    service.install("--rollback")
    assert "9.0.0" not in service.box.run("heygem-daemon", "version")
    # It works: the next test begins with a job that it draws.
    text = service.box.run("cat", f"{SPOOL}/.state/status.json")
    assert json.loads(text)["version"] not in ("9.0.0", "")


def test_an_upgrade_during_a_job_loses_nothing(service: ServiceUnderTest) -> None:
    service.drop("upgraded", "long")
    service.wait(service.chunks_done, "the version before draws no chunk")
    # The worker rests until the service is stopped, so that its job cannot be done before.
    worker, state = service.worker_pid(), f"systemctl show {UNIT} --property=ActiveState"
    service.box.shell(
        f"kill -STOP {worker}; (until {state} | grep -q deactivating; do sleep 0.1; done;"
        f" kill -CONT {worker}) > /dev/null 2>&1 &"
    )
    service.install(*OPTIONS, "--upgrade", source=NEWER)
    report = service.report("upgraded")
    # The new version rendered it, because of another version's chunks it uses none.
    assert report["versions"]["heygem_daemon"] == "9.0.0"
    assert report["chunks"]["drawn"] == LONG_SECONDS
    assert service.failed() == []


def test_a_version_that_refuses_the_configuration_is_not_taken(service: ServiceUnderTest) -> None:
    pid = service.main_pid()
    service.box.run("sed", "-i", "1i gone_by_now = 1", CONFIG)
    said = service.install_fails(*OPTIONS, "--upgrade")
    assert 'unknown key "gone_by_now"' in said
    assert service.main_pid() == pid
    service.box.run("sed", "-i", "1d", CONFIG)


def test_a_version_that_does_not_start_is_taken_back(service: ServiceUnderTest) -> None:
    copy_of_the_checkout(
        service.box, BROKEN,
        "sed -i 's/^__version__ = .*/__version__ = \"10.0.0\"/' heygem_daemon/__init__.py;"
        "sed -i 's/^    settings = source.load()$/    raise SystemExit(1)/'"
        " heygem_daemon/cli/daemon.py",
    )  # fmt: skip
    said = service.install_fails(*OPTIONS, "--upgrade", source=BROKEN)
    assert "this version does not start; 9.0.0" in said
    service.wait_until_active()
    assert "9.0.0" in service.box.run("readlink", CURRENT)


def test_an_administrators_changes_survive_an_upgrade(service: ServiceUnderTest) -> None:
    unit = f"/etc/systemd/system/{UNIT}"
    service.box.run("sed", "-i", "s/^Description=.*/Description=ours/", unit)
    said = service.install(*OPTIONS, "--upgrade", source=NEWER)
    assert f"{unit} was changed here and stays" in said
    assert "Description=ours" in service.box.run("cat", unit)


def test_an_uninstallation_keeps_what_belongs_to_users(service: ServiceUnderTest) -> None:
    service.box.shell(
        f"cd /etc/systemd/system; rm {UNIT}.d/test.conf; rm -r heygem-daemon-metrics.socket.d"
    )
    share = f"{CURRENT}/share/heygem-daemon"
    said = service.box.run("bash", f"{share}/systemd/install.sh", "--uninstall")
    assert f"these stay: {SPOOL}" in said
    service.box.run("test", "-e", f"{SPOOL}/outbox/first.mp4")
    service.box.run("test", "-e", CONFIG)
    assert service.shows("LoadState") == "not-found"


def test_a_purge_leaves_nothing(before: set[str], service: ServiceUnderTest) -> None:
    service.install(*OPTIONS)
    # As the commands of `config check` write them.
    service.box.shell(f"cd /etc/systemd/system/{UNIT}.d; touch network.conf log-folder.conf")
    service.install("--uninstall", "--purge")
    service.box.shell(f"rm -r {NEWER} {BROKEN}")
    left = {path for path in service.box.written() - before if not Path(path).is_dir()}
    # Other accounts are in these files, and the tools that change them leave copies.
    accounts = r"/etc/((g?shadow|group|passwd|subuid|subgid)-?|\.pwd\.lock)"
    other = rf"{accounts}|/etc/samba/smb.conf|/var/log/journal/.*|/tmp/.*"
    assert {path for path in left if not re.fullmatch(other, path)} == set()
    assert service.box.run("getent", "passwd", "heygem", check=False) == ""
