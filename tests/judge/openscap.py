"""OpenSCAP, from inside the endpoint, with the ANSSI-BP-028 profiles: as they are, and without the excluded rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import yaml

from tests.judge import Laptop

LEVELS = ("minimal", "intermediary")
RULES = Path(__file__).with_name("rules.yml")
MAXIMUM_EXCLUDED = 25
_FOLDER = "/root/judge"
_CONTENT = f"{_FOLDER}/content.xml"
_RULE = "xccdf_org.ssgproject.content_rule_"
_PROFILE = "xccdf_org.ssgproject.content_profile_anssi_bp28_"
_OURS = "xccdf_fr.nomade_profile_"
_FINISHED = (0, 2)  # oscap(8): 2 says that a rule is not met


@dataclass(frozen=True, slots=True)
class Scan:
    """Rule → what OpenSCAP says of it (`pass`, `fail`, `notapplicable`, `notchecked`, …)."""

    results: Mapping[str, str] = field(default_factory=dict)

    def of(self, *words: str) -> list[str]:
        """Return the rules with one of these results."""
        return sorted(rule for rule, result in self.results.items() if result in words)

    @property
    def percent(self) -> float:
        """Share of the applicable, checked rules that pass, in percent; an error counts as not met."""
        passed, judged = len(self.of("pass")), len(self.of("pass", "fail", "error", "unknown"))
        return 100 * passed / judged if judged else 0.0


def rules() -> dict[str, dict[str, str]]:
    """Return `excluded` and `open` (rules) and `lynis` (its tests), each name → reason, in French."""
    content: dict[str, dict[str, str]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return content


def install(laptop: Laptop, content: bytes) -> str:
    """Install the scanner from the stand-in's own store of packages; put `content` and the tailoring beside it.

    Returns the scanner's version.
    """
    laptop.run("apt-get", "install", "--yes", "--no-download", "openscap-scanner", "lynis")
    laptop.run("mkdir", "-p", _FOLDER)
    laptop.run("sh", "-c", f"cat > {_CONTENT}", stdin=content)
    laptop.run("sh", "-c", f"cat > {_FOLDER}/tailoring.xml", stdin=tailoring(rules()["excluded"]).encode())
    return laptop.run("oscap", "--version").splitlines()[0].rpartition(" ")[2]


def scan(laptop: Laptop, level: str, *, tailored: bool) -> Scan:
    """Return what OpenSCAP says with the profile of `level`, or with ours that leaves the excluded rules out."""
    profile = ["--profile", f"{_OURS if tailored else _PROFILE}{level}"]
    if tailored:
        profile += ["--tailoring-file", f"{_FOLDER}/tailoring.xml"]
    found = parse(laptop.run("oscap", "xccdf", "eval", *profile, _CONTENT, accepted=_FINISHED))
    if not found.of("pass"):
        raise RuntimeError(f"OpenSCAP, {level}: no rule passed, so nothing was judged")
    return found


def parse(text: str) -> Scan:
    """Read the lines `Rule<CR><TAB>id` and `Result<CR><TAB>word` that oscap prints."""
    results: dict[str, str] = {}
    rule = ""
    for line in text.replace("\r", "").split("\n"):
        word, _, value = line.partition("\t")
        if word == "Rule":
            rule = value.strip().removeprefix(_RULE)
        elif word == "Result" and rule:
            results[rule] = value.strip()
    return Scan(results)


def tailoring(excluded: Mapping[str, str]) -> str:
    """Return the tailoring file: for each level a profile that extends it, without `excluded`, each with its reason."""
    selections = "".join(
        f'    <xccdf:select idref={quoteattr(_RULE + rule)} selected="false">'
        f"<xccdf:remark>{escape(reason)}</xccdf:remark></xccdf:select>\n"
        for rule, reason in sorted(excluded.items())
    )
    profiles = "".join(
        f'  <xccdf:Profile id="{_OURS}{level}" extends="{_PROFILE}{level}">\n'
        f"    <xccdf:title>ANSSI-BP-028 {level}, telework laptop</xccdf:title>\n{selections}  </xccdf:Profile>\n"
        for level in LEVELS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<xccdf:Tailoring xmlns:xccdf="http://checklists.nist.gov/xccdf/1.2" id="xccdf_fr.nomade_tailoring_laptop">\n'
        f'  <xccdf:benchmark href="{_CONTENT}"/>\n'
        '  <xccdf:version time="2026-11-24T00:00:00">1</xccdf:version>\n'
        f"{profiles}</xccdf:Tailoring>\n"
    )
