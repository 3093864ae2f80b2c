# as-hardware.sh COMMAND...: run a command in a mount namespace of its own where a container looks like hardware: its
# network cards sit on a bus, and the traces by which agents know docker are gone.
set -eu
mount -t tmpfs cards /mnt
for card in /sys/class/net/*; do
  name=${card##*/}
  [ "$name" != lo ] || continue
  mkdir -p "/mnt/$name/device"
  cp "$card/address" "$card/mtu" "/mnt/$name/"
done
mount --bind /mnt /sys/class/net
mount -t tmpfs bus /sys/devices/virtual/net
mkdir /sys/devices/virtual/net/lo
for trace in /.dockerenv /proc/1/environ /usr/bin/dmesg /proc/modules; do
  [ ! -e "$trace" ] || mount --bind /dev/null "$trace"
done
[ -e /dev/mem ] || : > /dev/mem # OCS asks for the firmware only where there is one
exec "$@"
