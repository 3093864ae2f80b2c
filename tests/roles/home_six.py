"""A home without IPv4 of its own, beside those of `home.py`, behind the same carrier.

    laptop ── lan (IPv6, and IPv4 with DS-Lite) ── six ── carrier: NAT64, or the far end of DS-Lite ── gateway

The kernels that tests run on need not know IPv4-in-IPv6 tunnels, so both ends of DS-Lite are a few lines here.
"""

from __future__ import annotations

from tests.roles.home import Home, Machine

TRANSLATED = "64:ff9b::cb00:7115"  # PUBLIC behind the well-known prefix (RFC 6052)
ROUTER, OWN = "2001:db8:6::1", "2001:db8:6::50"
ROUTER4, OWN4 = "192.168.8.1", "192.168.8.50"
INTERFACE = "up-six"
# tayga counts the addresses that documents use as private, and refuses them behind the well-known prefix: it gets
# another one, and the laptop does not see that.
_BEHIND = "2001:db8:64::"
_TAYGA = """\
tun-device nat64
ipv4-addr 192.168.255.1
ipv6-addr 2001:db8:100::64
prefix {behind}/96
dynamic-pool 192.168.255.0/24
data-dir {folder}
"""
_NAT64 = """\
table ip6 nat64 {{
  chain pre {{ type nat hook prerouting priority -100; ip6 daddr {translated} dnat to {behind}cb00:7115; }}
}}
"""
# One end of DS-Lite (RFC 6333): what goes into the interface travels as protocol 4 between two IPv6 addresses.
_TUNNEL = """
import fcntl, os, select, socket, struct, sys
name, own, other = sys.argv[1:]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", name.encode(), 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
wire = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 4)
wire.bind((own, 0))
print("ready", flush=True)
while True:
    for ready in select.select([tun, wire], [], [])[0]:
        try:
            wire.sendto(os.read(tun, 2048), (other, 0)) if ready is tun else os.write(tun, wire.recv(2048))
        except OSError:
            pass  # as the network does: it is lost
"""


def built(home: Home) -> None:
    """Add the router of that home, and the carrier's translation."""
    home.machines["six"] = Machine.start(home.folder / "view-six")
    six, carrier = home["six"], home["carrier"]
    six.sh(f"ip link add lan type bridge; ip link set lan up; ip -6 address add {ROUTER}/64 dev lan nodad")
    home.cable("six", "wan", "carrier", "in6")
    six.sh("ip -6 address add 2001:db8:100::2/64 dev wan nodad; ip -6 route add default via 2001:db8:100::1")
    carrier.sh(
        "ip -6 address add 2001:db8:100::1/64 dev in6 nodad; ip -6 route add 2001:db8:6::/64 via 2001:db8:100::2"
    )
    for machine in (six, carrier):
        machine.sh("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
    _translate(home)


def _translate(home: Home) -> None:
    folder = home.folder / "nat64"
    folder.mkdir()
    (folder / "tayga.conf").write_text(_TAYGA.format(behind=_BEHIND, folder=folder), encoding="utf-8")
    (folder / "rules").write_text(_NAT64.format(behind=_BEHIND, translated=TRANSLATED), encoding="utf-8")
    carrier = home["carrier"]
    carrier.sh(f"""tayga --mktun -c {folder}/tayga.conf
        ip link set nat64 up; ip route add 192.168.255.0/24 dev nat64; ip -6 route add {_BEHIND}/96 dev nat64
        nft -f {folder}/rules""")
    carrier.spawn("tayga", "-d", "-c", f"{folder}/tayga.conf")


def plug_in(home: Home, *, dual: bool = False) -> str:
    """Connect the laptop there; `dual`: it gets an IPv4 address too, as behind DS-Lite."""
    home.cable("laptop", INTERFACE, "six", "lan-port")
    home["six"].sh("ip link set lan-port master lan")
    home.laptop.sh(
        f"ip -6 address add {OWN}/64 dev {INTERFACE} nodad; ip -6 route add default via {ROUTER} dev {INTERFACE}"
    )
    if dual:
        home.laptop.sh(f"ip address add {OWN4}/24 dev {INTERFACE}; ip route add default via {ROUTER4} dev {INTERFACE}")
    return INTERFACE


def dual_stack_lite(home: Home, mtu: int) -> None:
    """Give that home IPv4 by DS-Lite, with packets of at most `mtu` bytes; the carrier translates (CGNAT)."""
    ends = (
        ("six", "b4", "2001:db8:100::2", "2001:db8:100::1"),
        ("carrier", "aftr", "2001:db8:100::1", "2001:db8:100::2"),
    )
    for machine, name, own, other in ends:
        home[machine].python(_TUNNEL, name, own, other)
        home[machine].sh(f"ip link set {name} mtu {mtu} up")
    home["six"].sh(f"ip address replace {ROUTER4}/24 dev lan; ip route replace default dev b4")
    home["carrier"].sh("ip route replace 192.168.8.0/24 dev aftr")


def end_dual_stack_lite(home: Home) -> None:
    for machine in ("six", "carrier"):
        process = home[machine].started.pop()
        process.kill()
        process.communicate()
