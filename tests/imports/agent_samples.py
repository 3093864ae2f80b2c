"""Inventories as agents write them, made from their public formats; what a test is about is said by the test."""

from __future__ import annotations

import json
from typing import Any

_JSON: dict[str, Any] = {
    "action": "inventory",
    "deviceid": "pc-accueil-2026-11-20-09-12-44",
    "itemtype": "Computer",
    "tag": "Nogent-l'Abbé",
    "content": {
        "versionclient": "GLPI-Agent_v1.11",
        "accesslog": {"logdate": "2026-11-20 09:12:51"},
        "bios": {
            "assettag": "0000000000",
            "bmanufacturer": "LENOVO",
            "smanufacturer": "LENOVO",
            "smodel": "ThinkPad T14 Gen 3",
            "ssn": "PF3XK9T2",
            "secure_boot": "enabled",
        },
        "hardware": {
            "name": "pc-accueil",
            "chassis_type": "Notebook",
            "lastloggeduser": "aïcha",
            "datelastloggeduser": "Fri Nov 20 08:02",
            "memory": 15812,
            "uuid": "0055ADC9-1D3A-E411-8043-B05D95113232",
            "vmsystem": "Physical",
        },
        "operatingsystem": {
            "full_name": "Debian GNU/Linux 12 (bookworm)",
            "name": "Debian GNU/Linux",
            "version": "12.7",
        },
        "networks": [
            {"description": "lo", "type": "loopback", "virtualdev": True, "mac": "00:00:00:00:00:00"},
            {"description": "enp0s31f6", "type": "ethernet", "virtualdev": False, "mac": "8C:8C:AA:01:02:03"},
            {
                "description": "wlp0s20f3",
                "type": "wifi",
                "virtualdev": False,
                "mac": "dc:21:48:0a:0b:0c",
                "ipaddress": "192.0.2.41",
            },
            {"description": "wlp0s20f3", "virtualdev": False, "mac": "dc:21:48:0a:0b:0c", "ipaddress6": "fe80::1"},
            {"description": "docker0", "type": "bridge", "virtualdev": True, "mac": "02:42:00:00:00:01"},
            {"description": "bmc", "management": True, "virtualdev": False, "mac": "8c:8c:aa:01:02:ff"},
        ],
        "drives": [
            {"type": "/", "volumn": "/dev/mapper/vg-root", "filesystem": "ext4", "encrypt_status": "Yes"},
            {"type": "/boot", "volumn": "/dev/nvme0n1p2", "filesystem": "ext4"},
            {"type": "/boot/efi", "volumn": "/dev/nvme0n1p1", "filesystem": "vfat"},
        ],
        "users": [{"login": "aïcha"}],
        "softwares": [{"name": "bash", "version": "5.2"}],
    },
}


def document() -> dict[str, Any]:
    """Return a fresh laptop of GLPI's inventory format, to be changed by the test."""
    return json.loads(json.dumps(_JSON))  # type: ignore[no-any-return]


def in_json(**content: Any) -> bytes:
    """Return that laptop with some sections replaced (or, when None, left out)."""
    whole = document()
    for name, section in content.items():
        if section is None:
            del whole["content"][name]
        else:
            whole["content"][name] = section
    return json.dumps(whole, ensure_ascii=False).encode()


FUSION = """<?xml version="1.0" encoding="UTF-8" ?>
<REQUEST>
  <CONTENT>
    <ACCESSLOG>
      <LOGDATE>2026-11-20 09:12:51</LOGDATE>
      <USERID>marguerite</USERID>
    </ACCESSLOG>
    <ACCOUNTINFO>
      <KEYNAME>TAG</KEYNAME>
      <KEYVALUE>Root &gt; CIG &gt; Val d'Aït</KEYVALUE>
    </ACCOUNTINFO>
    <BIOS>
      <SMANUFACTURER>Dell Inc.</SMANUFACTURER>
      <SMODEL>OptiPlex 7090</SMODEL>
      <SSN>7XK2QL3</SSN>
    </BIOS>
    <DRIVES>
      <LETTER>C:</LETTER>
      <SYSTEMDRIVE>1</SYSTEMDRIVE>
      <TYPE>Local Disk</TYPE>
      <ENCRYPT_NAME>BitLocker</ENCRYPT_NAME>
      <ENCRYPT_STATUS>Yes</ENCRYPT_STATUS>
    </DRIVES>
    <DRIVES>
      <LETTER>E:</LETTER>
      <TYPE>Removable Disk</TYPE>
      <ENCRYPT_STATUS>No</ENCRYPT_STATUS>
    </DRIVES>
    <HARDWARE>
      <CHASSIS_TYPE>Mini Tower</CHASSIS_TYPE>
      <LASTLOGGEDUSER>marguerite</LASTLOGGEDUSER>
      <NAME>ETAT-CIVIL-02</NAME>
      <OSNAME>Microsoft Windows 10 Professionnel</OSNAME>
      <VMSYSTEM>Physical</VMSYSTEM>
    </HARDWARE>
    <NETWORKS>
      <DESCRIPTION>Realtek PCIe GbE Family Controller</DESCRIPTION>
      <IPADDRESS>192.0.2.17</IPADDRESS>
      <MACADDR>A4:BB:6D:11:22:33</MACADDR>
      <TYPE>ethernet</TYPE>
      <VIRTUALDEV>0</VIRTUALDEV>
    </NETWORKS>
    <NETWORKS>
      <DESCRIPTION>Hyper-V Virtual Ethernet Adapter</DESCRIPTION>
      <MACADDR>00:15:5D:00:00:01</MACADDR>
      <VIRTUALDEV>1</VIRTUALDEV>
    </NETWORKS>
    <OPERATINGSYSTEM>
      <FULL_NAME>Microsoft Windows 10 Professionnel</FULL_NAME>
    </OPERATINGSYSTEM>
    <SOFTWARES>
      <NAME>Registre de l'état civil</NAME>
    </SOFTWARES>
  </CONTENT>
  <DEVICEID>ETAT-CIVIL-02-2026-11-20-09-12-44</DEVICEID>
  <QUERY>INVENTORY</QUERY>
</REQUEST>
"""

OCS = """<?xml version="1.0" encoding="UTF-8"?>
<REQUEST>
  <CONTENT>
    <ACCOUNTINFO>
      <KEYNAME>TAG</KEYNAME>
      <KEYVALUE>NA</KEYVALUE>
    </ACCOUNTINFO>
    <BIOS>
      <SMANUFACTURER>HP</SMANUFACTURER>
      <SMODEL>HP ProBook 450 G8 Notebook PC</SMODEL>
      <SSN>5CD1234XYZ</SSN>
      <TYPE>Notebook</TYPE>
    </BIOS>
    <HARDWARE>
      <NAME>portable-maire</NAME>
      <OSCOMMENTS>Debian GNU/Linux 13 (trixie)</OSCOMMENTS>
      <OSNAME>Debian GNU/Linux 13</OSNAME>
      <OSVERSION>13</OSVERSION>
    </HARDWARE>
    <LOCAL_USERS>
      <LOGIN>jean</LOGIN>
    </LOCAL_USERS>
    <NETWORKS>
      <DESCRIPTION>enp0s31f6</DESCRIPTION>
      <IPADDRESS></IPADDRESS>
      <MACADDR>00:68:eb:aa:bb:cc</MACADDR>
      <TYPE>ethernet</TYPE>
      <VIRTUALDEV></VIRTUALDEV>
    </NETWORKS>
  </CONTENT>
  <DEVICEID>portable-maire-2026-11-19-17-00-00</DEVICEID>
  <QUERY>INVENTORY</QUERY>
</REQUEST>
"""
