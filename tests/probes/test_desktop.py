"""Probes of the desktop: what they make of GNOME, of no GNOME, of half a policy, and of text that is not theirs."""

from __future__ import annotations

import pytest

from toolkit.probes import registry

DESKTOP, MEDIA, USB, TELEWORK = (registry()[name] for name in ("desktop", "removable_media", "usb_guard", "telework"))
GNOME = """\
desktop gnome
session gnome-xorg
session gnome
session gnome-classic-wayland
[screensaver]
local lock-delay=uint32 0
local lock-enabled=true
[session]
local idle-delay=uint32 600
lock local /org/gnome/desktop/session/idle-delay
lock local /org/gnome/desktop/screensaver/lock-enabled
account 1000 yes
account 1001 no
login gdm
[/]
gdm banner-message-enable=true
gdm banner-message-text='Accès réservé = aux personnes autorisées'
gdm disable-user-list=true
lock gdm /org/gnome/login-screen/disable-user-list
gdm3 daemon.AutomaticLoginEnable=false
gdm3 xdmcp.Enable=False
end
"""
MOUNT = "defaults=nosuid,nodev,noexec\nallow=rw,noexec,nodev,nosuid,ro\nend\n"


def test_a_value_counts_only_where_it_is_locked() -> None:
    facts = DESKTOP.parse(GNOME)
    assert (facts["idle_delay"], facts["lock_enabled"], facts["names_hidden"]) == (600, True, True)
    assert (facts["lock_delay"], facts["notice_shown"], facts["automount"]) == (None, None, None)


def test_sessions_accounts_and_login_screen() -> None:
    facts = DESKTOP.parse(GNOME.replace("session gnome\n", "session gnome\nsession openbox\n"))
    assert (facts["other_sessions"], facts["unbound_accounts"]) == (["openbox"], ["1001"])
    assert (facts["desktop"], facts["login"], facts["xdmcp"]) == ("gnome", "gdm", "false")


def test_without_gnome_nothing_is_imposed() -> None:
    facts = DESKTOP.parse("desktop none\nsession openbox\nend\n")
    assert (facts["desktop"], facts["login"], facts["idle_delay"]) == ("none", "none", None)


@pytest.mark.parametrize("text", ["", "end\n", "desktop kde\nend\n", GNOME.removesuffix("end\n"), "absent\nend\n"])
def test_text_that_is_not_of_the_desktop_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        DESKTOP.parse(text)


@pytest.mark.parametrize(
    ("text", "policy", "programs"),
    [
        (MOUNT, "allow", False),
        (MOUNT.replace("noexec\n", "noexec,ro\n").replace("=rw,", "="), "read_only", False),
        (MOUNT.replace("noexec\n", "noexec,ro\n"), "allow", False),
        (MOUNT.replace("=rw,", "=rw,exec,"), "allow", True),
        ("rule 20-nomade-removable.rules\n" + MOUNT, "refuse", False),
        ("rule 10-other.rules\n" + MOUNT, "allow", False),
        ("end\n", "unset", True),
    ],
)
def test_what_a_user_may_do_with_a_stick(text: str, policy: str, programs: bool) -> None:
    facts = MEDIA.parse(text)
    assert (facts["policy"], facts["programs"]) == (policy, programs)


def test_options_of_one_device_show() -> None:
    assert MEDIA.parse("exception /dev/disk/by-label/CLE\n" + MOUNT)["exceptions"] == ["/dev/disk/by-label/CLE"]


@pytest.mark.parametrize(
    ("rules", "blocked", "storage"),
    [
        ("allow with-interface match-all { 09:*:* }\nallow with-interface match-all { 03:*:* }", [], "block"),
        ("allow", [], "allow"),
        ("block\nallow with-interface match-all { 03:*:* }", ["hub", "keyboard", "mouse"], "block"),
        ("1: allow with-interface one-of { 03:00:01 03:01:01 09:*:* }", ["mouse"], "block"),
        (
            "allow with-interface equals { 03:*:* 09:*:* }\nallow with-interface 09:00:00",
            ["keyboard", "mouse"],
            "block",
        ),
        ("allow with-interface none-of { 08:*:* }", [], "block"),
        ('allow id 046d:c31c name "a with-interface 03:01:01" hash "x="', ["hub", "keyboard", "mouse"], "block"),
        ("", ["hub", "keyboard", "mouse"], "block"),
    ],
)
def test_what_usbguard_lets_in(rules: str, blocked: list[str], storage: str) -> None:
    facts = USB.parse("\n".join(line for line in ("enabled yes", rules, "end") if line))
    assert (facts["blocked"], facts["storage"]) == (blocked, storage)


def test_usbguard_that_is_off_blocks_nothing() -> None:
    assert USB.parse("enabled no\nend\n") == {"enabled": False, "blocked": [], "storage": "allow"}


@pytest.mark.parametrize("text", ["", "end\n", "enabled maybe\nend\n", "enabled yes\nIPC connection failure\nend\n"])
def test_text_that_is_not_of_usbguard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        USB.parse(text)


FILES = "file 640 root shadow /etc/shadow\nfile 2755 root shadow /usr/sbin/unix_chkpwd\n"
PROC = "proc rw,relatime\nend\n"


def test_what_telework_stands_on() -> None:
    facts = TELEWORK.parse("masked suspend.target\nmasked cups.service\nmasked console-getty.service\n" + FILES + PROC)
    assert (facts["sleep_masked"], facts["services_masked"]) == (["suspend.target"], ["cups.service"])
    assert (facts["unlock_broken"], facts["processes_hidden"]) == ([], False)


@pytest.mark.parametrize(
    ("files", "broken"),
    [
        (FILES.replace("640 root shadow", "400 root root"), ["/etc/shadow"]),
        (FILES.replace("640", "600"), ["/etc/shadow"]),
        (FILES.replace("2755", "755"), ["/usr/sbin/unix_chkpwd"]),
    ],
)
def test_rights_that_would_keep_the_screen_locked(files: str, broken: list[str]) -> None:
    assert TELEWORK.parse(files + PROC)["unlock_broken"] == broken


@pytest.mark.parametrize("option", ["hidepid=2", "hidepid=invisible"])
def test_hidden_processes_show(option: str) -> None:
    assert TELEWORK.parse(FILES + PROC.replace("relatime", f"relatime,{option}"))["processes_hidden"] is True


def test_processes_that_are_not_hidden() -> None:
    assert TELEWORK.parse(FILES + PROC.replace("relatime", "relatime,hidepid=0"))["processes_hidden"] is False


@pytest.mark.parametrize("text", ["", "end\n", FILES + "end\n", PROC])
def test_text_that_is_not_of_telework_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        TELEWORK.parse(text)
