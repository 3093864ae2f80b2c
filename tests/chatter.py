"""What the programs of a laptop say all day, to everybody, and what of it may be on its cable."""

from __future__ import annotations

# Names (of the network, of the Internet, by multicast), time, discovery, broadcast, web, remote desktop, mail, both IP
# versions, raw pings: over and over until the standard input ends.
PROGRAM = """
import select, socket, sys, threading
question = bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001")
def datagram(address, port, data):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for interface in socket.if_nameindex():
            if interface[1] == "lo": continue
            if address.startswith("ff"): out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface[0])
            try: out.sendto(data, (address, port))
            except OSError: pass
def connect(address, port):
    try: socket.create_connection((address, port), 0.2).close()
    except OSError: pass
def ping(address):
    kind, protocol, head = (socket.AF_INET6, 58, b"\\x80\\0") if ":" in address else (socket.AF_INET, 1, b"\\x08\\0")
    try:
        with socket.socket(kind, socket.SOCK_RAW, protocol) as out:
            out.sendto(head + b"\\xf7\\xff\\0\\0\\0\\0", (address, 0))
    except OSError: pass
stop = threading.Event()
def talk(address):
    while not stop.is_set():
        for port in (53, 123, 137, 853, 443, 5353): datagram(address, port, question)
        ping(address)
        for port in (80, 443, 853, 3389): connect(address, port)
        stop.wait(0.05)
def shout():
    while not stop.is_set():
        for address, port in (("224.0.0.251", 5353), ("224.0.0.252", 5355), ("239.255.255.250", 1900),
                              ("255.255.255.255", 9), ("ff02::fb", 5353), ("ff02::1:3", 5355), ("ff02::c", 1900)):
            datagram(address, port, question)
        stop.wait(0.1)
threads = [threading.Thread(target=talk, args=(address,), daemon=True) for address in sys.argv[1:]]
for thread in [*threads, threading.Thread(target=shout, daemon=True)]: thread.start()
print("ready", flush=True)
sys.stdin.read(); stop.set()
"""


def allowed(gateway: str, port: int) -> str:
    """Return tcpdump's expression for the tunnel, DHCP, neighbours and routers, who listens to which multicast."""
    return (
        f"arp or (dst host {gateway} and udp dst port {port}) or udp dst port 67 or udp dst port 547 or "
        "(icmp6 and (ip6[40] >= 133 and ip6[40] <= 136)) or (ip6 and ip6[6] == 0)"
    )
