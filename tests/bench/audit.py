"""`nomade audit` of 50 endpoints on loopback sshd: against plain ssh with the same script, and `ansible -m setup`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests import sshd
from tests.bench import Row, compare
from tests.fleet import sample
from toolkit import audit, catalogue, collect, reach
from toolkit.enroll import management_public_key
from toolkit.errors import ExitCode
from toolkit.evaluate import probes_for
from toolkit.finding import EndpointStatus
from toolkit.fleet import load, load_config
from toolkit.fleet.addresses import load as load_addresses
from toolkit.store import open_store
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace

ENDPOINTS = 50
PARALLEL = 16
GOAL_SSH = 2.0
GOAL_SETUP = 1 / 5
_ROUNDS = 2
_PER_SERVER = 16  # addresses that one sshd listens on at most (MAX_LISTEN_SOCKS in OpenSSH's sshd.c)
_ACCOUNT = "nomade"

_FLEET = """\
commune: {{id: banc, name: Banc, insee: "99998"}}
gateway:
  name: banc-passerelle
  os: debian-12
  management: {{address: 127.0.1.1, port: {port}}}
  public: {{address: 203.0.113.21}}
  tunnel_network: 10.77.0.0/20
  office: {{network: 10.99.0.0/16, address: 10.99.0.1}}
laptops:
"""
_LAPTOP = "  - {{name: banc-portable-{n}, os: debian-12, management: {{address: 127.0.1.{n}, port: {port}}}}}\n"


def _workspace(folder: Path, port: int) -> Workspace:
    laptops = "".join(_LAPTOP.format(n=n, port=port) for n in range(2, ENDPOINTS + 1))
    return sample.workspace(folder, banc=_FLEET.format(port=port) + laptops)


@contextlib.contextmanager
def _servers(workspace: Workspace, folder: Path, port: int) -> Iterator[None]:
    """Let every endpoint's address answer, with one host key pinned under each name."""
    public = management_public_key(workspace)
    with contextlib.ExitStack() as stack:
        for first in range(1, ENDPOINTS + 1, _PER_SERVER - 1):
            numbers = range(first, min(first + _PER_SERVER - 1, ENDPOINTS + 1))
            listen = "\n".join(f"ListenAddress 127.0.1.{n}:{port}" for n in numbers)
            own = port if first == 1 else None  # each also listens on 127.0.0.1, to be waited for
            (folder / "s").mkdir(exist_ok=True)
            server = stack.enter_context(sshd.running(folder / "s", listen, own, account=_ACCOUNT))
            (folder / "s" / "authorized_keys").write_text(f"{public}\n")
        names = [endpoint.name for endpoint in load(workspace, "banc").endpoints]
        server.pin(*names)
        workspace.commune("banc").known_hosts.write_bytes((folder / "s" / "known_hosts").read_bytes())
        yield


def _script(workspace: Workspace) -> str:
    """Return the collector that the audit sends to a laptop: the same probes, in the same frame."""
    config, fleet, known = load_config(workspace), load(workspace, "banc"), catalogue.load()
    tunnel = load_addresses(workspace.commune("banc").addresses, fleet).tunnel
    laptop = fleet.endpoint("banc-portable-2")
    subject = audit.subject_of(config, fleet, known, config.profile, laptop, tunnel)
    return collect.build_script(probes_for(known, config.profile, subject), collect.new_nonce())


def _warm_up(workspace: Workspace, collector: Path) -> None:
    """Let apt make its cache once, as it did on every machine that ever updated its lists."""
    first = next(iter(reach.routes(workspace, load(workspace, "banc")).values()))
    with SshTransport() as transport:
        transport.run(first, collector.read_text(), timeout=120, limit=10_000_000)


def _ours(workspace: Workspace) -> float:
    command = [str(Path(sys.executable).with_name("nomade")), "audit", "-c", "banc", "--parallel", str(PARALLEL)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    assert done.returncode in (ExitCode.OK, ExitCode.NOT_COMPLIANT), done.stderr.decode()
    return seconds


def _check_ours(workspace: Workspace) -> None:
    """A fast audit that asked nobody would be worth nothing."""
    store = open_store(workspace.store_url)
    try:
        last = store.latest("banc")
    finally:
        store.close()
    assert last is not None
    assert [part.status for part in last.endpoints] == [EndpointStatus.COLLECTED] * ENDPOINTS


def _peer_ssh(workspace: Workspace, collector: Path) -> float:
    ways = reach.routes(workspace, load(workspace, "banc"))
    lines = "".join(f"{way.alias} {way.address} {way.port}\n" for way in ways.values())
    # $0 is the collector, $1 to $3 one line of the list.
    each = (
        f"exec ssh -F none -i {workspace.management_key} -o IdentitiesOnly=yes -o BatchMode=yes"
        f" -o UserKnownHostsFile={workspace.commune('banc').known_hosts} -o GlobalKnownHostsFile=/dev/null"
        f' -o HostKeyAlias="$1" -p "$3" {_ACCOUNT}@"$2" sudo -n sh < "$0"'
    )
    command = ["xargs", f"-P{PARALLEL}", "-L1", "sh", "-c", each, str(collector)]
    start = time.perf_counter()
    done = subprocess.run(command, input=lines.encode(), capture_output=True, check=True)
    seconds = time.perf_counter() - start
    assert done.stdout.count(b" end ") >= ENDPOINTS
    return seconds


def _peer_setup(workspace: Workspace, folder: Path) -> float:
    hosts = "".join(
        f"{way.alias} ansible_host={way.address} ansible_port={way.port} "
        f"ansible_ssh_common_args='-o HostKeyAlias={way.alias}'\n"
        for way in reach.routes(workspace, load(workspace, "banc")).values()
    )
    (folder / "hosts.ini").write_text(hosts)
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(Path(__file__).parents[2] / "ansible.cfg"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=5s -o IdentitiesOnly=yes"
        f" -o UserKnownHostsFile={workspace.commune('banc').known_hosts} -o GlobalKnownHostsFile=/dev/null",
    }
    command = [str(Path(sys.executable).with_name("ansible")), "-i", str(folder / "hosts.ini"), "all", "-m", "setup"]
    command += ["-f", str(PARALLEL), "-u", _ACCOUNT, "--private-key", str(workspace.management_key)]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return seconds


def run() -> list[Row]:
    """Return two rows: best of several alternating rounds against ssh, one round of ansible (it takes long)."""
    if why := sshd.available():
        sys.exit(f"bench audit: {why}")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), sshd.free_port()
        workspace = _workspace(folder, port)
        with _servers(workspace, folder, port):
            (folder / "collector").write_text(_script(workspace))
            _warm_up(workspace, folder / "collector")
            pairs = [(_ours(workspace), _peer_ssh(workspace, folder / "collector")) for _round in range(_ROUNDS)]
            _check_ours(workspace)
            ours, ssh = (min(column) for column in zip(*pairs, strict=True))
            setup = _peer_setup(workspace, folder)
    return [
        compare(f"audit, {ENDPOINTS} endpoints / xargs -P{PARALLEL} ssh sh < collector", ours, ssh, GOAL_SSH),
        compare(f"audit, {ENDPOINTS} endpoints / ansible -m setup -f {PARALLEL}", ours, setup, GOAL_SETUP),
    ]
