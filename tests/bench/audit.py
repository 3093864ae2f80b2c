"""The audit of endpoints on loopback sshd: against plain ssh with the same script, and `ansible -m setup`.

Fifty endpoints for the whole command; a hundred for the parts: collecting alone, and all the way to the page. Each with
every control there is, and with smaller profiles, for an audit asks what its profile needs: the goals were set for
about 150 controls (a hundred endpoints) and for forty or more (fifty).
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

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
from toolkit.probes import Probe
from toolkit.store import open_store
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace

ENDPOINTS = 100
HALF = 50
PARALLEL = 16
EVERYTHING = "nomade"
HALF_PROFILES = (EVERYTHING, "anssi-nomadisme", "anssi-bp028-minimal")
WHOLE_PROFILES = (EVERYTHING, "anssi-bp028-intermediary")
GOAL_SSH = 2.0
GOAL_SETUP = 1 / 5
GOAL_COLLECT, GOAL_COLLECT_CLIENT = 1.0, 0.8
GOAL_PAGE = 1.2
GOAL_PAGE_SETUP, GOAL_PAGE_SETUP_CLIENT = 1 / 6, 1 / 10
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


def _probes(workspace: Workspace, profile: str) -> Sequence[Probe]:
    """Return what the audit asks of a laptop; collecting alone and the peer ask the gateway of the bench the same."""
    config, fleet, known = load_config(workspace), load(workspace, "banc"), catalogue.load()
    tunnel = load_addresses(workspace.commune("banc").addresses, fleet).tunnel
    laptop = fleet.endpoint("banc-portable-2")
    subject = audit.subject_of(config, fleet, known, profile, laptop, tunnel)
    return probes_for(known, profile, subject)


def _collector(workspace: Workspace, folder: Path, profile: str) -> Path:
    """Write the collector that the audit sends to a laptop: the same probes, in the same frame."""
    path = folder / f"collector-{profile}"
    path.write_text(collect.build_script(_probes(workspace, profile), collect.new_nonce()))
    return path


def _named(profile: str, count: int) -> str:
    return f"{count} endpoints, {profile} ({len(list(catalogue.load().selected(profile)))} controls)"


def _warm_up(workspace: Workspace, collector: Path) -> None:
    """Let apt make its cache once, as it did on every machine that ever updated its lists."""
    first = next(iter(reach.routes(workspace, load(workspace, "banc")).values()))
    with SshTransport() as transport:
        transport.run(first, collector.read_text(), timeout=120, limit=10_000_000)


class Spent(NamedTuple):
    """Wall time, and processor time of this machine's part (the commands we start, not the endpoints), in seconds."""

    wall: float
    client: float


def _spent(work: Callable[[], None]) -> Spent:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _nomade(workspace: Workspace, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("nomade")), *arguments, "-c", "banc"]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, check=False)
    assert done.returncode in (ExitCode.OK, ExitCode.NOT_COMPLIANT), done.stderr.decode()


def _audit(workspace: Workspace, profile: str, *limit: str) -> Spent:
    return _spent(lambda: _nomade(workspace, "audit", "--profile", profile, "--parallel", str(PARALLEL), *limit))


def _page(workspace: Workspace, profile: str) -> Spent:
    """From nothing to the page: collect, judge, keep, write the HTML report of the same controls."""
    return _audit(workspace, profile, "--page")


def _collect(workspace: Workspace, profile: str) -> Spent:
    """Only ask, in a process of its own and of the same list, as the peer does."""
    names = [probe.name for probe in _probes(workspace, profile)]
    command = [sys.executable, "-m", "tests.bench._collect", str(PARALLEL), _ACCOUNT]
    command += [str(workspace.management_key), str(workspace.commune("banc").known_hosts), *names]
    listed = _listed(workspace, ENDPOINTS)
    return _spent(lambda: _quietly(command, listed))


def _listed(workspace: Workspace, count: int) -> bytes:
    """Name, address and port of each endpoint, a line each."""
    ways = list(reach.routes(workspace, load(workspace, "banc")).values())[:count]
    return "".join(f"{way.alias} {way.address} {way.port}\n" for way in ways).encode()


def _quietly(command: list[str], listed: bytes) -> None:
    subprocess.run(command, input=listed, capture_output=True, check=True)


def _check_audit(workspace: Workspace, count: int) -> None:
    """A fast audit that asked nobody would be worth nothing."""
    store = open_store(workspace.store_url)
    try:
        last = store.latest("banc")
    finally:
        store.close()
    assert last is not None
    assert [part.status for part in last.endpoints] == [EndpointStatus.COLLECTED] * count


def _peer_ssh(workspace: Workspace, collector: Path, count: int) -> Spent:
    listed = _listed(workspace, count)
    # $0 is the collector, $1 to $3 one line of the list. The key exchange is ours, not OpenSSH's dearer first choice.
    each = (
        f"exec ssh -F none -i {workspace.management_key} -o IdentitiesOnly=yes -o BatchMode=yes"
        f" -o UserKnownHostsFile={workspace.commune('banc').known_hosts} -o GlobalKnownHostsFile=/dev/null"
        f' -o KexAlgorithms=curve25519-sha256 -o HostKeyAlias="$1" -p "$3" {_ACCOUNT}@"$2" sudo -n sh < "$0"'
    )
    command = ["xargs", f"-P{PARALLEL}", "-L1", "sh", "-c", each, str(collector)]

    def work() -> None:
        done = subprocess.run(command, input=listed, capture_output=True, check=True)
        assert done.stdout.count(b" end ") >= count

    return _spent(work)


def _peer_setup(workspace: Workspace, folder: Path, count: int, *, tuned: bool) -> Spent:
    """`ansible -m setup` as it comes, or `tuned` with this project's ansible.cfg (pipelining)."""
    ways = list(reach.routes(workspace, load(workspace, "banc")).values())[:count]
    hosts = "".join(
        f"{way.alias} ansible_host={way.address} ansible_port={way.port} "
        f"ansible_ssh_common_args='-o HostKeyAlias={way.alias}'\n"
        for way in ways
    )
    (folder / "hosts.ini").write_text(hosts)
    (folder / "empty.cfg").touch()
    configuration = Path(__file__).parents[2] / "ansible.cfg" if tuned else folder / "empty.cfg"
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / ("tuned" if tuned else "cp")),
        "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=5s -o IdentitiesOnly=yes"
        " -o KexAlgorithms=curve25519-sha256"
        f" -o UserKnownHostsFile={workspace.commune('banc').known_hosts} -o GlobalKnownHostsFile=/dev/null",
    }
    command = [str(Path(sys.executable).with_name("ansible")), "-i", str(folder / "hosts.ini"), "all", "-m", "setup"]
    command += ["-f", str(PARALLEL), "-u", _ACCOUNT, "--private-key", str(workspace.management_key)]

    def work() -> None:
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    return _spent(work)


def run() -> list[Row]:
    """Return the rows: best of alternating rounds against ssh, one round of ansible (it takes long)."""
    if why := sshd.available():
        sys.exit(f"bench audit: {why}")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), sshd.free_port()
        workspace = _workspace(folder, port)
        with _servers(workspace, folder, port):
            _warm_up(workspace, _collector(workspace, folder, EVERYTHING))
            return [*_half(workspace, folder), *_whole(workspace, folder)]


def _half(workspace: Workspace, folder: Path) -> list[Row]:
    setup, tuned = (_peer_setup(workspace, folder, HALF, tuned=tuned).wall for tuned in (False, True))
    rows = []
    for profile in HALF_PROFILES:
        ours, ssh = _audit_and_ssh(workspace, _collector(workspace, folder, profile), profile)
        what = f"audit, {_named(profile, HALF)}"
        rows += [
            compare(f"{what} / xargs -P{PARALLEL} ssh sh < collector", ours, ssh, GOAL_SSH),
            compare(f"{what} / ansible -m setup -f {PARALLEL}", ours, setup, GOAL_SETUP),
            compare(f"{what} / the same with pipelining", ours, tuned, GOAL_SETUP),
        ]
    return rows


def _audit_and_ssh(workspace: Workspace, collector: Path, profile: str) -> tuple[float, float]:
    """Wall time of both, best of alternating rounds, in seconds."""
    names = [route.alias for route in reach.routes(workspace, load(workspace, "banc")).values()][:HALF]
    rounds = [
        (_audit(workspace, profile, "-l", ",".join(names)).wall, _peer_ssh(workspace, collector, HALF).wall)
        for _round in range(_ROUNDS)
    ]
    _check_audit(workspace, HALF)
    ours, ssh = (min(column) for column in zip(*rounds, strict=True))
    return ours, ssh


def _whole(workspace: Workspace, folder: Path) -> list[Row]:
    setup = _peer_setup(workspace, folder, ENDPOINTS, tuned=False)
    return [row for profile in WHOLE_PROFILES for row in _whole_rows(workspace, folder, profile, setup)]


def _whole_rows(workspace: Workspace, folder: Path, profile: str, setup: Spent) -> list[Row]:
    collector = _collector(workspace, folder, profile)
    rounds = [
        (_collect(workspace, profile), _page(workspace, profile), _peer_ssh(workspace, collector, ENDPOINTS))
        for _round in range(_ROUNDS)
    ]
    _check_audit(workspace, ENDPOINTS)
    collected, page, ssh = (
        Spent(min(item.wall for item in column), min(item.client for item in column))
        for column in zip(*rounds, strict=True)
    )
    what, side = _named(profile, ENDPOINTS), "this side's processor"
    return [
        compare(f"collect, {what} / xargs ssh", collected.wall, ssh.wall, GOAL_COLLECT),
        compare(f"collect, {what} / xargs ssh, {side}", collected.client, ssh.client, GOAL_COLLECT_CLIENT),
        compare(f"audit and page, {what} / xargs ssh", page.wall, ssh.wall, GOAL_PAGE),
        compare(f"audit and page, {what} / ansible -m setup", page.wall, setup.wall, GOAL_PAGE_SETUP),
        compare(
            f"audit and page, {what} / ansible -m setup, {side}", page.client, setup.client, GOAL_PAGE_SETUP_CLIENT
        ),
    ]
