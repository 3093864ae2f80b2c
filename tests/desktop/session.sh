# A real session of the teleworker on a screen that only exists in memory: GNOME Shell is told to lock, by logind as when the
# lid is closed. GDM runs for as long: GNOME locks only where somebody can ask for the password afterwards.
# $1: the login. Prints whether the session is locked, before and after.
set -eu
mkdir -p /usr/share/xsessions
printf '[Desktop Entry]\nName=x\nExec=true\nType=Application\n' > /usr/share/xsessions/zz-lab.desktop # or GDM gives up
trap 'systemctl stop gdm.service; rm -f /usr/share/xsessions/zz-lab.desktop /var/tmp/session-inside.sh' EXIT
systemctl start gdm.service
cat > /var/tmp/session-inside.sh << 'INSIDE'
ready() {
  gdbus call --session --timeout 30 --dest org.gnome.Shell --object-path /org/gnome/Shell \
    --method org.freedesktop.DBus.Properties.Get org.gnome.Shell ShellVersion > /dev/null 2>&1
}
locked() { loginctl show-session "$XDG_SESSION_ID" --property=LockedHint --value; } # GNOME says so, logind only asks for it
gnome-shell --headless --virtual-monitor 1280x800 > "$HOME/shell.log" 2>&1 &
process=$!
for _try in $(seq 1 60); do ! ready || break; sleep 1; done
sleep 3
echo "before $(locked)"
loginctl lock-session "$XDG_SESSION_ID" || true
for _try in $(seq 1 20); do
  [ "$(locked)" != yes ] || break
  sleep 1
done
echo "after $(locked)"
kill "$process"
INSIDE
chmod 755 /var/tmp/session-inside.sh
timeout 180 systemd-run --quiet --wait --pipe --property=PAMName=login --property="User=$1" --setenv=XDG_SESSION_CLASS=user \
  --setenv=XDG_SESSION_TYPE=wayland --setenv="HOME=/home/$1" -- dbus-run-session -- sh /var/tmp/session-inside.sh 2> /dev/null
