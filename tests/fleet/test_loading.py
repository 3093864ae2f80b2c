"""Fleet files: the good one is read whole, each bad one is refused at its place, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import inventory
from toolkit.errors import BadInputError, NomadeError, NothingEvaluatedError, ProblemsError
from toolkit.fleet import Kind, load, load_all, load_config
from toolkit.fleet.text import RESERVED_LOGINS
from toolkit.i18n import set_language
from toolkit.workspace import Workspace


def problems(folder: Path, text: str, commune: str = "essai") -> list[str]:
    """Load one fleet file that must be refused and return its problems, without the folder's path."""
    workspace = sample.workspace(folder, **{commune: text})
    with pytest.raises(ProblemsError) as refused:
        load(workspace, commune)
    assert not workspace.commune(commune).hosts.exists()
    return [f"{problem.line}: {problem.message} {problem.hint}".strip() for problem in refused.value.problems]


def line_of(text: str, piece: str, nth: int = 0) -> int:
    """Return the number of the line of `text` that has `piece` in it."""
    return [number for number, line in enumerate(text.splitlines(), 1) if piece in line][nth]


def test_a_good_fleet_is_read_whole(tmp_path: Path) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    assert [(item.name, item.kind) for item in fleet.endpoints][:2] == [
        ("essai-passerelle", Kind.GATEWAY),
        ("essai-portable-1", Kind.LAPTOP),
    ]
    post = fleet.post_of("essai-bureau-1")
    assert post is not None
    assert post == fleet.post_of("essai-portable-1")
    assert fleet.post_of("essai-bureau-2") is None
    assert [item.id for item in fleet.applications_of("essai-portable-1")] == ["paie", "depot"]
    assert fleet.regime.mode == "normal"


def test_config_is_read_with_its_defaults(tmp_path: Path) -> None:
    config = load_config(sample.workspace(tmp_path))
    assert (config.cig.name, config.management_account, config.freshness_days) == ("CIG d’essai", "nomade", 30)


def test_selection_follows_names_commas_and_stars(tmp_path: Path) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    assert len(fleet.select(None)) == 5
    assert [item.name for item in fleet.select("*-1")] == ["essai-portable-1", "essai-bureau-1"]
    assert [item.name for item in fleet.select("essai-passerelle, essai-bureau-2")] == [
        "essai-passerelle",
        "essai-bureau-2",
    ]


@pytest.mark.parametrize("limit", ["nobody", "", ",", "essai", "*-9"])
def test_f017_a_limit_that_matches_nothing_is_not_success(tmp_path: Path, limit: str) -> None:
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    with pytest.raises(NothingEvaluatedError):
        fleet.select(limit)


def test_f017_a_workspace_without_commune_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        sample.workspace(tmp_path).select(())


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "[]", "x", "commune:\n"])
def test_f017_an_empty_fleet_file_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "/etc", "..", "-rf", "a;b", "$(id)", "`id`", "A", "a_b", "a.b", "é", "раypal", "a" * 64, "a-",
     "x y", "", "a'b", "@x", "*"],
)  # fmt: skip
def test_f001_f002_f013_names_are_rfc_1123_or_refused_with_their_line(tmp_path: Path, name: str) -> None:
    text = sample.FLEET.replace("essai-portable-2", f'"{name}"')
    found = problems(tmp_path, text)
    assert any(
        line.startswith(f"{line_of(text, 'os: debian-12, management: {address: 192.0.2.32}')}: ") for line in found
    )
    assert not [path for path in tmp_path.parent.iterdir() if path != tmp_path and path.name in ("x", "etc")]


@pytest.mark.parametrize("name", ["localhost", "all", "ungrouped", "laptops", "gateways"])
def test_names_that_mean_something_to_ansible_are_refused(tmp_path: Path, name: str) -> None:
    assert any("Ansible" in line for line in problems(tmp_path, sample.FLEET.replace("essai-portable-2", name)))


def test_f014_only_settings_may_have_several_lines(tmp_path: Path) -> None:
    text = sample.FLEET + "settings:\n  commune:\n    base_banner: |\n      Un\n      Deux\n"
    fleet = load(sample.workspace(tmp_path, essai=text), "essai")
    assert fleet.settings.commune["base_banner"] == "Un\nDeux\n"
    inventory.generate(Workspace(tmp_path), "essai")
    assert '"Un\\nDeux\\n"' in Workspace(tmp_path).commune("essai").hosts.read_text()
    assert problems(tmp_path / "b", text + 'regime: {hours: "x\\n"}\n')
    assert problems(tmp_path / "c", text.replace("Deux", "{{ 7 }}"))
    assert problems(tmp_path / "d", "settings: {}\n" + sample.changed("Anna Petit", '"Anna\\n[Peer]"'))


def test_f001_the_commune_is_its_folder_and_nothing_else(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, sample.changed("id: essai", "id: autre"))
    assert line.startswith("2: ")
    assert problems(tmp_path / "b", sample.changed("id: essai", "id: ../essai"))


def test_f018_an_unknown_key_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    text = sample.changed("tunnel_network:", "tunel_network:")
    found = problems(tmp_path, text)
    assert any("unknown key “tunel_network” did you mean “tunnel_network”?" in line for line in found)
    assert any("“tunnel_network” is missing" in line for line in found)
    text = sample.FLEET + "pare_feux: {}\n"
    assert problems(tmp_path / "b", text)[0].startswith(
        f"{line_of(text, 'pare_feux')}: unknown key “pare_feux” known: "
    )


def test_f018_an_unknown_setting_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    text = sample.FLEET + "settings:\n  commune: {base_apt_proxi: x}\n  endpoints:\n    essai-portable-9: {}\n"
    found = problems(tmp_path, text)
    assert any("base_apt_proxi” did you mean “base_apt_proxy”?" in line for line in found)
    assert any("essai-portable-9" in line and "did you mean" in line for line in found)


def test_a_setting_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    text = sample.FLEET + "settings:\n  laptop: {base_apt_proxy: 12, base_hostname_managed: 1, base_time_servers: a}\n"
    assert len(problems(tmp_path, text)) == 3


def test_every_problem_is_reported_in_one_run_in_file_order(tmp_path: Path) -> None:
    text = sample.FLEET.replace("debian-13", "debian-14", 1).replace("login: bruno", "login: Bruno")
    text = text.replace("port: 443", "port: 0").replace('"99003"', "99003")
    found = problems(tmp_path, text)
    assert [int(line.split(":")[0]) for line in found] == sorted(int(line.split(":")[0]) for line in found)
    assert len(found) == 4
    assert 'quote it: "99003"' in found[0]
    assert "at least 1" in found[1]
    assert "a login" in found[2]
    assert "debian-12, debian-13, ubuntu-24.04, windows did you mean “debian-13”?" in found[3]


def test_a_mistake_in_one_section_hides_none_in_another_and_makes_none_up(tmp_path: Path) -> None:
    text = sample.changed("debian-13", "debian-14").replace("id: essai", "id: autre").replace("S4", "S3")
    text = text.replace("applications: [paie]", "applications: [paies]") + "settings: {commune: {zzz: 1}}\n"
    found = problems(tmp_path, text)
    assert len(found) == 5
    for says in ("its folder is “essai”", "“paies” is not declared", "one of these", "serial number “S3”", "“zzz”"):
        assert any(says in line for line in found)
    text = sample.changed("tunnel_network: 10.77.9.0/29", "tunnel_network: here")
    assert len(problems(tmp_path / "b", text)) == 1
    assert len(problems(tmp_path / "c", sample.changed("id: accueil, name", "id: accueil, nom"))) == 2


def test_f010_a_retyped_value_is_one_problem_and_not_two(tmp_path: Path) -> None:
    assert len(problems(tmp_path, sample.changed('insee: "99003"', "insee: 012"))) == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("192.0.2.32", "192.0.2.31", "management address"),
        ("serial: S4", "serial: S1", "serial"),
        ("33:44:02", "33:44:01", "MAC"),
        ("name: essai-bureau-2", "name: essai-portable-1", "name “essai-portable-1”"),
        ("address: 198.51.100.21", "address: 198.51.100.20", "198.51.100.20 is already taken"),
        ("address: 198.51.100.21", "address: 198.51.100.2", "198.51.100.2 is already taken"),
        ("login: bruno", "login: anna", "“anna” is given twice"),
        ("id: gardien", "id: redacteur", "“redacteur” is given twice"),
        ("id: depot", "id: paie", "“paie” is given twice"),
    ],
)
def test_f003_nothing_is_shared_by_two(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert any(says in line for line in problems(tmp_path, sample.FLEET.replace(old, new)))


def test_f003_a_mac_address_is_the_same_in_capitals(tmp_path: Path) -> None:
    text = sample.FLEET.replace("00:11:22:33:44:01", "00:aa:22:33:44:01").replace(
        "00:11:22:33:44:02", "00:AA:22:33:44:01"
    )
    assert len(problems(tmp_path, text)) == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("198.51.100.20", "198.51.101.20", "outside the office network"),
        ("198.51.100.20", "198.51.100.0", "network or broadcast"),
        ("198.51.100.20", "198.51.100.255", "network or broadcast"),
        ("address: 198.51.100.2}", "address: 198.51.101.2}", "outside the office network"),
        ("10.77.9.0/29", "198.51.0.0/16", "overlaps the office network"),
        ("10.77.9.0/29", "10.77.9.0/31", "too small"),
        ("10.77.9.0/29", "10.77.9.1/29", "host bits zero"),
        ("10.77.9.0/29", "10.77.9.0", "CIDR"),
        ("203.0.113.21", "10.77.9.3", "no laptop reaches it"),
        ("198.51.100.10,", "10.77.9.4,", "inside the tunnel network"),
        ("198.51.100.10,", "198.51.100.300,", "not an IPv4 address"),
    ],
)
def test_f005_f006_addresses_fit_their_networks(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert any(says in line for line in problems(tmp_path, sample.changed(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("laptop: essai-portable-2}", "laptop: essai-portable-2, office_pc: essai-bureau-1}", "already belongs"),
        ("laptop: essai-portable-2}", "laptop: essai-portable-1}", "already belongs"),
        ("laptop: essai-portable-2}", "laptop: essai-bureau-2}", "not declared"),
        ("office_pc: essai-bureau-1", "office_pc: essai-bureau-3", "did you mean “essai-bureau-"),
        ("teleworker: bruno", "teleworker: brunno", "did you mean “bruno”?"),
        ("name: Bruno Grand, duty: redacteur", "name: Bruno Grand, duty: gardien", "may not telework"),
        ("name: Bruno Grand, duty: redacteur", "name: Bruno Grand, duty: redac", "did you mean “redacteur”?"),
        ("applications: [paie]", "applications: [paies]", "did you mean “paie”?"),
        ("name: Gardien, service: accueil", "name: Gardien, service: acceuil", "did you mean “accueil”?"),
    ],
)
def test_f007_posts_pair_what_exists_and_is_free(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert any(says in line for line in problems(tmp_path, sample.changed(old, new)))


def test_f007_an_office_pc_of_another_commune_is_named_as_such(tmp_path: Path) -> None:
    text = sample.changed("laptop: essai-portable-2}", "laptop: essai-portable-2, office_pc: voisin-bureau-1}")
    workspace = sample.workspace(tmp_path, essai=text, voisin=sample.other("voisin", 1))
    with pytest.raises(ProblemsError, match="belongs to another commune: voisin"):
        load(workspace, "essai")


def test_f007_a_laptop_without_office_pc_or_post_is_allowed(tmp_path: Path) -> None:
    text = sample.changed("  - {teleworker: bruno, laptop: essai-portable-2}\n", "")
    assert load(sample.workspace(tmp_path, essai=text), "essai").post_of("essai-portable-2") is None


def test_communes_share_no_name_address_or_machine(tmp_path: Path) -> None:
    twin = sample.other("voisin", 1).replace("serial: T11", "serial: S1").replace("192.0.3.31", "192.0.2.31")
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, voisin=twin)
    with pytest.raises(ProblemsError) as refused:
        load_all(workspace, ["voisin"])
    assert len(refused.value.problems) == 2
    assert all("by commune essai" in str(problem) for problem in refused.value.problems)
    assert (
        len(load_all(sample.workspace(tmp_path / "b", a=sample.other("a", 1), c=sample.other("c", 2)), ["a", "c"])[1])
        == 2
    )


def test_f006_tunnels_of_two_communes_do_not_overlap(tmp_path: Path) -> None:
    text = sample.other("voisin", 1).replace("10.78.1.0/29", "10.77.0.0/16")
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, voisin=text)
    for communes in (["essai"], ["voisin"], ["essai", "voisin"]):
        with pytest.raises(ProblemsError, match="of commune"):
            load_all(workspace, communes)


def test_another_communes_mistake_stops_nobody_else(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, voisin="commune: [")
    assert inventory.generate(workspace, "essai")


def test_the_fleet_fits_the_workspace(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    workspace.config_file.write_text(sample.CONFIG.replace("192.0.2.0/24", "10.77.0.0/16"), encoding="utf-8")
    with pytest.raises(ProblemsError) as refused:
        inventory.generate(workspace, "essai")
    text = str(refused.value)
    assert "overlaps 10.77.0.0/16 of nomade.yml" in text


def test_f023_the_communes_recipient_is_not_the_cigs(tmp_path: Path) -> None:
    text = sample.changed(
        "age16gglejryulsfmxg96lp7ygu36tr787vxkdxfyk0fqw8s838uyf5qn82awv",
        "age16dhx9mk06zrd4ysa88g3r2g4n45eduwte95fjqkjgy0wt6gyjdgq3yj4ty",
    )
    with pytest.raises(ProblemsError, match="already the CIG’s"):
        inventory.generate(sample.workspace(tmp_path, essai=text), "essai")


def test_nobody_takes_the_management_account(tmp_path: Path) -> None:
    text = sample.FLEET.replace("login: anna", "login: nomade").replace("teleworker: anna", "teleworker: nomade")
    with pytest.raises(ProblemsError, match="management account"):
        inventory.generate(sample.workspace(tmp_path, essai=text), "essai")


@pytest.mark.parametrize("login", sorted(RESERVED_LOGINS))
def test_nobody_takes_a_system_account(tmp_path: Path, login: str) -> None:
    assert problems(tmp_path, sample.FLEET.replace("anna", login))


@pytest.mark.parametrize(
    "text",
    ['x" accept; } table inet evil {', "a\\n[Peer]", "'; drop", "<script>alert(1)</script>", "$(reboot)", "=cmd()"],
)
def test_f015_hostile_text_is_refused_or_stays_data(tmp_path: Path, text: str) -> None:
    import json

    workspace = sample.workspace(tmp_path, essai=sample.changed("Anna Petit", json.dumps(text)))
    inventory.generate(workspace, "essai")
    hosts = variables(workspace.commune("essai").hosts)
    assert hosts["essai-portable-1"]["nomade_teleworker"] == {"login": "anna", "name": text}


@pytest.mark.parametrize("hours", ["20:00-07:00", "8:00-18:00", "08:00-25:00", "08:00"])
def test_hours_run_forward(tmp_path: Path, hours: str) -> None:
    assert problems(tmp_path, sample.FLEET + f'regime: {{hours: "{hours}"}}\n')


def test_normal_telework_is_three_days_a_week_at_most(tmp_path: Path) -> None:
    assert problems(tmp_path, sample.FLEET + "regime: {days: 4}\n")


def test_messages_are_french_unless_asked(tmp_path: Path) -> None:
    set_language("fr")
    assert "clé inconnue" in problems(tmp_path, sample.FLEET + "zzz: 1\n")[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(text=st.one_of(st.text(), st.text(alphabet="ab01:-?[]{}&*!|>'\"%@` \n#,<=~.ynoNO")), at=st.integers(0, 60))
def test_any_fleet_file_is_read_or_refused_and_nothing_is_written(tmp_path: Path, text: str, at: int) -> None:
    lines = sample.FLEET.splitlines()
    lines[at % len(lines)] = text
    folder = tmp_path / "fuzz"
    workspace = Workspace(folder)
    workspace.commune("essai").root.mkdir(parents=True, exist_ok=True)
    workspace.config_file.write_text(sample.CONFIG, encoding="utf-8")
    workspace.commune("essai").hosts.unlink(missing_ok=True)
    workspace.commune("essai").addresses.unlink(missing_ok=True)
    for content in (text, "\n".join(lines)):
        workspace.commune("essai").fleet.write_bytes(content.encode(errors="surrogatepass"))
        try:
            inventory.generate(workspace, "essai")
        except NomadeError:
            assert not workspace.commune("essai").hosts.exists()
        else:
            workspace.commune("essai").hosts.unlink()
            workspace.commune("essai").addresses.unlink()


@given(text=st.one_of(st.ip_addresses(v=4).map(str), st.from_regex(r"[0-9٣.]{1,16}", fullmatch=True)))
def test_an_address_is_what_python_takes_for_one(text: str) -> None:
    from ipaddress import IPv4Address

    from pydantic import TypeAdapter, ValidationError

    from toolkit.fleet.text import Address

    try:
        IPv4Address(text)
    except ValueError:
        with pytest.raises(ValidationError):
            TypeAdapter(Address).validate_python(text)
    else:
        assert TypeAdapter(Address).validate_python(text) == text
