"""Debian's own inventory agents, run on lab endpoints of both releases; what they write is imported.

Neither package writes GLPI's JSON (FusionInventory 2.6 knows XML only, GLPI's agent is not in Debian): samples of it
are made from the public format in `agent_samples.py`.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolkit.imports.model import Chassis, Machine
from toolkit.imports.several import read_all
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.paths import demo_dir

pytestmark = pytest.mark.lab
DATA = Path(__file__).parent / "data"
RELEASES = {"valsorbe-bureau-1": "12", "valsorbe-portable-1": "13"}
AGENTS = ("container/fusion", "hardware/fusion", "hardware/ocs")
_INSTALL = """apt-get install --quiet --quiet --yes --no-install-recommends --no-download \
-o Dpkg::Options::=--force-unsafe-io -o DPkg::Lock::Timeout=60 fusioninventory-agent ocsinventory-agent"""
TAG = "Racine > CIG > Val d'Aït"
_FUSION = f'fusioninventory-agent --force --no-category=software,process,environment --tag="{TAG}" --local'
_OCS = f'ocsinventory-agent --nosoftware --tag="{TAG}" --local='
_RUN = f"""set -eu
export DEBIAN_FRONTEND=noninteractive
{_INSTALL}
cd /root
mkdir -p {" ".join(AGENTS)}
{_FUSION} container/fusion
chmod 755 /root/dmidecode
mv /root/dmidecode /usr/sbin/dmidecode
unshare --mount sh /root/as-hardware.sh {_FUSION} hardware/fusion
unshare --mount sh /root/as-hardware.sh {_OCS}hardware/ocs
"""


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder `<host>/<as what>/<agent>/` of what the agents wrote on one endpoint of each release."""
    folder = tmp_path_factory.mktemp("inventories")
    lab = Lab(readdress(demo_dir(), folder / "workspace", free_block()))
    try:
        lab.up(tuple(RELEASES))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: _run_agents(lab, host, folder / host), RELEASES))
        yield folder
    finally:
        lab.down()


def _run_agents(lab: Lab, host: str, target: Path) -> None:
    carried = io.BytesIO()
    with tarfile.open(fileobj=carried, mode="w") as archive:
        for name in ("dmidecode", "as-hardware.sh"):
            archive.add(DATA / name, name)
    for script, data in (("tar --extract --no-same-owner -C /root", carried.getvalue()), (_RUN, b"")):
        done = lab.exec(host, ["sh", "-c", script], stdin=data, timeout=400)
        assert done.returncode == 0, done.stderr.decode()[-2000:] + done.stdout.decode()[-2000:]
    written = lab.exec(host, ["tar", "--create", "-C", "/root", "container", "hardware"]).stdout
    with tarfile.open(fileobj=io.BytesIO(written)) as archive:
        archive.extractall(target, filter="data")


def only(folder: Path) -> tuple[Machine, str]:
    """Return the one machine that a folder's inventory speaks of, and the inventory itself."""
    (file,) = folder.iterdir()
    reading = read_all([folder])
    assert not reading.problems
    (machine,) = reading.machines
    return machine, file.read_text(encoding="utf-8")


@pytest.mark.parametrize("agent", ["fusion", "ocs"])
@pytest.mark.parametrize("host", RELEASES)
def test_a_real_inventory_of_a_laptop(inventories: Path, host: str, agent: str) -> None:
    machine, written = only(inventories / host / "hardware" / agent)
    cards = set(re.findall(r"<MACADDR>(..:..:..:..:..:..)</MACADDR>", written)) - {"00:00:00:00:00:00"}
    assert (machine.name, machine.serial, machine.chassis) == (host, "PF3XK9T2", Chassis.LAPTOP)
    assert machine.entity == TAG
    assert machine.model == "LENOVO ThinkPad T14 Gen 3"
    assert str(machine.system).startswith(f"Debian GNU/Linux {RELEASES[host]}")
    assert cards
    assert set(machine.macs) == cards
    assert str(machine.address).startswith("198.18.") or str(machine.address).startswith("198.19.")
    assert machine.encrypted is None  # there is no encrypted volume, and neither agent says so on Linux


@pytest.mark.parametrize("host", RELEASES)
def test_a_container_is_no_laptop(inventories: Path, host: str) -> None:
    fusion, written = only(inventories / host / "container" / "fusion")
    assert "<VMSYSTEM>Docker</VMSYSTEM>" in written
    assert (fusion.chassis, fusion.serial, fusion.macs) == (Chassis.OTHER, None, ())


def test_a_folder_of_them_all(inventories: Path) -> None:
    reading = read_all([inventories / host / "hardware" / "fusion" for host in RELEASES])
    assert {machine.name for machine in reading.machines} == set(RELEASES)
    whole = read_all([inventories / host for host in RELEASES])
    assert all(column.field is None for column in whole.columns if column.personal)
    assert {column.header for column in whole.columns if column.personal} >= {"LOCAL_USERS", "LOCAL_GROUPS"}
    assert not whole.people
