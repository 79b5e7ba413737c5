"""The few DNS messages that the lab's servers and its oracle need (RFC 1035)."""

import ipaddress
import struct

A, TXT, AAAA = 1, 16, 28
NXDOMAIN, REFUSED = 3, 5


def read_question(message):
    """The name (lower case, no final dot) and type of the first question, or None."""
    try:
        if message[2] & 0x80 or struct.unpack_from("!H", message, 4)[0] < 1:
            return None
        return _question_at(message, 12)
    except (IndexError, struct.error, UnicodeDecodeError):
        return None


def read_answered_name(message):
    """The name that a reply repeats, or None."""
    try:
        return _question_at(message, 12)[0] if message[2] & 0x80 else None
    except (IndexError, struct.error, UnicodeDecodeError):
        return None


def _question_at(message, at):
    labels = []
    while message[at]:
        if message[at] > 63:
            raise IndexError("a compressed question")
        labels.append(message[at + 1:at + 1 + message[at]].decode().lower())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack_from("!H", message, at + 1)[0]


def _question_end(message):
    at = 12
    while message[at]:
        at += 1 + message[at]
    return at + 5


def reply(query, records, code=0):
    """The reply with records of the asked type: addresses, or texts for TXT."""
    kind = read_question(query)[1]
    answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(data)) + data
                       for data in (_rdata(kind, record) for record in records))
    header = struct.pack("!HHHHHH", struct.unpack_from("!H", query)[0],
                         0x8180 | code, 1, len(records), 0, 0)
    return header + query[12:_question_end(query)] + answers


def _rdata(kind, record):
    if kind == TXT:
        return bytes([len(record)]) + record.encode()
    return ipaddress.ip_address(record).packed


def query(name, kind=A, ident=0x4C42):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + \
        struct.pack("!HH", kind, 1)
