"""The rules of the desktop hold on real GNOME, for its user too; controls fail before and pass after."""

from __future__ import annotations

import pytest

from tests.desktop.conftest import LAPTOPS, Hardened
from toolkit.catalogue import load
from toolkit.probes.desktop import LOCK, MEDIA

pytestmark = pytest.mark.lab

KEYS = sorted((LOCK | MEDIA).values())
CONTROLS = sorted(control.id for control in load().controls.values() if "desktop" in control.proven_in)
each_laptop = pytest.mark.parametrize("host", LAPTOPS)


def schema(key: str) -> str:
    """Return the arguments of gsettings for a key such as `session/idle-delay`."""
    folder, _slash, name = key.partition("/")
    return f"org.gnome.desktop.{folder} {name}"


@pytest.mark.parametrize("stage", ["enroll", "plan", "apply", "again"])
def test_the_stage_succeeds(hardened: Hardened, stage: str) -> None:
    done = hardened.stages[stage]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_the_second_apply_changes_nothing(hardened: Hardened) -> None:
    said = hardened.stages["again"].stderr
    assert said.count("1 of 1 endpoints done, 0 changed") == len(LAPTOPS), said


@each_laptop
@pytest.mark.parametrize("control", CONTROLS)
def test_the_control_fails_before_and_passes_after(hardened: Hardened, host: str, control: str) -> None:
    if control not in {name for _host, name in hardened.verdicts["after"]}:
        pytest.fail("judged nowhere")
    assert hardened.verdicts["before"][host, control] == "fail"
    assert hardened.verdicts["after"][host, control] == "pass"


def test_no_session_opens_by_itself(hardened: Hardened) -> None:
    found = {host: hardened.verdicts["after"][host, "session-no-autologin"] for host in LAPTOPS}
    assert set(found.values()) == {"pass"}


@each_laptop
@pytest.mark.parametrize("key", KEYS)
def test_the_user_cannot_change_the_rule(hardened: Hardened, host: str, key: str) -> None:
    other = {"session/idle-delay": "0", "screensaver/lock-delay": "3600"}.get(key)
    script = f"""
before=$(gsettings get {schema(key)})
case $before in true) other=false ;; false) other=true ;; *) other={other or "0"} ;; esac
if gsettings set {schema(key)} "$other" 2> /dev/null; then exit 9; fi
test "$(gsettings writable {schema(key)})" = false
test "$(gsettings get {schema(key)})" = "$before"
echo "$before"
"""
    done = hardened.user(host, script, session=True)
    assert done.returncode == 0, done.stdout + done.stderr


@each_laptop
def test_what_can_be_changed_still_can(hardened: Hardened, host: str) -> None:
    """The proof above is worth something only where gsettings does write other keys."""
    key = "org.gnome.desktop.interface clock-show-seconds"
    script = f"gsettings set {key} true; gsettings get {key}"
    done = hardened.user(host, script, session=True)
    assert done.stdout.strip() == b"true", done.stderr


@each_laptop
def test_a_profile_of_ones_own_is_not_read(hardened: Hardened, host: str) -> None:
    script = """
printf 'user-db:user\\n' > "$HOME/profile"
export DCONF_PROFILE="$HOME/profile"
if gsettings set org.gnome.desktop.screensaver lock-enabled false 2> /dev/null; then exit 9; fi
test "$(gsettings get org.gnome.desktop.screensaver lock-enabled)" = true
"""
    done = hardened.user(host, script, session=True)
    assert done.returncode == 0, done.stderr


@each_laptop
def test_the_login_screen_reads_the_rules_under_its_own_account(hardened: Hardened, host: str) -> None:
    script = """
for key in disable-user-list banner-message-enable; do
  setpriv --reuid Debian-gdm --regid Debian-gdm --init-groups env HOME=/nonexistent DCONF_PROFILE=gdm \
    dconf read "/org/gnome/login-screen/$key"
done
"""
    assert hardened.root(host, script).stdout.split() == [b"true", b"true"]


@each_laptop
def test_a_database_somebody_put_in_place_of_ours_is_replaced(hardened: Hardened, host: str) -> None:
    program = "/usr/local/libexec/nomade-desktop"
    script = f"""
mkdir -p /run/other.d
printf '[org/gnome/desktop/session]\\nidle-delay=uint32 0\\n' > /run/other.d/a
dconf compile /etc/dconf/db/local /run/other.d
rm -f /run/dconf/user/*
test "$({program} check)" = changed
test "$({program} ensure)" != ""
test -z "$({program} ensure)"
test -e /run/dconf/user/1000
HOME=/nonexistent DCONF_PROFILE=user dconf read /org/gnome/desktop/session/idle-delay
"""
    done = hardened.root(host, script)
    assert (done.returncode, done.stdout.strip()) == (0, b"uint32 600"), done.stderr
