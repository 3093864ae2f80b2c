"""What parsers make of real output, and that a cut or foreign one is refused."""

from __future__ import annotations

import re
import subprocess

import pytest

from toolkit.catalogue import load
from toolkit.probes import Probe, registry
from toolkit.probes.wireguard import NEVER

PROBES = list(registry().values())
# Of these nothing in the output says where it ends: the collector's own border does.
OPEN_ENDED = ("sshd", "operating_system", "clock", "login_defaults")
EXAMPLES = {
    (control.audit.probe, text)
    for control in load().controls.values()
    if control.audit and control.examples
    for text in control.examples.passing
    if control.audit.probe not in OPEN_ENDED and text.count("\n") > 1
}


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_command_is_valid_posix_shell(probe: Probe) -> None:
    checked = subprocess.run(["sh", "-n"], input=probe.alone, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_command_only_reads(probe: Probe) -> None:
    words = r"(^|[\s;|&])(rm|mv|cp|tee|touch|mkdir|install|chmod|chown|kill|systemctl (start|stop|restart|enable))\s"
    assert not re.search(words, probe.alone)
    assert not re.search(r">\s*(?!/dev/null|&1)[/\w]", probe.alone), "writes to a file"


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_f019_command_asks_for_no_secret(probe: Probe) -> None:
    for secret in ("private-key", "preshared", "wg show all dump", " dump)", "showconf", "cat /etc/shadow"):
        assert secret not in probe.alone.lower().replace('"presharedkey" && $3 == "refused"', "")


@pytest.mark.parametrize(("name", "text"), sorted(EXAMPLES), ids=lambda value: str(value)[:20])
def test_an_output_that_lost_its_end_is_refused(name: str, text: str) -> None:
    lines = text.strip().splitlines()
    with pytest.raises(ValueError):  # noqa: PT011 — the reason differs
        registry()[name].parse("\n".join(lines[:-1]))


def parse(name: str, text: str) -> dict[str, object]:
    return registry()[name].parse(text)


def test_accounts_ages_count_people_with_a_password_only() -> None:
    facts = parse(
        "accounts",
        "today 20000\naccount:root:0:/bin/bash:y:10000:99999\naccount:a:1001:/bin/bash:y:19990:365\n"
        "account:b:1002:/bin/bash:locked:1:99999\naccount:c:1003:/bin/bash:y::-1\nend\n",
    )
    assert facts["humans"] == ["a", "b", "c"]
    assert facts["oldest_password"] == 20000  # c: never dated
    assert facts["longest_validity"] == 99999
    assert facts["root_password"] is True


def test_accounts_without_a_root_line_are_not_reassuring() -> None:
    assert parse("accounts", "today 1\naccount:a:1001:/bin/sh:y:1:9\nend\n")["root_password"] is True


def test_wireguard_ages() -> None:
    def answer(moment: int) -> str:
        return f"now 1000\nlatest-handshakes K= {moment}\nallowed-ips K= (none)\npersistent-keepalive K= off\nend\n"

    assert parse("wireguard", answer(900))["newest_handshake_age"] == 100
    assert parse("wireguard", answer(0))["newest_handshake_age"] == NEVER
    assert parse("wireguard", answer(900))["allowed"] == []
    assert parse("wireguard", answer(900))["keepalive"] == NEVER


def test_wireguard_without_peers_never_shook_hands() -> None:
    facts = parse("wireguard", "now 1000\nend\n")
    assert (facts["up"], facts["peers"], facts["newest_handshake_age"]) == (True, 0, NEVER)


def test_listening_leaves_the_loopback_out() -> None:
    facts = parse(
        "listening",
        "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\ntcp LISTEN 0 2 [::ffff:127.0.0.1]:3350 *:*\n"
        "tcp LISTEN 0 2 *:3389 *:*\nudp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\nudp UNCONN 0 0 [::]:5353 [::]:*\n"
        "udp UNCONN 0 0 192.0.2.1%eth0:68 0.0.0.0:*\nend\n",
    )
    assert facts == {"tcp": [22, 3389], "udp": [68, 5353]}


def test_pam_options_in_the_stack_win_over_the_files() -> None:
    facts = parse(
        "pam",
        "auth auth [success=1 default=ignore] pam_unix.so nullok\n"
        "password password requisite pam_pwquality.so retry=3 minlen=12\nquality minlen = 15 # long\nend\n",
    )
    assert facts["pam_pwquality.minlen"] == 12
    assert facts["pam_faillock.deny"] == 0
    assert facts["auth"] == ["pam_unix"]


ENCRYPTED = '{"name":"a","type":"crypt","mountpoints":["/"]}'


@pytest.mark.parametrize(
    ("devices", "root", "clear"),
    [
        (ENCRYPTED, True, []),
        ('{"name":"a","type":"part","mountpoints":["/"]}', False, ["/"]),
        (ENCRYPTED + ',{"name":"b","type":"part","mountpoints":["/home"]}', True, ["/home"]),
        (ENCRYPTED + ',{"name":"z","type":"disk","mountpoints":["[SWAP]"]}', True, ["[SWAP]"]),
        ('{"name":"a","type":"part","mountpoints":["/boot"]}', False, []),
        ("", False, []),
    ],
)
def test_block_devices_follow_mounts_down(devices: str, root: bool, clear: list[str]) -> None:
    facts = parse("block_devices", f'container none\n{{"blockdevices": [{devices}]}}')
    assert (facts["root"], facts["clear"]) == (root, clear)


def test_a_container_is_never_encrypted() -> None:
    facts = parse(
        "block_devices", 'container docker\n{"blockdevices": [{"name":"a","type":"crypt","mountpoints":["/"]}]}'
    )
    assert facts == {"container": "docker", "root": False, "clear": ["/"]}


def test_umask_that_is_not_written_is_the_system_s() -> None:
    assert parse("login_defaults", "PASS_MAX_DAYS 99999\nENCRYPT_METHOD YESCRYPT\n")["umask"] == "022"


def test_idle_time_is_understood_in_seconds_and_minutes_only() -> None:
    def idle(value: str) -> object:
        return parse("presence", f"logind.IdleActionSec={value}\nend\n")["idle_seconds"]

    assert (idle("600"), idle("10min"), idle("30s"), idle("1h 5min"), idle("")) == (600, 600, 30, 0, 0)
