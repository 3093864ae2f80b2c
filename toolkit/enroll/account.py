"""The management account: its key on the control machine, and the script that creates it on an endpoint."""

from __future__ import annotations

from contextlib import suppress
from shlex import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from toolkit.files import create_atomically, write_atomically
from toolkit.transport.ssh import load_key
from toolkit.workspace import Workspace

MISSING = 91
"""Exit code of the script when the endpoint lacks programs; standard output names their packages."""

# Functions, called on the last line: a script that arrives incomplete does nothing. Each file is complete and checked
# before it takes its name; sudo ignores names with a dot, so it never reads the one that is being checked.
_SCRIPT = """\
absent() {
for program in sudo visudo python3 useradd; do
command -v "$program" >/dev/null && continue
case $program in visudo) ;; useradd) echo passwd ;; *) echo "$program" ;; esac
done
}
main() {
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
account=$1 key=$2
packages=$(absent)
[ -z "$packages" ] || { echo $packages; exit @missing; }
id -- "$account" >/dev/null 2>&1 || useradd --system --user-group --create-home --home-dir "/home/$account" \\
  --shell /bin/bash --comment 'Nomade management' --password '*' -- "$account"
[ "$(passwd --status -- "$account" | cut -d ' ' -f 2)" = L ] || usermod --password '*' -- "$account"
home=$(getent passwd -- "$account" | cut -d : -f 6)
install -d -m 0700 -o "$account" -g "$(id -g -- "$account")" -- "$home/.ssh"
replace "$home/.ssh/authorized_keys" 0600 "$account" "$key" true
replace /etc/sudoers.d/nomade 0440 root "$account ALL=(ALL:ALL) NOPASSWD: ALL" 'visudo --check --quiet --file'
}
replace() {
[ "$(cat -- "$1" 2>/dev/null)" != "$4" ] || return 0
draft=$(mktemp -- "$(dirname -- "$1")/.nomade.XXXXXXXX")
trap 'rm -f -- "$draft"' EXIT
printf '%s\\n' "$4" >"$draft"
chmod "$2" "$draft"
chown "$3:" "$draft"
$5 "$draft" >&2
mv -f -- "$draft" "$1"
}
"""


def creation_script(account: str, public_key: str) -> str:
    """Return the script, run as root, after which `account` exists with exactly this key and may become root.

    Running it again changes nothing. It exits with `MISSING` when the endpoint lacks a program we need.
    """
    return f"{_SCRIPT.replace('@missing', str(MISSING))}main {quote(account)} {quote(public_key)}\n"


def _make_key(workspace: Workspace) -> None:
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    workspace.management_key.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):  # somebody else was first: theirs is the key
        create_atomically(workspace.management_key, private, 0o600)


def management_public_key(workspace: Workspace) -> str:
    """Return the management key's public line (`ssh-ed25519 … nomade`); make the key when there is none yet.

    Raises:
        BadInputError: the private key is there but unusable, or others can read it.
    """
    if not workspace.management_key.exists():
        _make_key(workspace)
    key = load_key(workspace.management_key)
    line = f"{key.get_name()} {key.get_base64()} nomade"
    public = workspace.management_key.with_name(workspace.management_key.name + ".pub")
    if not public.exists() or public.read_text(encoding="utf-8") != f"{line}\n":
        write_atomically(public, f"{line}\n")
    return line
