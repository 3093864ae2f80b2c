# SPDX-License-Identifier: EUPL-1.2
"""What the dead man's switch of `config_guard` leaves on an endpoint: the unit of its boot, and scripts in POSIX sh."""

from __future__ import annotations

BOOT_UNIT = """\
# Written by Nomade (config_files). A change whose guard was still armed when the machine stopped is undone at boot.
[Unit]
Description=Put back configuration whose guard was still armed
DefaultDependencies=no
RequiresMountsFor=/var/lib/nomade
ConditionDirectoryNotEmpty=/var/lib/nomade/guard
After=local-fs.target
Before=sysinit.target network-pre.target nftables.service ssh.service ssh.socket shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for script in /var/lib/nomade/guard/*/restore; do [ ! -e "$$script" ] || sh "$$script" boot; done'
# It copies files with owner and mode, and does nothing else. No private /tmp: it would mount /tmp before its time.
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/etc /usr /var -/opt -/srv
ProtectHome=yes
PrivateDevices=yes
PrivateNetwork=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=none
IPAddressDeny=any
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=sysinit.target
"""

# The folder is the truth: whoever holds the lock and still finds the token acts, the other one finds nothing to do.
RESTORE = """\
# Written by Nomade: puts back the files as they were before a guarded change that nobody confirmed.
umask 077
exec 9>/var/lib/nomade/guard.lock
flock 9
[ -e {folder}/token ] || exit 0
if [ "${{1:-}}" != boot ]; then
  systemctl --quiet stop {reload_unit}.service 2>/dev/null 9>&-  # one that hangs must not act later
fi
failed=0
{steps}
sync
if [ "${{1:-}}" != boot ]; then
  sh {folder}/restore-command >{folder}/restore.log 2>&1 9>&- || failed=1
fi
if [ "$failed" = 0 ]; then
  rm -rf {restored}
  mv {folder} {restored}
fi
exit "$failed"
"""
PUT_BACK = "cp -p -- {copy} {beside} && mv -f -- {beside} {dest} || failed=1"
TAKE_AWAY = "rm -f -- {dest} || failed=1"

RELOAD = """\
sleep 0.5  # let the answer of the module leave before the rules change
sh {folder}/reload-command >{folder}/reload.log 2>&1
echo "$?" >{folder}/reload.code.new
mv {folder}/reload.code.new {folder}/reload.code
"""

# Exit codes: 0 disarmed (or, asked `reloaded`, the reload went well) · 3 the reload failed, the files are back · 4 no
# switch: it has fired · 5 not reloaded yet. Waiting happens on the control side: a connection opened before the reload
# proves nothing, so it must not be the one that disarms.
DISARM = """\
[ -e {folder}/token ] || exit 4
[ -e {folder}/reload.code ] || exit 5
if [ "$(cat {folder}/reload.code)" != 0 ]; then
  cat {folder}/reload.log
  sh {folder}/restore >/dev/null 2>&1
  systemctl --quiet stop {unit}.timer 2>/dev/null
  exit 3
fi
[ "$1" != reloaded ] || exit 0
exec 9>/var/lib/nomade/guard.lock
flock 9
[ "$(cat {folder}/token 2>/dev/null)" = "$1" ] || exit 4
rm -rf {gone}
mv {folder} {gone}
systemctl --quiet stop {unit}.timer 2>/dev/null 9>&-
rm -rf {gone}
exit 0
"""
