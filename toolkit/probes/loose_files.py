"""Files and folders that anybody may change or nobody owns, and programs that run with more rights than their user."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# Four levels down is where programs, settings and shared folders are. Left out: documents, libraries, device files,
# other machines' disks, people's own folders, and what they put into the common ones.
SKIPPED = (
    "/proc", "/sys", "/dev", "/run", "/media", "/mnt", "/net", "/snap", "/home/*/*", "/root/*",
    "/tmp/*", "/var/tmp/*",  # noqa: S108 — names to leave out, nothing is written there
    "/usr/share", "/usr/src", "/usr/include", "/usr/lib/*/*", "/usr/local/*/*",
    "/var/lib/dpkg", "/var/lib/docker", "/var/lib/containers",
)  # fmt: skip
NETWORKS = ("nfs", "nfs4", "cifs", "fuse.sshfs", "autofs")
_UNOWNED = "! -uid 0 -nouser -o ! -gid 0 -nogroup"  # only numbers other than root's are looked up: that reads two files
# Only folders are compared with the list, and the rights of a file are asked for once: this probe is many files. That
# is the order of the words, which find keeps with -O0. More than a report can use is no answer, rather than one without
# its end.
COMMAND = f"""
find -O0 / -maxdepth 4 -type d \\( {" -o ".join(f"-path '{path}'" for path in SKIPPED)} \\
  -o {" -o ".join(f"-fstype {name}" for name in NETWORKS)} \\) -prune -o ! -type l \\
  \\( -perm /6002 -o {_UNOWNED} \\) \\( \\
    -type d -perm -0002 ! -perm -1000 -printf 'folder %p\\n' , -type f -perm -0002 -printf 'file %p\\n' , \\
    -type f -perm /6000 -printf 'privileged %p\\n' , \\( {_UNOWNED} \\) -printf 'unowned %p\\n' \\) \\
  2>/dev/null
[ $? -le 1 ] && echo end
"""

# privileged /usr/bin/sudo
# folder /srv/partage
# file /etc/exports
# unowned /opt/logiciel
# end
KINDS = {"folder": "open_folders", "file": "open_files", "privileged": "privileged", "unowned": "unowned"}


def parse(text: str) -> dict[str, object]:
    """Return the paths of each kind: `open_folders`, `open_files`, `privileged` (setuid, setgid), `unowned`."""
    found: dict[str, set[str]] = {name: set() for name in KINDS.values()}
    for line in whole(text):
        kind, _, path = line.partition(" ")
        if kind not in KINDS or not path.startswith("/"):
            raise ValueError(f"not a path: {line!r}")
        found[KINDS[kind]].add(path)
    return {name: sorted(paths) for name, paths in found.items()}


PROBE = Probe(name="loose_files", command=COMMAND, parse=parse, limit=65_536)
