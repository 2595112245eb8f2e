"""Writes a capture of tcpdump in other forms and damaged ones, for Tests/EndToEnd/captures.

  captures-forms.py FILE DIRECTORY

In DIRECTORY are then the same packets as `same-*`, and what is wrong in some way as `bad-*`.
"""

import os
import random
import struct
import sys


def records(octets):
    at = 24
    while at < len(octets):
        seconds, fraction, kept, whole = struct.unpack_from("<IIII", octets, at)
        yield seconds, fraction, octets[at + 16:at + 16 + kept], whole
        at += 16 + kept


def pcap(packets, link, order="<", nanoseconds=False):
    out = struct.pack(order + "IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for seconds, fraction, kept, whole in packets:
        out += struct.pack(order + "IIII", seconds, fraction * (1000 if nanoseconds else 1), len(kept), whole) + kept
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(packets, link, order="<"):
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    # Stamps in nanoseconds.
    options = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options)
    for seconds, fraction, kept, whole in packets:
        stamp = seconds * 10**9 + fraction * 1000
        head = struct.pack(order + "IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(kept), whole)
        out += block(order, 6, head + kept)
    return out


def forms(octets):
    packets = list(records(octets))
    link = struct.unpack_from("<I", octets, 20)[0]
    ng = pcapng(packets, link)
    dice = random.Random(3)
    yield "same-swapped.pcap", pcap(packets, link, ">")
    yield "same-nanoseconds.pcap", pcap(packets, link, nanoseconds=True)
    yield "same-swapped-nanoseconds.pcap", pcap(packets, link, ">", nanoseconds=True)
    yield "same-little.pcapng", ng
    yield "same-big.pcapng", pcapng(packets, link, ">")
    yield "bad-empty.pcap", b""
    yield "bad-short.pcap", octets[:7]
    yield "bad-header.pcap", octets[:24]
    yield "bad-cut.pcap", octets[:-5]
    yield "bad-cut.pcapng", ng[:-5]
    yield "bad-lengths.pcapng", ng[:-4] + struct.pack("<I", 77)
    yield "bad-huge.pcap", octets + struct.pack("<IIII", 0, 0, 0xFFFFFFF0, 0xFFFFFFF0)
    yield "bad-link.pcap", pcap(packets, 147)
    yield "bad-text.pcap", b"This is a text and no capture.\n" * 100
    yield "bad-garbage.pcap", octets[:24] + dice.randbytes(100_000)
    yield "bad-garbage.pcapng", ng[:len(ng) // 2 & ~3] + dice.randbytes(100_000)


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        octets = file.read()
    for name, form in forms(octets):
        with open(os.path.join(sys.argv[2], name), "wb") as file:
            file.write(form)
