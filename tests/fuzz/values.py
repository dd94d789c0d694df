"""Hostile text: values and mutations for TOML and JSON."""

import random

LENGTHS = (1, 50, 500, 3_700, 5_000, 70_000, 200_000)
VALID_SIDECARS = (
    b'face = "left"\nloop = "freeze"\npriority = 1\n',
    b"crf = 20\nstrip = false\n",
    b'engine = "builtin"\nchunk_seconds = 10.0\n',
)
KEYS = ("priority", "crf", "face", "loop", "engine", "chunk_seconds", "preset", "a", "min_coverage")
ODD_VALUES = (
    "nan",
    "-inf",
    "1" + "0" * 30,
    "9" * 400,
    "0xFFFFFFFFFFFFFFFFF",
    "-1",
    "0.5",
    "true",
    "[]",
    "{}",
    "1979-05-27",
    '""',
    '"../x"',
    '"\\u0000"',
)
PIECES = (
    b"[",
    b"]",
    b"{",
    b"}",
    b'"""',
    b"'''",
    b"=",
    b".",
    b"\n",
    b"\r",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\u",
    b"#",
    b",",
    b"[[a]]\n",
    b"a.b.c=1\n",
    b"inf",
    b"nan",
    b"1979-05-27T07:32:00Z",
    b"-0",
    b"0x",
    "ﬁ\u202e\u0000é".encode(),
)


def sidecar(chance: random.Random) -> bytes:
    """Return a hostile sidecar."""
    makers = (_deep, _long_number, _long_key, _long_text, _odd_value, _mutated, _noise)
    return chance.choice(makers)(chance)


def mutate(chance: random.Random, text: bytes) -> bytes:
    """Return ``text`` with a few pieces inserted, deleted, repeated or replaced."""
    data = bytearray(text)
    for _ in range(chance.randint(1, 8)):
        at = chance.randint(0, len(data))
        length = chance.randint(0, 12)
        insert = chance.choice(PIECES) * chance.choice((1, 1, 1, 2, 300))
        data[at : at + length] = chance.choice((insert, insert, b"", bytes(data[at : at + 40])))
    return bytes(data)


def _deep(chance: random.Random) -> bytes:
    count, key = chance.choice(LENGTHS), chance.choice(KEYS).encode()
    opening = chance.choice((b"[", b"{a=", b"[{a="))
    closing = chance.choice((b"", b"]" * count))
    return key + b" = " + opening * count + closing + b"\n"


def _long_number(chance: random.Random) -> bytes:
    number = chance.choice(("1{0}", "-1{0}", "0x{f}", "0b1{0}", "1e{0}", "0.{0}1", "1_0{_}"))
    count, key = chance.choice(LENGTHS), chance.choice(KEYS)
    text = number.replace("{0}", "0" * count).replace("{f}", "f" * count)
    return f"{key} = {text.replace('{_}', '_0' * count)}\n".encode()


def _long_key(chance: random.Random) -> bytes:
    count = chance.choice(LENGTHS)
    form = chance.choice((b"a." * count + b"a = 1\n", b"[" + b"a." * count + b"a]\n"))
    return form + chance.choice((b"", form))


def _long_text(chance: random.Random) -> bytes:
    quote = chance.choice(('"', "'", '"""', "'''"))
    text = chance.choice(("\\u0041", "x", "\u202e", "\n")) * chance.choice(LENGTHS)
    return f"{chance.choice(KEYS)} = {quote}{text}{quote}\n".encode()


def _odd_value(chance: random.Random) -> bytes:
    lines = [f"{chance.choice(KEYS)} = {chance.choice(ODD_VALUES)}\n" for _ in range(3)]
    return "".join(lines).encode()


def _mutated(chance: random.Random) -> bytes:
    return mutate(chance, chance.choice(VALID_SIDECARS))


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 40, 4_096, 100_000)))
