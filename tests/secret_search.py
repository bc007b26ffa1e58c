"""Looking for secrets in whatever they could have been written as. For tests; loaded by path, since test folders are no packages."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def aligned(secret: bytes, encode: Any) -> Iterator[tuple[str, bytes]]:
    """Base64 of a longer text shows a secret in one of three ways; only the characters that its neighbours cannot change count."""
    for shift in range(3):
        whole = encode(bytes(shift) + secret)
        yield f"{encode.__name__}+{shift}", whole[(shift * 4 + 2) // 3 : (shift + len(secret)) * 8 // 6]


def forms(secret: bytes) -> dict[str, bytes]:
    """Every way of writing a secret that is searched for."""
    text = secret.decode("latin-1")
    found = {
        "raw": secret,
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
        "url": quote(text, safe="").encode(),
        "url, every letter": "".join(f"%{byte:02X}" for byte in secret).encode(),
        "form": quote_plus(text).encode(),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "json": json.dumps(text)[1:-1].encode(),
        "repr": repr(secret)[2:-1].encode(),
    }
    found.update(aligned(secret, base64.b64encode))
    found.update(aligned(secret, base64.urlsafe_b64encode))
    return found


def found_in(haystack: bytes, canaries: dict[str, bytes]) -> list[str]:
    """Names what was found."""
    return [
        f"{name} as {form}"
        for name, secret in canaries.items()
        for form, needle in forms(secret).items()
        if needle in haystack
    ]


def files(home: Path, *, but: frozenset[str] = frozenset()) -> dict[str, bytes]:
    """What is in every file below a folder, by its name; a journal that ends meanwhile was in its database."""
    found = {}
    for path in home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and path.name not in but:
                found[str(path.relative_to(home))] = path.read_bytes()
    return found


def of_key(key: rsa.RSAPrivateKey) -> dict[str, bytes]:
    """What of a private key is searched for: a line of its PEM, and parts of the numbers it is made of."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    numbers = key.private_numbers()
    return {
        "a line of the private key": pem.splitlines()[-6],
        "the private exponent": numbers.d.to_bytes(256, "big")[100:140],
        "a prime factor": numbers.p.to_bytes(128, "big")[40:80],
    }
