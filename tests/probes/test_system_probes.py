"""What parsers of accounts, files, sudo, units and packages make of output as real machines give it."""

from __future__ import annotations

import json

import pytest

from toolkit.probes import registry
from toolkit.probes.unwanted_units import UNITS


def parse(name: str, text: str) -> dict[str, object]:
    return registry()[name].parse(text)


@pytest.mark.parametrize("name", sorted(registry()))
def test_a_command_that_uses_arguments_sets_them_itself(name: str) -> None:
    command = registry()[name].command
    if '"$@"' in command and "() {" not in command:
        assert "set --" in command, "the collector's shell has arguments of its own"


def test_rights_follow_links_and_leave_devices_out() -> None:
    facts = parse(
        "system_rights",
        "crw-rw-rw- 666 root /etc/systemd/system/masked.service\n-rw-rw-r-- 664 root /etc/systemd/system/a.service\n"
        "drwxr-xr-x 755 root /etc/sudoers.d\n-rw-r--r-- 644 root /etc/sudoers.d/x y\n"
        "-rw-r----- 640 syslog /var/log/syslog\n"
        "-rw-r--r-- 644 camille /etc/passwd\nend\n",
    )
    assert facts["services"] == ["/etc/systemd/system/a.service"]
    assert facts["sudo"] == ["/etc/sudoers.d/x y"]
    assert facts["journal"] == []
    assert facts["accounts"] == ["/etc/passwd"]
    assert facts["firewall_files"] == 0


def test_rights_of_a_file_nobody_asked_for_are_refused() -> None:
    with pytest.raises(ValueError, match="not asked for"):
        parse("system_rights", "-rw-r--r-- 644 root /tmp/x\nend\n")


def test_loose_paths_may_have_spaces_and_come_twice() -> None:
    facts = parse("loose_files", "file /srv/a b\nunowned /srv/a b\nunowned /srv/a b\nend\n")
    assert (facts["open_files"], facts["unowned"]) == (["/srv/a b"], ["/srv/a b"])


def test_home_folders_belong_to_the_account_that_lives_there() -> None:
    facts = parse(
        "home_files",
        "home root /root\nhome anna /home/anna\nhome bruno /home/bruno\nd 700 anna /home/anna\nd 700 anna /home/bruno\n"
        "d 755 anna /home/anna/.ssh\nf 600 anna /home/anna/.ssh/id_ed25519\nf 644 anna /home/anna/.ssh/known_hosts\n"
        "l 777 anna /home/anna/.bashrc\nf 664 anna /home/anna/.bash_profile\nf 600 root /root/.netrc\nend\n",
    )
    assert facts == {
        "foreign": ["/home/bruno"],
        "trust": ["/root/.netrc"],
        "open_keys": ["/home/anna/.ssh"],
        "open_starts": ["/home/anna/.bash_profile"],
    }


def rules(**parts: object) -> dict[str, object]:
    return parse("sudo_rules", json.dumps(parts))


def test_sudo_flag_taken_back_for_one_person_is_not_set() -> None:
    facts = rules(
        Defaults=[
            {"Options": [{"use_pty": True}]},
            {"Binding": [{"username": "anna"}], "Options": [{"use_pty": False}]},
            {"Options": [{"use_pty": True}]},
        ]
    )
    assert facts["use_pty"] is False


@pytest.mark.parametrize(("written", "minutes"), [("5", 5), ("-1", -1), (False, 0), ("0.5", 0.5), ("2.0", 2)])
def test_sudo_minutes(written: object, minutes: object) -> None:
    assert rules(Defaults=[{"Options": [{"timestamp_timeout": written}]}])["timestamp_timeout"] == minutes
    assert rules()["timestamp_timeout"] == 15


def test_sudo_rules_are_read_whoever_they_are_for() -> None:
    facts = rules(
        User_Specs=[
            {
                "User_List": [{"usergroup": "staff"}, {"username": "anna", "negated": True}],
                "Cmnd_Specs": [
                    {"Options": [{"authenticate": False}], "Commands": [{"command": "/usr/bin/vim.tiny"}]},
                    {"Commands": [{"command": "/opt/*/run"}, {"command": "ALL", "negated": True}]},
                ],
            }
        ]
    )
    assert facts["without_password"] == ["!anna", "%staff"]
    assert facts["negated"] == ["!ALL", "!anna"]
    assert facts["wildcards"] == ["/opt/*/run"]
    assert facts["editors"] == ["/usr/bin/vim.tiny"]


def units(**changed: str) -> str:
    blocks = []
    for unit in UNITS:
        state = changed.get(unit.partition(".")[0].replace("-", "_"), "inactive/")
        active, _, enabled = state.partition("/")
        blocks.append(f"Id={unit}\nActiveState={active}\nUnitFileState={enabled}")
    return "\n\n".join(blocks) + "\n"


@pytest.mark.parametrize(
    ("state", "on"),
    [
        ("active/transient", True),
        ("activating/", True),
        ("inactive/enabled", True),
        ("inactive/enabled-runtime", True),
        ("inactive/disabled", False),
        ("failed/disabled", False),
        ("inactive/masked", False),
    ],
)
def test_a_unit_counts_when_it_runs_or_will(state: str, on: bool) -> None:
    assert parse("unwanted_units", units(ufw=state))["other_firewalls"] == (["ufw.service"] if on else [])


def test_units_that_did_not_all_answer_are_refused() -> None:
    with pytest.raises(ValueError, match="instead of"):
        parse("unwanted_units", units().rpartition("\n\n")[0] + "\n")


def test_a_package_that_was_removed_is_not_broken() -> None:
    facts = parse(
        "package_states", "state hold,ok,installed a\nstate deinstall,ok,half-installed b\nOrigin: Debian\nend\n"
    )
    assert facts == {"held": ["a"], "broken": ["b"], "origins": ["Debian"]}


@pytest.mark.parametrize(
    ("line", "alone"),
    [
        ("volume a UUID=1", []),
        ("volume a UUID=1 - luks", []),
        ("volume a UUID=1 none luks,tpm2-device=auto", ["a"]),
        ("volume a UUID=1 none luks,tpm2-device=auto,tpm2-pin=true", []),
        ("volume a UUID=1 none luks,keyscript=/usr/local/bin/cle", ["a"]),
        ("volume a /dev/sda4 /dev/urandom swap", []),
        ("volume a UUID=1 /boot/cle luks", ["a"]),
    ],
)
def test_a_volume_that_opens_alone_is_named(line: str, alone: list[str]) -> None:
    facts = parse("disk_unlock", f"{line}\nend\n")
    assert (facts["volumes"], facts["alone"]) == (1, alone)


@pytest.mark.parametrize(
    ("lines", "alone"),
    [
        ("token /dev/sda3 systemd-tpm2\ncode /dev/sda3\n", []),
        ("token /dev/sda3 systemd-tpm2\n", ["/dev/sda3"]),
        ("token /dev/sda3 systemd-tpm2\ncode /dev/sda3\ntoken /dev/sda3 systemd-tpm2\n", ["/dev/sda3"]),
        ("token /dev/sda3 systemd-recovery\n", []),
        ("token /dev/sda3 clevis\n", ["/dev/sda3"]),
    ],
)
def test_a_chip_that_needs_no_code_opens_alone(lines: str, alone: list[str]) -> None:
    assert parse("disk_unlock", f"volume root UUID=1 none luks\n{lines}end\n")["alone"] == alone


@pytest.mark.parametrize("line", ["code /dev/sda3", "token /dev/sda3", "what", "open root", "open root perhaps"])
def test_a_token_that_is_not_understood_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        parse("disk_unlock", f"{line}\nend\n")


def test_swap_in_compressed_memory_is_no_disk() -> None:
    root = {"name": "vda1", "type": "crypt", "mountpoints": ["/"]}
    zram = {"name": "zram0", "type": "disk", "mountpoints": ["[SWAP]"]}
    assert parse("block_devices", "container none\n" + json.dumps({"blockdevices": [root, zram]}))["clear"] == []
    disk = {"name": "vdb", "type": "disk", "mountpoints": ["[SWAP]"]}
    assert parse("block_devices", "container none\n" + json.dumps({"blockdevices": [root, disk]}))["clear"] == [
        "[SWAP]"
    ]


def test_a_notice_warns_or_reveals() -> None:
    facts = parse("identity", "host a\n/etc/issue Debian GNU/Linux 12 \\n \\l\n/etc/issue.net " + "x" * 40 + "\nend\n")
    assert facts == {"host": "a", "reveal": ["/etc/issue"], "warn": ["/etc/issue.net"]}


def ruleset(*expressions: list[object]) -> str:
    chain = {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "policy": "drop"}
    made = [{"rule": {"family": "inet", "table": "t", "chain": "c", "expr": item}} for item in expressions]
    return json.dumps({"nftables": [{"chain": chain}, *made]})


STATE = {"ct": {"key": "state"}}


@pytest.mark.parametrize(
    ("rule", "dropped"),
    [
        ([{"match": {"op": "in", "left": STATE, "right": "invalid"}}, {"drop": None}], True),
        ([{"match": {"op": "==", "left": STATE, "right": {"set": ["invalid", "new"]}}}, {"drop": None}], True),
        ([{"match": {"op": "in", "left": STATE, "right": "invalid"}}, {"accept": None}], False),
        ([{"match": {"op": "!=", "left": STATE, "right": "invalid"}}, {"drop": None}], False),
        ([{"match": {"op": "in", "left": STATE, "right": "established"}}, {"drop": None}], False),
    ],
)
def test_stray_packets_are_dropped_by_a_rule_for_them_alone(rule: list[object], dropped: bool) -> None:
    assert parse("nftables", ruleset(rule))["input_invalid_dropped"] is dropped


def test_a_log_in_a_chain_that_nothing_leads_to_does_not_count() -> None:
    content = json.loads(ruleset([{"jump": {"target": "seen"}}]))
    for name in ("seen", "unseen"):
        content["nftables"].append({"chain": {"family": "inet", "table": "t", "name": name}})
        rule = {"family": "inet", "table": "t", "chain": name, "expr": [{"log": {}}] if name == "unseen" else []}
        content["nftables"].append({"rule": rule})
    assert parse("nftables", json.dumps(content))["input_logged"] is False
    content["nftables"].append({"rule": {"family": "inet", "table": "t", "chain": "seen", "expr": [{"log": None}]}})
    assert parse("nftables", json.dumps(content))["input_logged"] is True


def test_apparmor_counts_only_the_profiles_that_bind() -> None:
    facts = parse("apparmor", "at-boot\nkernel Y\n(enforce) 31\n(complain) 2\n(unconfined) 60\nend\n")
    assert facts == {"installed": True, "at_boot": True, "kernel": True, "enforced": 31}
    assert parse("apparmor", "absent\nkernel N\nend\n")["enforced"] == 0
    for broken in ("at-boot\nend\n", "kernel Y\n", "kernel perhaps\nend\n", "kernel Y\n(enforce) many\nend\n"):
        with pytest.raises(ValueError, match=r"end|kernel|many"):
            parse("apparmor", broken)


def test_sudo_s_exemptions_are_known_by_name_whatever_their_form() -> None:
    bound = '{"Binding": [{"usergroup": "sudo"}], "Options": [{"umask": "0022"}]}'
    everybody = '{"Options": [{"noexec": true}, {"requiretty": true}, {"umask": "0077"}]}'
    rule = '{"User_List": [{"username": "alex"}], "Cmnd_Specs": [{"Options": [{"noexec": false}], "Commands": []}]}'
    facts = parse("sudo_rules", f'{{"Defaults": [{everybody}, {bound}], "User_Specs": [{rule}]}}')
    assert facts["exempt"] == ["%sudo", "alex"]
    assert (facts["noexec"], facts["requiretty"], facts["umask"]) == (True, True, "0077")
    later = '{"Options": [{"noexec": false}]}'
    assert parse("sudo_rules", f'{{"Defaults": [{everybody}, {later}], "User_Specs": []}}')["noexec"] is False
