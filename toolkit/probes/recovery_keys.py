"""Encrypted volumes and their recovery keys: escrowed or not, to whom, and still the one in the header or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, document, whole

# Of the header only what is no secret; of the record all but the encrypted key. The digest of a key slot's area says
# whether the key was replaced, and nothing of the key itself. Records name image files; block devices are found, as
# their names change with the order of disks.
COMMAND = rf"""
command -v cryptsetup >/dev/null || {{ echo {ABSENT}; exit 0; }}
records=/var/lib/nomade/escrow
devices=${{encrypted?}}
set -- "$records"/*.json
[ ! -e "$1" ] || devices=$({{
  printf '%s\n' "$devices"
  sed -n 's/^ "device": "\(\/.*\)",\{{0,1\}}$/\1/p' "$@" |
    while IFS= read -r file; do [ ! -f "$file" ] || echo "$file"; done
}})
[ -z "$devices" ] || printf '%s\n' "$devices" | sort -u | while IFS= read -r device; do
  [ -e "$device" ] || continue
  echo "volume $device"
  dump=$(cryptsetup luksDump "$device" 2>/dev/null) || {{ echo unreadable; continue; }}
  facts=$(printf '%s\n' "$dump" | awk '
    /^(Version|UUID):/ {{ print "  " tolower($1), $2 }}
    /^[^ \t]/ {{ slots = ($1 == "Keyslots:") }}
    slots && /^  [0-9]+:/ {{ slot = $1 + 0 }}
    slots && $1 == "PBKDF:" {{ print "  slot", slot, $2 }}
  ')
  printf '%s\n' "$facts"
  uuid=${{facts#*uuid: }}
  record=$records/${{uuid%%[!0-9a-f-]*}}.json
  [ -f "$record" ] || continue
  slot=$(sed -n 's/^ "slot": \([0-9]*\),\{{0,1\}}$/\1/p' "$record")
  parts=$(cryptsetup luksDump --dump-json-metadata "$device" 2>/dev/null | tr -d ' \t\n' | awk -v slot="$slot" '
    function part(name, label,    text) {{
      if (!match($0, "\"" name "\":[{{][^{{}}]*([{{][^{{}}]*[}}][^{{}}]*)*[}}]")) return
      text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
      gsub(/,/, ",\n  " label " ", text)
      print "  " label " " text
    }}
    {{ part(slot, "keyslot"); part("digests", "digests") }}
  ')
  printf '%s\n' "$parts"
  offset=${{parts#*'"offset":"'}} length=${{parts#*'"size":"'}}
  offset=${{offset%%'"'*}} length=${{length%%'"'*}}
  case "$offset$length" in ''|*[!0-9]*) continue ;; esac
  echo "  area $(dd if="$device" bs=4096 skip=$((offset / 4096)) count=$((length / 4096)) 2>/dev/null | sha256sum)"
done
for record in "$records"/*-*-*-*-*.json; do
  case $record in *.pending.json|*'*'*) continue ;; esac
  echo record
  grep -v '"ciphertext":' "$record"
done
echo end
"""

# volume /dev/sda3
#   version: 2
#   uuid: 78e9f13c-b6ea-4477-ad1b-35c805f73afb
#   slot 0 argon2id
#   slot 31 argon2id
#   keyslot {"type":"luks2",
#   keyslot "key_size":64,
#   keyslot …}
#   digests {"0":{"type":"pbkdf2",
#   digests "keyslots":["0",
#   digests "31"],
#   digests …}}
#   area 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef  -
# record
# {
#  "area_sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
#  "ciphertext_sha256": "…",
#  "digest_sha256": "…",
#  "escrowed": "2026-11-24T17:00:00Z",
#  "header": {"slot": 31, "area_sha256": …, "ciphertext_sha256": …, "escrowed": …},
#  "keyslot_sha256": "…",
#  "proven": "2026-11-24T16:59:58Z",
#  "recipients": ["age1…", "age1…"],
#  "slot": 31,
#  "uuid": "78e9f13c-b6ea-4477-ad1b-35c805f73afb"
# }
# end


@dataclass
class _Volume:
    device: str
    version: str = ""
    uuid: str = ""
    area: str = ""
    keyslot: str = ""
    digests: str = ""
    slots: dict[int, str] = field(default_factory=dict)


def parse(text: str) -> dict[str, object]:
    """Return counts of volumes and of escrowed keys, and devices by what is wrong with them.

    `recipients` can open every escrowed key, `any_recipient` some of them; `unseen`: records whose volume is not there;
    `ciphertexts`: digests of the encrypted keys that this endpoint knows to be kept; `changed`: the slot is not the one
    that the key was proven to open; `no_other_key`: the recovery key is the only one, so the user has none.
    Of the copies of headers: `headers`, digests of the encrypted ones that this endpoint knows to be kept;
    `without_header`: volumes that have none; `header_older`: the copy was made before the slot was what it is now.
    """
    if text.strip() == ABSENT:
        return {"installed": False, "volumes": 0, "escrowed": 0}
    lines = whole(text)
    start = lines.index("record") if "record" in lines else len(lines)
    volumes = list(_volumes(lines[:start]))
    records = {record["uuid"]: record for record in _records(lines[start:])}
    escrowed = {uuid: record for uuid, record in records.items() if record["escrowed"]}
    to = [set(record["recipients"]) for record in escrowed.values()]
    headers = {uuid: record["header"] for uuid, record in records.items() if record.get("header", {}).get("escrowed")}
    paired = [(volume, records[volume.uuid]) for volume in volumes if volume.uuid in records]
    return {
        "installed": True,
        "volumes": len(volumes),
        "not_luks2": [volume.device for volume in volumes if volume.version != "2"],
        "escrowed": len(escrowed),
        "without_escrow": [volume.device for volume in volumes if volume.uuid not in escrowed],
        "changed": [volume.device for volume, record in paired if not _unchanged(volume, record)],
        "unproven": [volume.device for volume, record in paired if not record.get("proven")],
        "no_other_key": [volume.device for volume, record in paired if set(volume.slots) <= {record["slot"]}],
        "unseen": sorted(set(records) - {volume.uuid for volume in volumes}),
        "without_header": [volume.device for volume in volumes if volume.uuid not in headers],
        "header_older": [volume.device for volume, record in paired if not _header_fits(volume, record)],
        "headers": sorted(str(header["ciphertext_sha256"]) for header in headers.values()),
        "uuids": sorted({volume.uuid for volume in volumes}),
        "ciphertexts": sorted(str(record.get("ciphertext_sha256")) for record in escrowed.values()),
        "functions": sorted({volume.slots.get(record["slot"], "none") for volume, record in paired}),
        "recipients": sorted(set.intersection(*to)) if to else [],
        "any_recipient": sorted(set().union(*to)),
    }


def _unchanged(volume: _Volume, record: dict[str, Any]) -> bool:
    """Return whether all that a key needs to open the volume through the slot is as it was when it was proven.

    That is the area on disk, the description (salt and costs) and the volume key that the slot leads to.
    """
    if record["slot"] not in volume.slots:
        return False
    slot, digests = str(record["slot"]), document(volume.digests)
    if not isinstance(digests, dict) or not all(isinstance(key, dict) for key in digests.values()):
        raise ValueError(f"{volume.device}: digests that are none")
    keys = [{**key, "keyslots": None} for key in digests.values() if slot in key["keyslots"]]
    found = (volume.area, _digest(document(volume.keyslot)), _digest(keys))
    return found == tuple(record.get(name) for name in ("area_sha256", "keyslot_sha256", "digest_sha256"))


def _header_fits(volume: _Volume, record: dict[str, Any]) -> bool:
    """Return whether the copy of the header, if there is one, has the recovery key's slot as it is on the disk."""
    header = record.get("header")
    return not header or (header.get("slot") == record["slot"] and _unchanged(volume, header))


def _digest(part: Any) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _volumes(lines: Iterable[str]) -> Iterator[_Volume]:
    current: _Volume | None = None
    for line in lines:
        if line.startswith("volume "):
            if current:
                yield _checked(current)
            current = _Volume(line.removeprefix("volume "))
            continue
        if current is None:
            raise ValueError(f"not a part of a volume: {line!r}")
        _take(current, line.split())
    if current:
        yield _checked(current)


def _take(volume: _Volume, words: list[str]) -> None:
    match words:
        case ["version:", version]:
            volume.version = version
        case ["uuid:", uuid]:
            volume.uuid = uuid
        case ["slot", number, function]:
            volume.slots[int(number)] = function
        case ["area", digest, "-"]:
            volume.area = digest
        case ["keyslot", piece]:
            volume.keyslot += piece
        case ["digests", piece]:
            volume.digests += piece
        case _:
            raise ValueError(f"not a part of a volume: {words!r}")


def _checked(volume: _Volume) -> _Volume:
    if not volume.version or not volume.uuid:
        raise ValueError(f"{volume.device}: no version or UUID")
    return volume


def _records(lines: list[str]) -> Iterator[dict[str, Any]]:
    for part in "\n".join(lines).split("record\n")[1:]:
        record = document(part)
        if not isinstance(record, dict) or not isinstance(record.get("uuid"), str):
            raise ValueError("a record without UUID")
        recipients = record.get("recipients")
        if not isinstance(recipients, list) or not all(isinstance(item, str) for item in recipients):
            raise ValueError("a record without recipients")
        if not isinstance(record.get("slot"), int) or not isinstance(record.get("area_sha256"), str):
            raise ValueError("a record without slot or digest")
        if not isinstance(record.get("escrowed", 0), str | None):
            raise ValueError("a record that does not say whether it was escrowed")
        if not isinstance(record.get("header", {}), dict):
            raise ValueError("a copy of a header that is not described")
        yield record


PROBE = Probe(name="recovery_keys", command=COMMAND, parse=parse, timeout=20.0, shares=("disks", "encrypted"))
