"""After a whole run, what must never leave an endpoint is nowhere but there."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab
# Private keys made on endpoints, as one line of each that is secret; and the passphrase of the lab's disk image.
WIREGUARD = "cat /etc/wireguard/nomade.key"
RDP = "find /etc -name '*.pem' -o -name '*.key' | xargs grep -l 'PRIVATE KEY' | xargs -r sed -n 3p"
LUKS_MAGIC = b"LUKS\xba\xbe"


def output(lab: Lab, host: str, script: str) -> list[str]:
    done = lab.exec(host, ["sh", "-c", script])
    return [line for line in done.stdout.decode(errors="replace").splitlines() if len(line) > 20]


def hosts(lab: Lab, *kinds: str) -> list[str]:
    return [machine.name for machine in lab.plan().machines if machine.kind in kinds]


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def test_f022_no_private_key_of_an_endpoint_is_on_the_control_machine(site: Lab, artefacts: Path) -> None:
    secrets = [line for host in hosts(site, "laptop", "gateway") for line in output(site, host, WIREGUARD)]
    secrets += [line for host in hosts(site, "office_pc") for line in output(site, host, RDP)]
    assert len(secrets) >= 6, "one of each machine"
    kept = files(site.workspace.root) | files(artefacts)
    assert [str(path) for path, data in kept.items() for secret in secrets if secret.encode() in data] == []


def seen(lab: Lab, host: str, text: str) -> str:
    """Return where on the endpoint `text` is found: the journal, or a file that others or later tools may read."""
    script = """
    journalctl --no-pager > /run/nomade-journal
    grep -rlF -f - /run/nomade-journal /tmp /var/tmp /var/log /run/nomade /var/lib/nomade 2> /dev/null
    rm /run/nomade-journal
    """
    return lab.exec(host, ["sh", "-c", script], stdin=text.encode()).stdout.decode()


def test_f019_no_endpoint_logs_a_private_key(site: Lab) -> None:
    for host in hosts(site, "laptop", "gateway"):
        assert seen(site, host, "Started"), "the search finds what is there"
        (secret,) = output(site, host, WIREGUARD)
        assert seen(site, host, secret) == ""


def test_f027_no_copy_of_a_disk_header_is_left_behind(site: Lab) -> None:
    assert [str(path) for path, data in files(site.workspace.root).items() if LUKS_MAGIC in data[:4096]] == []
    search = "grep -rlaP '^LUKS\\xba\\xbe' /root /home /tmp /var/tmp /var/lib/nomade /etc /run 2> /dev/null || true"
    for host in hosts(site, "laptop"):
        planted = r"printf 'LUKS\272\276' > /root/planted"
        site.exec(host, ["sh", "-c", planted])
        assert site.exec(host, ["env", "LC_ALL=C", "sh", "-c", search]).stdout == b"/root/planted\n"
        site.exec(host, ["rm", "/root/planted"])
        assert site.exec(host, ["env", "LC_ALL=C", "sh", "-c", search]).stdout == b""
