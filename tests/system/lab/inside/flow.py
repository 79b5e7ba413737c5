#!/usr/bin/python3
"""One TCP connection and a steady pulse of UDP, which tell how long they were interrupted.

    flow.py REPORT.json ADDRESS

ADDRESS answers on port 7 with what it was sent, over TCP and UDP.  When
REPORT.json.stop appears, REPORT.json is written: {"wrong": bytes that came back
changed, "error": what ended the connection, "blocks": when each block of BLOCK
bytes had come back, "replies": when each answer to a pulse came}.  Times are
those of CLOCK_MONOTONIC.  REPORT.json.count holds the number of blocks so far.
"""

import json
import os
import secrets
import socket
import sys
import threading
import time

PULSE = 0.001
BLOCK = 8192
PAUSE = 0.002  # between two blocks: others want the processor too
report = {"wrong": 0, "error": None, "blocks": [], "replies": []}
is_stopped = False


def receive_exactly(sock, n):
    data = bytearray()
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return bytes(data)


def transfer(address, count):
    try:
        with socket.create_connection((address, 7), 20) as sock:
            while not is_stopped:
                block = secrets.token_bytes(BLOCK)
                sock.sendall(block)
                back = receive_exactly(sock, BLOCK)
                report["blocks"].append(time.monotonic())
                os.pwrite(count, len(report["blocks"]).to_bytes(8, sys.byteorder), 0)
                report["wrong"] += sum(a != b for a, b in zip(block, back)) if block != back else 0
                time.sleep(PAUSE)
    except OSError as e:
        report["error"] = repr(e)


def listen(sock):
    while not is_stopped:
        try:
            sock.recv(100)
            report["replies"].append(time.monotonic())
        except TimeoutError:
            pass


def main(path, address):
    global is_stopped
    count = os.open(path + ".count", os.O_CREAT | os.O_WRONLY, 0o644)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.connect((address, 7))
        threads = [threading.Thread(target=transfer, args=(address, count)),
                   threading.Thread(target=listen, args=(sock,))]
        for thread in threads:
            thread.start()
        while not os.path.exists(path + ".stop"):
            try:
                sock.send(b"pulse")
            except OSError:
                pass  # the answer says whether it arrived
            time.sleep(PULSE)
        is_stopped = True
        for thread in threads:
            thread.join()
    with open(path + ".new", "w") as f:
        json.dump(report, f)
    os.rename(path + ".new", path)


if __name__ == "__main__":
    main(*sys.argv[1:])
