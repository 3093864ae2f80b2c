"""A laptop whose battery died: what a gateway makes of handshakes of the past, and when the tunnel comes back alone.

WireGuard takes no handshake whose time is not after the latest it has seen. This machine cannot set its clock back
in one namespace, so the laptop's handshakes are made here, with its own key and any time, and sent to a real gateway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.roles import home_files
from tests.roles.home import PYTHON, Home
from tests.roles.home_files import PUBLIC, TUNNEL_PORT

pytestmark = pytest.mark.lab  # root, ip, nft and wireguard-go

DAY = 86_400
_RESPONSE = 92  # bytes of a handshake's second message (WireGuard, 5.4.3)


def _hash(*parts: bytes) -> bytes:
    return hashlib.blake2s(b"".join(parts)).digest()


def _keys(chain: bytes, material: bytes) -> tuple[bytes, bytes]:
    """Return the next chaining key and a key (WireGuard, 5.4: KDF2)."""
    secret = hmac.new(chain, material, hashlib.blake2s).digest()
    first = hmac.new(secret, b"\x01", hashlib.blake2s).digest()
    return first, hmac.new(secret, first + b"\x02", hashlib.blake2s).digest()


def initiation(private: bytes, gateway: bytes, moment: float) -> bytes:
    """Return the first message of a handshake at `moment` (seconds since 1970), as in the protocol's section 5.4.2."""
    own, ephemeral = X25519PrivateKey.from_private_bytes(private), X25519PrivateKey.generate()
    theirs = X25519PublicKey.from_public_bytes(gateway)
    chain = _hash(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    seen = _hash(_hash(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), gateway)
    point = ephemeral.public_key().public_bytes_raw()
    seen, chain = _hash(seen, point), _keys(chain, point)[0]
    chain, key = _keys(chain, ephemeral.exchange(theirs))
    static = ChaCha20Poly1305(key).encrypt(bytes(12), own.public_key().public_bytes_raw(), seen)
    seen = _hash(seen, static)
    chain, key = _keys(chain, own.exchange(theirs))
    stamp = struct.pack(">QI", 2**62 + 10 + int(moment), int(moment % 1 * 1e9))
    sealed = ChaCha20Poly1305(key).encrypt(bytes(12), stamp, seen)
    message = struct.pack("<II", 1, 7) + point + static + sealed
    proof = hashlib.blake2s(message, key=_hash(b"mac1----", gateway), digest_size=16).digest()
    return message + proof + bytes(16)


def answered(home: Home, moment: float) -> bool:
    """Whether the gateway answers the laptop's handshake of that moment."""
    private = base64.b64decode((home.folder / "laptop.key").read_text())
    gateway = base64.b64decode(home_files.public_key(home.folder / "gateway.key"))
    script = (
        "import socket,sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1.5)\n"
        f"s.sendto(bytes.fromhex(sys.argv[1]), ('{PUBLIC}', {TUNNEL_PORT}))\n"
        "try: print(len(s.recv(200)))\nexcept TimeoutError: print(0)"
    )
    (home.folder / "send.py").write_text(script, encoding="utf-8")
    said = home.laptop.sh(f"{PYTHON} {home.folder}/send.py {initiation(private, gateway, moment).hex()}")
    return int(said) == _RESPONSE


def test_the_past_is_refused_and_the_tunnel_comes_back_once_the_clock_is_past_the_last_handshake(home: Home) -> None:
    home.plug_in("hotel")  # rules in force, no tunnel: only these messages go out
    last = time.time()
    assert answered(home, last)
    assert not answered(home, 0)  # a clock that begins in 1970
    assert not answered(home, last - 30 * DAY)
    assert not answered(home, last - 60)  # the moment that timesyncd kept, at most a minute before the power went
    assert answered(home, last + 1)  # and it walks on: with its retries every five seconds the tunnel is back by then


def test_a_gateway_that_has_seen_the_future_refuses_the_present_until_it_forgets_the_peer(home: Home) -> None:
    home.plug_in("hotel")
    assert answered(home, time.time() + 365 * DAY)  # a clock once set wrong
    assert not answered(home, time.time())
    key = home_files.public_key(home.folder / "laptop.key")
    home["gateway"].sh(f"wg set wg-nomade peer {key} remove; /usr/local/libexec/nomade-vpn reload")
    assert answered(home, time.time())
