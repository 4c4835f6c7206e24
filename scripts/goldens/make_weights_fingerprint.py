#!/usr/bin/env python3
"""Prints the digests that tests/stages/artifacts/weights_fingerprint_test.cpp expects, from hashlib and json alone."""
import hashlib
import json

BLOCK_BYTES = 8 << 20


def fingerprint(tensors):
    whole = hashlib.sha256()
    for name, dtype, shape, content in sorted(tensors):
        whole.update(json.dumps([name, dtype, shape], separators=(",", ":")).encode())
        for begin in range(0, len(content), BLOCK_BYTES):
            whole.update(hashlib.sha256(content[begin : begin + BLOCK_BYTES]).hexdigest().encode())
    return whole.hexdigest()


small = ("norm", "F32", [2], bytes([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]))
large = ("embed", "BF16", [980, 6000], bytes(((i * 2654435761) >> 24) & 0xFF for i in range(980 * 6000 * 2)))
print("small:", fingerprint([small]))
print("both: ", fingerprint([small, large]))
