#!/usr/bin/python3
"""Opens Latchkey records and streams. Written from docs/format.md alone; python3-cryptography does AES, GCM and HKDF.

Reads lines of JSON: {"kind": "record" or "stream", "sealed", "data_key", "data_key_id": hex, "compartment": UUID,
"context": {}}. For each it writes {"plaintext": hex}, or {"error": code}.
"""
import hmac, json, sys, uuid
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

CHUNK, TAG = 16384 + 16, 16

def require(holds, code):
    if not holds: raise ValueError(code)

def xor(*blocks):
    return bytes(x ^ y for x, y in zip(blocks[0], xor(*blocks[1:]))) if len(blocks) > 1 else blocks[0]

def gcm_open(key, nonce, sealed, aad, code):
    try: return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag: raise ValueError(code)

def open_record(sealed, key, key_id, compartment, context):
    require(len(sealed) >= 92 and sealed[:4] == b"LK\1\1", "not_a_record")
    require(sealed[4:20] == key_id, "wrong_data_key")
    e = lambda block: Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)
    l = int.from_bytes(e(bytes(16)), "big")
    k1 = ((l << 1) % 2**128 ^ (0x87 if l >> 127 else 0)).to_bytes(16, "big")
    a, b = sealed[20:32], sealed[32:44]
    kx = e(xor(k1, b"\0\1X\0" + a)) + e(xor(k1, b"\0\2X\0" + a))
    x = e(b"XCMT" + a)
    kc = e(xor(k1, x, b + b"\0\1\0\1")) + e(xor(k1, x, b + b"\0\1\0\2"))
    require(hmac.compare_digest(kc, sealed[44:76]), "wrong_data_key")
    return gcm_open(kx, b, sealed[76:], sealed[:20] + compartment + context, "record_corrupt")

def open_stream(sealed, key, key_id, compartment, context):
    require(len(sealed) >= 20 and sealed[:4] == b"LK\1\2", "not_a_stream")
    require(len(sealed) >= 76, "stream_truncated")
    require(sealed[4:20] == key_id, "wrong_data_key")
    bound = b"latchkey-stream-v1" + sealed[:20] + compartment + context
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + sealed[20:44] + bound
    derived = HKDFExpand(SHA512(), 76, info).derive(key)
    require(hmac.compare_digest(derived[44:], sealed[44:76]), "stream_key_mismatch")
    require((len(sealed) - 76) % CHUNK >= TAG, "stream_truncated")
    chunks = [sealed[at:at + CHUNK] for at in range(76, len(sealed), CHUNK)]
    nonces = (xor(derived[32:44], i.to_bytes(12, "big")) for i in range(len(chunks)))
    return b"".join(gcm_open(derived[:32], n, c, b"", "stream_corrupt") for n, c in zip(nonces, chunks))

for case in map(json.loads, sys.stdin):
    pairs = sorted((name.encode(), value.encode()) for name, value in case["context"].items())
    form = b"".join(len(text).to_bytes(4, "big") + text for pair in pairs for text in pair)
    sealed, key, key_id = (bytes.fromhex(case[name]) for name in ("sealed", "data_key", "data_key_id"))
    opener = {"record": open_record, "stream": open_stream}[case["kind"]]
    try: print(json.dumps({"plaintext": opener(sealed, key, key_id, uuid.UUID(case["compartment"]).bytes, form).hex()}))
    except ValueError as error: print(json.dumps({"error": str(error)}))
