"""The few messages of PostgreSQL's protocol 3 that the fuzzers need, over a Unix socket.

psql cannot bind binary parameters, and the machine that runs the tests has no driver, so this speaks
the protocol itself. Requests are pipelined: every bind is followed by a sync of its own, hence an
error skips nothing but its own execute.
"""
import os
import socket
import struct


class ServerLost(Exception):
    """The connection broke: the backend, or the server, has died."""


class Connection:
    def __init__(self):
        path = os.path.join(os.environ["PGHOST"], ".s.PGSQL." + os.environ.get("PGPORT", "5432"))
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.stream = self.sock.makefile("rb")
        settings = b"".join(
            name + b"\0" + os.environ.get(var, default).encode() + b"\0"
            for name, var, default in ((b"user", "PGUSER", "postgres"), (b"database", "PGDATABASE", "postgres"))
        )
        body = struct.pack("!i", 196608) + settings + b"\0"
        self.sock.sendall(struct.pack("!i", len(body) + 4) + body)
        self.read_answer()

    def read_answer(self):
        """Everything up to ready-for-query: (first row or None, SQLSTATE or None, message)."""
        row, sqlstate, text = None, None, ""
        while True:
            head = self.stream.read(5)
            if len(head) < 5:
                raise ServerLost()
            kind, length = chr(head[0]), struct.unpack("!i", head[1:])[0] - 4
            body = self.stream.read(length)
            if len(body) < length:
                raise ServerLost()
            if kind == "D" and row is None:
                row = parse_row(body)
            elif kind == "E":
                fields = {f[:1]: f[1:] for f in body.split(b"\0") if f}
                sqlstate = fields[b"C"].decode()
                text = fields[b"M"].decode(errors="replace")
            elif kind == "Z":
                return row, sqlstate, text

    def query(self, sql):
        self.sock.sendall(message(b"Q", sql.encode() + b"\0"))
        return self.read_answer()

    def prepare(self, name, sql):
        body = name.encode() + b"\0" + sql.encode() + b"\0" + struct.pack("!h", 0)
        self.sock.sendall(message(b"P", body) + message(b"S", b""))
        row, sqlstate, text = self.read_answer()
        if sqlstate:
            raise RuntimeError(text)


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def parse_row(body):
    (count,) = struct.unpack_from("!h", body)
    at, values = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at:at + length])
        at += max(length, 0)
    return values


def bind_and_execute(statement, value, binary, binary_result):
    """The bytes of bind, execute and sync for a statement with one parameter."""
    bind = (
        b"\0" + statement.encode() + b"\0" + struct.pack("!hhh", 1, int(binary), 1)
        + struct.pack("!i", len(value)) + value + struct.pack("!hh", 1, int(binary_result))
    )
    return message(b"B", bind) + message(b"E", b"\0" + struct.pack("!i", 0)) + message(b"S", b"")
