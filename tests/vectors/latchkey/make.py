#!/usr/bin/python3
"""Writes records.json and streams.json beside itself, or with --check says whether they are what it would write.

Written from docs/format.md, not from Latchkey's code, and with python3-cryptography. All that is random in use comes from
SHAKE-128 of a case's name here, so every run writes the same.
"""
import hashlib, json, pathlib, sys, uuid
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

CHUNK = 16384
SEALED = CHUNK + 16
PREFIX = 76
LONGEST_IN_HEX = 2048


def drawn(name, what, size):
    return hashlib.shake_128(f"{name}/{what}".encode()).digest(size)


def plaintext_of(size):
    return bytes(i % 251 for i in range(size))


def canonical(context):
    out = b""
    for name, value in sorted((n.encode(), v.encode()) for n, v in context.items()):
        out += len(name).to_bytes(4, "big") + name + len(value).to_bytes(4, "big") + value
    return out


class Place:
    """A data key, its id, a compartment and a context."""

    def __init__(self, name, context):
        self.key = drawn(name, "data key", 32)
        self.key_id = drawn(name, "data key id", 16)
        self.compartment = uuid.UUID(bytes=drawn(name, "compartment", 16), version=4)
        self.context = context

    def fields(self):
        return {"data_key": self.key.hex(), "data_key_id": self.key_id.hex(), "compartment": str(self.compartment),
                "context": self.context}


def seal_record(place, nonce, plaintext):
    ecb = Cipher(algorithms.AES(place.key), modes.ECB()).encryptor()

    def block(number):
        return int.from_bytes(ecb.update(number.to_bytes(16, "big")), "big")

    def number(data):
        return int.from_bytes(data, "big")

    k1 = block(0) << 1
    if k1 >> 128:
        k1 = (k1 - 2**128) ^ 0x87
    first, last = nonce[:12], nonce[12:]
    key = b"".join(block(k1 ^ number(bytes([0, i, 0x58, 0]) + first)).to_bytes(16, "big") for i in (1, 2))
    mask = k1 ^ block(number(bytes.fromhex("58434d54") + first))
    commitment = b"".join(block(mask ^ number(last + bytes([0, 1, 0, i]))).to_bytes(16, "big") for i in (1, 2))
    header = bytes.fromhex("4c4b0101") + place.key_id
    aad = header + place.compartment.bytes + canonical(place.context)
    return header + nonce + commitment + AESGCM(key).encrypt(last, plaintext, aad)


def seal_stream(place, salt, plaintext):
    header = bytes.fromhex("4c4b0102") + place.key_id
    info = b"c2sp.org/chunked-encryption@v1+" + b"AEAD_AES_256_GCM" + b"\0" + salt
    info += b"latchkey-stream-v1" + header + place.compartment.bytes + canonical(place.context)
    derived = HKDFExpand(SHA512(), 32 + 12 + 32, info).derive(place.key)
    key, base, commitment = derived[:32], int.from_bytes(derived[32:44], "big"), derived[44:]
    out = header + salt + commitment
    for number in range(len(plaintext) // CHUNK + 1):
        chunk = plaintext[number * CHUNK:(number + 1) * CHUNK]
        out += AESGCM(key).encrypt((base ^ number).to_bytes(12, "big"), chunk, b"")
    return out


def shown(sealed):
    """A long one by its digest alone."""
    out = {"size": len(sealed), "sha256": hashlib.sha256(sealed).hexdigest()}
    if len(sealed) <= LONGEST_IN_HEX:
        out["sealed"] = sealed.hex()
    return out


class Attack:
    """Pieces of good ones put together, then bits flipped; opened as `place`, with some of it changed."""

    def __init__(self, name, error, pieces, flips=(), **changed):
        self.name, self.error, self.pieces, self.flips, self.changed = name, error, pieces, list(flips), changed

    def fields(self, good, places):
        sealed = bytearray()
        for piece in self.pieces:
            sealed += bytes.fromhex(piece["hex"]) if "hex" in piece else good[piece["of"]][piece["from"]:piece["to"]]
        for bit in self.flips:
            sealed[bit // 8] ^= 1 << bit % 8
        place = places[next(piece["of"] for piece in self.pieces if "of" in piece)].fields()
        return {"name": self.name, "error": self.error, "pieces": self.pieces, "flipped_bits": self.flips,
                **shown(bytes(sealed)), **place, **self.changed}


def part(of, begin, end):
    return {"of": of, "from": begin, "to": end}


ODD = {"table": "users", "row": "7", "": "", "\u00e9": "cl\u00e9 \U0001f511", "\uff5e": "behind U+1F511 in UTF-16 alone",
       "\U0001f511": "last"}
# Name, context, size of the plaintext.
RECORDS = [
    ("empty", {}, 0),
    ("one byte", {}, 1),
    ("a block", {"table": "users"}, 16),
    ("short", {"table": "users", "row": "7"}, 21),
    ("empty names", {"": ""}, 100),
    ("not ASCII", ODD, 255),
    ("1 KiB", {"a": "", "b": "x" * 300}, 1024),
]
STREAMS = [
    ("empty", {}, 0),
    ("one byte", {"table": "users"}, 1),
    ("short", ODD, 300),
    ("a chunk less one", {"": ""}, CHUNK - 1),
    ("a chunk", {}, CHUNK),
    ("a chunk and one", {"row": "7", "table": "users"}, CHUNK + 1),
    ("three chunks and one", ODD, 3 * CHUNK + 1),
]


def places_where_it_does_not_belong(name, places, size, wrong_place):
    place = places[name]
    whole = [part(name, 0, size)]
    context = dict(place.context)
    context["row"] = "8"
    shifted = {**place.context, "tableu": "sers"}
    del shifted["table"]
    key, key_id = drawn(name, "other key", 32).hex(), drawn(name, "other id", 16).hex()
    return [
        Attack("another key of the same id", wrong_place["key"], whole, data_key=key),
        Attack("a key of another id", "wrong_data_key", whole, data_key_id=key_id),
        Attack("another compartment", wrong_place["place"], whole, compartment=str(uuid.UUID(int=5, version=4))),
        Attack("no context", wrong_place["place"], whole, context={}),
        Attack("another value", wrong_place["place"], whole, context=context),
        Attack("a letter moved from value to name", wrong_place["place"], whole, context=shifted),
        Attack("a pair more", wrong_place["place"], whole, context={**place.context, "more": ""}),
    ]


def record_attacks(good, places):
    name, size = "short", len(good["short"])
    whole, flips = [part(name, 0, size)], lambda byte: [8 * byte + byte % 8]
    yield Attack("nothing", "not_a_record", [part(name, 0, 0)])
    yield Attack("a byte short of the shortest", "not_a_record", [part("empty", 0, 91)])
    yield Attack("a stream's algorithm", "not_a_record", [{"hex": "4c4b0102"}, part(name, 4, size)])
    yield Attack("version 2", "not_a_record", [{"hex": "4c4b0201"}, part(name, 4, size)])
    for what, byte, error in [("magic", 0, "not_a_record"), ("data key id", 19, "wrong_data_key"),
                              ("nonce, first half", 20, "wrong_data_key"), ("nonce, last half", 43, "wrong_data_key"),
                              ("commitment", 44, "wrong_data_key"), ("commitment, end", 75, "wrong_data_key"),
                              ("ciphertext", 76, "record_corrupt"), ("tag", size - 1, "record_corrupt")]:
        yield Attack(f"a bit of: {what}", error, whole, flips(byte))
    yield Attack("cut off", "record_corrupt", [part(name, 0, size - 1)])
    yield Attack("a byte more", "record_corrupt", [part(name, 0, size), {"hex": "00"}])
    yield Attack("another's nonce", "wrong_data_key", [part(name, 0, 20), part("empty", 20, 44), part(name, 44, size)])
    yield Attack("another's body", "record_corrupt", [part(name, 0, 76), part("a block", 76, 108)])
    yield from places_where_it_does_not_belong(name, places, size, {"key": "wrong_data_key", "place": "record_corrupt"})


def stream_attacks(good, places):
    long, size = "three chunks and one", len(good["three chunks and one"])
    at = [PREFIX + i * SEALED for i in range(4)] + [size]
    twin = drawn("three chunks and one", "twin", 24)
    places["twin"], good["twin"] = places[long], seal_stream(places[long], twin, plaintext_of(3 * CHUNK + 1))

    def chunks(*numbers, of=long):
        return [part(of, at[i], at[i + 1]) for i in numbers]

    head, whole = [part(long, 0, PREFIX)], [part(long, 0, size)]
    yield Attack("nothing", "not_a_stream", [part("empty", 0, 0)])
    yield Attack("19 bytes", "not_a_stream", [part("empty", 0, 19)])
    yield Attack("a record's algorithm", "not_a_stream", [{"hex": "4c4b0101"}, part("empty", 4, 92)])
    yield Attack("version 2", "not_a_stream", [{"hex": "4c4b0202"}, part("empty", 4, 92)])
    yield Attack("the header alone", "stream_truncated", [part("empty", 0, 20)])
    yield Attack("cut off in the commitment", "stream_truncated", [part("empty", 0, 75)])
    yield Attack("no chunk", "stream_truncated", [part("empty", 0, 76)])
    yield Attack("half a tag", "stream_truncated", [part("empty", 0, 91)])
    for what, byte, error in [("magic", 1, "not_a_stream"), ("data key id", 4, "wrong_data_key"),
                              ("salt", 20, "stream_key_mismatch"), ("commitment", 75, "stream_key_mismatch"),
                              ("chunk 0", at[0], "stream_corrupt"), ("chunk 1, its tag", at[2] - 1, "stream_corrupt"),
                              ("the last chunk", at[3], "stream_corrupt"), ("the last tag", size - 1, "stream_corrupt")]:
        yield Attack(f"a bit of: {what}", error, whole, [8 * byte + byte % 8])
    yield Attack("cut off behind chunk 0", "stream_truncated", head + chunks(0))
    yield Attack("cut off behind chunk 2", "stream_truncated", head + chunks(0, 1, 2))
    yield Attack("cut off in chunk 1", "stream_corrupt", [part(long, 0, at[1] + 100)])
    yield Attack("the last byte missing", "stream_corrupt", [part(long, 0, size - 1)])
    yield Attack("a part of the last tag missing", "stream_truncated", [part(long, 0, size - 2)])
    yield Attack("a byte more", "stream_corrupt", whole + [{"hex": "00"}])
    yield Attack("the last chunk twice", "stream_corrupt", whole + chunks(3))
    yield Attack("the last chunk alone", "stream_corrupt", head + chunks(3))
    yield Attack("chunks 0 and 1 swapped", "stream_corrupt", head + chunks(1, 0, 2, 3))
    yield Attack("chunk 0 twice", "stream_corrupt", head + chunks(0, 0, 2, 3))
    yield Attack("chunk 1 missing", "stream_corrupt", head + chunks(0, 2, 3))
    yield Attack("chunk 1 of another stream under the same key", "stream_corrupt",
                 head + chunks(0) + chunks(1, of="twin") + chunks(2, 3))
    yield Attack("all chunks of another stream under the same key", "stream_corrupt", head + chunks(0, 1, 2, 3, of="twin"))
    yield Attack("another's salt", "stream_key_mismatch", [part(long, 0, 20), part("twin", 20, 44), part(long, 44, size)])
    yield from places_where_it_does_not_belong(
        long, places, size, {"key": "stream_key_mismatch", "place": "stream_key_mismatch"})


def records():
    places, good, opened = {}, {}, []
    for name, context, size in RECORDS:
        places[name] = Place(f"record {name}", context)
        nonce = drawn(name, "nonce", 24)
        good[name] = seal_record(places[name], nonce, plaintext_of(size))
        opened.append({"name": name, **places[name].fields(), "nonce": nonce.hex(), "plaintext_size": size,
                       **shown(good[name])})
    refused = [attack.fields(good, places) for attack in record_attacks(good, places)]
    return "Latchkey record, version 1, algorithm 1", opened, refused


def streams():
    places, good, opened = {}, {}, []
    for name, context, size in STREAMS:
        places[name] = Place(f"stream {name}", context)
        salt = drawn(name, "salt", 24)
        good[name] = seal_stream(places[name], salt, plaintext_of(size))
        opened.append({"name": name, **places[name].fields(), "salt": salt.hex(), "plaintext_size": size,
                       **shown(good[name])})
    attacks = list(stream_attacks(good, places))
    twin = {"name": "twin", **places["twin"].fields(), "salt": drawn("three chunks and one", "twin", 24).hex(),
            "plaintext_size": 3 * CHUNK + 1, **shown(good["twin"])}
    return "Latchkey stream, version 1, algorithm 2", opened + [twin], [a.fields(good, places) for a in attacks]


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: make.py [--check]")
    for make in (records, streams):
        what, opened, refused = make()
        answers = {
            "format": f"{what} (docs/format.md)",
            "note": "Plaintext: byte i is i mod 251. `refused` are pieces of the above and bytes in hex, joined; then "
                    "bits flipped: bit b is 1 << b % 8 of byte b / 8. `error` is the code of docs/format.md.",
            "opened": opened,
            "refused": refused,
        }
        text = json.dumps(answers, indent=1) + "\n"
        path = pathlib.Path(__file__).with_name(f"{make.__name__}.json")
        if not sys.argv[1:]:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path} is not what this program writes: run it without --check")


main()
