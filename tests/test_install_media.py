"""Install media: what the files say, that the installers' own readers take them, and that no secret is in them."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fleet import sample
from toolkit import install_media
from toolkit.cli import run
from toolkit.enroll import management_public_key
from toolkit.errors import ExitCode
from toolkit.i18n import set_language
from toolkit.install_media import autoinstall
from toolkit.workspace import Workspace

UBUNTU = sample.changed("essai-portable-2, os: debian-12", "essai-portable-2, os: ubuntu-24.04")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture(name="workspace")
def one_debian_and_one_ubuntu(tmp_path: Path) -> Workspace:
    return sample.workspace(tmp_path / "ws", essai=UBUNTU)


def made(workspace: Workspace, host: str, *, overwrite: bool = True) -> dict[str, str]:
    return dict(install_media.prepare(workspace, [], host, overwrite=overwrite).files)


def answer(text: str, question: str) -> str:
    """Return what a preseed file answers to one question."""
    (line,) = [line for line in text.splitlines() if line.split()[1:2] == [question]]
    return " ".join(line.split()[3:])


@pytest.mark.skipif(not shutil.which("debconf-set-selections"), reason="debconf is on Debian only")
def test_debconf_reads_the_preseed_file(workspace: Workspace) -> None:
    text = made(workspace, "essai-portable-1")["preseed.cfg"]
    done = subprocess.run(["debconf-set-selections", "-c"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    broken = subprocess.run(
        ["debconf-set-selections", "-c"],
        input=text + "d-i without-a-type\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert broken.returncode != 0, "the check can fail"


def test_a_debian_laptop_is_encrypted_french_and_itself(workspace: Workspace) -> None:
    text = made(workspace, "essai-portable-1")["preseed.cfg"]
    assert answer(text, "partman-auto/method") == "crypto"
    assert answer(text, "partman-auto-crypto/erase_disks") == "true"
    assert answer(text, "debian-installer/locale") == "fr_FR.UTF-8"
    assert answer(text, "keyboard-configuration/xkb-keymap").startswith("fr")
    assert answer(text, "netcfg/hostname") == "essai-portable-1"
    new = made(workspace, "essai-portable-1", overwrite=False)["preseed.cfg"]
    assert answer(new, "partman-auto-crypto/erase_disks") == "false"


@pytest.mark.parametrize("host", ["essai-portable-1", "essai-portable-2"])
def test_no_passphrase_and_no_private_key_is_on_the_medium(workspace: Workspace, host: str) -> None:
    text = "".join(made(workspace, host).values())
    private = workspace.management_key.read_text()
    assert not re.search(r"passphrase\s+(password|string)|partman-crypto/passphrase|user-password ", text)
    assert private.splitlines()[1] not in text
    assert re.findall(r"password(?:-crypted password|:) (\S+)", text) in (["!"], ["'!'"])


def test_the_account_is_made_as_enrolment_makes_it(workspace: Workspace) -> None:
    key = management_public_key(workspace)
    for host in ("essai-portable-1", "essai-portable-2"):
        text = "".join(made(workspace, host).values())
        (script,) = re.findall(r"echo (\S+) \| base64 --decode \| sh", text)
        decoded = base64.b64decode(script).decode()
        assert decoded.rstrip().endswith(f"main nomade '{key}'")
        assert subprocess.run(["sh", "-n"], input=decoded, text=True, check=False).returncode == 0


def test_an_unencrypted_result_stops_both_installers(workspace: Workspace) -> None:
    preseed, user_data = made(workspace, "essai-portable-1")["preseed.cfg"], made(workspace, "essai-portable-2")
    first, rest = answer(preseed, "preseed/late_command").split(" && ", 1)
    assert "grep -qx crypt" in first
    assert "base64" in rest
    commands = yaml.safe_load(user_data["user-data"])["autoinstall"]["late-commands"]
    assert "grep -qx crypt" in commands[0][-1]
    command = commands[0][-1].replace('"$(findmnt --noheadings --output SOURCE /)"', "/dev/null")
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode != 0


def test_ubuntu_s_answers_have_the_types_its_schema_asks_for(workspace: Workspace) -> None:
    """The installer's own schema is in no package: these are its rules for the keys that are used."""
    files = made(workspace, "essai-portable-2")
    assert files["user-data"].startswith("#cloud-config\n")
    assert files["meta-data"] == ""
    (top,) = yaml.safe_load(files["user-data"]).items()
    assert top[0] == "autoinstall"
    said = top[1]
    assert said["version"] == 1
    assert set(said) <= {
        *("version", "interactive-sections", "locale", "keyboard", "timezone", "identity", "ssh", "storage"),
        *("packages", "updates", "late-commands"),
    }
    assert set(said["interactive-sections"]) <= set(said) | {"network"}
    assert "storage" in said["interactive-sections"], "the passphrase is typed there"
    assert "password" not in said["storage"]["layout"]
    assert set(said["keyboard"]) <= {"layout", "variant", "toggle"}
    assert set(said["identity"]) == {"realname", "username", "hostname", "password"}
    assert all(isinstance(value, str) for value in (*said["identity"].values(), *said["keyboard"].values()))
    assert isinstance(said["ssh"]["allow-pw"], bool)
    assert said["updates"] in ("security", "all")
    assert all(isinstance(word, str) for command in said["late-commands"] for word in command)
    assert said["interactive-sections"] == autoinstall.ASKED


def test_the_command_writes_into_a_folder_of_the_host(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-w", str(workspace.root), "-o", str(tmp_path / "usb")]
    assert run(["install-media", "essai-portable-1", *words]) == ExitCode.OK
    assert capsys.readouterr().out == f"{tmp_path}/usb/essai-portable-1/preseed.cfg\n"
    assert run(["install-media", "essai-portable-2", *words]) == ExitCode.OK
    assert sorted(path.name for path in (tmp_path / "usb" / "essai-portable-2").iterdir()) == ["meta-data", "user-data"]
    assert run(["install-media", "essai-bureau-1", *words]) == ExitCode.BAD_INPUT
    assert run(["install-media", "nobody", *words]) == ExitCode.NOTHING_EVALUATED
