"""A JSON record as a file: compressed, with its length and a checksum of everything in front."""

import hashlib
import json
from typing import Any

import pyarrow as pa

_CODEC = "zstd"
_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 32


def packed(body: dict[str, Any]) -> bytes:
    """The file of a record."""
    text = json.dumps(body, default=str, ensure_ascii=False).encode()
    rest = len(text).to_bytes(_LENGTH_BYTES, "big") + pa.Codec(_CODEC).compress(text, asbytes=True)
    return hashlib.sha256(rest).digest() + rest


def unpacked(content: bytes) -> dict[str, Any] | None:
    """The record in a file; None where it is damaged."""
    checksum, rest = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if hashlib.sha256(rest).digest() != checksum:
        return None
    length = int.from_bytes(rest[:_LENGTH_BYTES], "big")
    record: dict[str, Any] = json.loads(pa.Codec(_CODEC).decompress(rest[_LENGTH_BYTES:], length, asbytes=True))
    return record
