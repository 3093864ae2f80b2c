"""The choices a commune can make instead: sticks refused, USBGuard on; and back again. One laptop of each release."""

from __future__ import annotations

import pytest

from tests.desktop.conftest import LAPTOPS, LOGINS, Hardened

pytestmark = pytest.mark.lab

each_laptop = pytest.mark.parametrize("host", LAPTOPS)
CHOICES = "    desktop_removable_media: refuse\n    desktop_usbguard: true\n"
PLACE = "  laptop:\n"
MOUNT = "org.freedesktop.udisks2.filesystem-mount"


def asked(hardened: Hardened, host: str, action: str, removable: bool) -> int:
    """Return how pkcheck ends for the teleworker: 0 allowed, 1 refused, 2 or 3 a password would be asked for."""
    script = f"""
setpriv --reuid {LOGINS[host]} --regid {LOGINS[host]} --init-groups sleep 60 &
process=$!
sleep 0.3
set +e
pkcheck --action-id {action} --process $process --detail drive.removable {str(removable).lower()}
code=$?
kill $process
exit $code
"""
    return hardened.root(host, script).returncode


@pytest.fixture(scope="module")
def chosen(hardened: Hardened) -> Hardened:
    """Both laptops after the other choices were applied; the last test here puts them back."""
    workspace = hardened.lab.workspace
    files = {commune: workspace.commune(commune).fleet for commune in workspace.communes()}
    texts = {commune: file.read_text(encoding="utf-8") for commune, file in files.items()}
    for commune, file in files.items():
        assert PLACE in texts[commune]
        file.write_text(texts[commune].replace(PLACE, PLACE + CHOICES, 1), encoding="utf-8")
    hardened.stage("chosen", "apply", "--tags", "desktop")
    hardened.audit("chosen")
    hardened.stage("chosen-again", "apply", "--tags", "desktop")
    return hardened


def test_the_choices_are_applied_once(chosen: Hardened) -> None:
    for stage in ("chosen", "chosen-again"):
        assert chosen.stages[stage].returncode == 0, chosen.stages[stage].stderr[-3000:]
    assert chosen.stages["chosen-again"].stderr.count("1 of 1 endpoints done, 0 changed") == len(LAPTOPS)


@each_laptop
@pytest.mark.parametrize("control", ["media-as-decided", "usb-guard-as-decided", "usb-keyboard-kept"])
def test_the_audit_judges_by_the_choice(chosen: Hardened, host: str, control: str) -> None:
    assert chosen.verdicts["chosen"][host, control] == "pass"


@each_laptop
def test_a_stick_is_refused_and_a_fixed_disk_is_not(chosen: Hardened, host: str) -> None:
    assert asked(chosen, host, MOUNT, removable=True) == 1
    assert asked(chosen, host, "org.freedesktop.udisks2.filesystem-mount-system", removable=False) != 1


@each_laptop
def test_usbguard_waits_for_a_bus_with_rules_that_keep_the_keyboard(chosen: Hardened, host: str) -> None:
    """There is no USB bus here: the service is enabled, its rules are read, its condition holds it back."""
    script = """
test "$(systemctl is-enabled usbguard.service)" = enabled
systemctl start usbguard.service
test "$(systemctl show --property=ConditionResult --value usbguard.service)" = no
usbguard-rule-parser -f /etc/usbguard/rules.d/50-nomade.conf > /dev/null
head -n 3 /etc/usbguard/rules.d/50-nomade.conf | tail -n 2
test "$(stat -c '%a %U' /etc/usbguard/rules.conf)" = '600 root'
! grep -q plugdev /etc/usbguard/usbguard-daemon.conf
"""
    done = chosen.root(host, script)
    assert done.returncode == 0, done.stderr
    assert b"09:*:*" in done.stdout
    assert b"03:*:*" in done.stdout


@each_laptop
@pytest.mark.parametrize(
    "rule",
    [
        "reject with-interface one-of { 03:*:* }",
        "block",
        "allow with-interface bogus",
    ],
)
def test_rules_that_would_block_the_keyboard_are_not_started(chosen: Hardened, host: str, rule: str) -> None:
    script = f"""
present=/etc/usbguard/rules.conf
cp --archive "$present" /run/rules.conf
echo '{rule}' >> "$present"
if /usr/local/libexec/nomade-usbguard ready; then echo accepted; fi
if /usr/local/libexec/nomade-usbguard ensure; then echo started; fi
cp --archive /run/rules.conf "$present"
/usr/local/libexec/nomade-usbguard ready
"""
    done = chosen.root(host, script)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr


def test_and_back(chosen: Hardened) -> None:
    """Runs last of this module: what was chosen is undone, USBGuard is out of the way, sticks are let in."""
    workspace = chosen.lab.workspace
    files = [workspace.commune(commune).fleet for commune in workspace.communes()]
    for file in files:
        file.write_text(file.read_text(encoding="utf-8").replace(CHOICES, "", 1), encoding="utf-8")
    done = chosen.stage("undone", "apply", "--tags", "desktop")
    assert done.returncode == 0, done.stderr[-3000:]
    for host in LAPTOPS:
        assert asked(chosen, host, MOUNT, removable=True) != 1
        assert chosen.root(host, "systemctl is-enabled usbguard.service").stdout.strip() == b"masked"
