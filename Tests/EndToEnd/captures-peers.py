"""What programs do to each other over the kernel's TCP, for Tests/EndToEnd/captures.

  captures-peers.py serve DIRECTORY            the right side, until it is ended
  captures-peers.py visit DIRECTORY            the left side, once
  captures-peers.py sample FILE                what ss says, again and again, until it is ended
  captures-peers.py flood ADDRESS PORT COUNT   SYNs from addresses that nobody has

The two sides tell each other by files in DIRECTORY where one has to wait for the other.
"""

import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

# By way of a veth pair, of a link that damages, and of one that takes its time.
WIRE, WIRE6, PATH, LONG = "10.99.0.2", "fd00:99::2", "10.98.0.2", "10.97.0.2"
# The other end of a connection that is cut.
CUT = "10.99.0.4"
LONG_LEFT = "10.97.0.1"
# Has a neighbour entry, and nobody is there.
NOBODY = "10.99.0.99"

STALLED, KEPT, LINGERING, UNREAD, HALF_CLOSED, VANISHING, SERVED, CLOSED_PORT = range(7001, 7009)
CROSSED_OPEN, CROSSED_CLOSE = 7020, 7021

directory = ""


def path(name):
    return os.path.join(directory, name)


def tell(name):
    open(path(name), "w").close()


def await_word(name, seconds=20):
    end = time.monotonic() + seconds
    while not os.path.exists(path(name)):
        if time.monotonic() > end:
            raise TimeoutError(name)
        time.sleep(0.01)


def linger_zero(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_to_end(s):
    count = 0
    while octets := s.recv(65536):
        count += len(octets)
    return count


# The right side.


def stalled(s):
    """Reads nothing for a while, a little, nothing again, and then all."""
    time.sleep(3)
    for _ in range(5):
        s.recv(20000)
        time.sleep(0.3)
    read_to_end(s)
    s.close()


def kept(s):
    read_to_end(s)
    time.sleep(60)


def lingering(s):
    s.recv(100)
    time.sleep(0.5)
    linger_zero(s)
    s.close()


def unread(s):
    time.sleep(0.5)
    s.close()


def half_closed(s):
    read_to_end(s)
    for _ in range(10):
        s.sendall(b"x" * 20000)
        time.sleep(0.1)
    s.close()


def vanishing(s):
    """Is gone, and its last word is lost."""
    s.recv(100)
    await_word("cut")
    linger_zero(s)
    s.close()
    tell("vanished")


def served(s):
    """Closes first."""
    s.recv(100)
    s.sendall(b"y" * 100000)
    s.close()


def crossed_close(s):
    s.recv(100)
    await_word("close-at")
    with open(path("close-at")) as file:
        close_together(s, float(file.read()))


def close_together(s, when):
    time.sleep(max(0, when - time.time()))
    s.shutdown(socket.SHUT_WR)
    s.recv(100)
    s.close()


def open_together(own, other, name):
    """Both sides call at one moment, so that their SYNs cross."""
    await_word(name)
    with open(path(name)) as file:
        when = float(file.read())
    s = socket.socket()
    s.settimeout(15)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((own, CROSSED_OPEN))
    time.sleep(max(0, when - time.time()))
    s.connect((other, CROSSED_OPEN))
    s.sendall(b"hello")
    s.recv(100)
    s.shutdown(socket.SHUT_WR)
    read_to_end(s)
    s.close()


def agree_on(name, seconds):
    when = time.time() + seconds
    with open(path(name + ".new"), "w") as file:
        file.write(str(when))
    os.rename(path(name + ".new"), path(name))
    return when


def listen(port, run, receive_buffer=0):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.bind(("::", port))
    s.listen(64)

    def accept():
        while True:
            connection, _ = s.accept()
            threading.Thread(target=guarded, args=(run, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def guarded(run, *arguments):
    try:
        run(*arguments)
    except OSError:
        pass


def serve():
    listen(STALLED, stalled, receive_buffer=16384)
    listen(KEPT, kept)
    listen(LINGERING, lingering)
    listen(UNREAD, unread)
    listen(HALF_CLOSED, half_closed)
    listen(VANISHING, vanishing)
    listen(SERVED, served)
    listen(CROSSED_CLOSE, crossed_close)
    crossing = (open_together, LONG, LONG_LEFT, "open-at")
    threading.Thread(target=guarded, args=crossing, daemon=True).start()
    tell("serving")
    threading.Event().wait()


# The left side.


def call(host, port, seconds=30):
    return socket.create_connection((host, port), seconds)


def fill_stalled(host):
    s = call(host, STALLED)
    s.sendall(b"z" * 400000)
    # A FIN that waits for its turn behind text is on no wire yet, and its sender in FIN-WAIT-1 already.
    while struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)))[0]:
        time.sleep(0.01)
    s.close()


def keep(host):
    s = call(host, KEPT)
    s.sendall(b"hello")
    time.sleep(1)
    s.shutdown(socket.SHUT_WR)
    time.sleep(60)


def be_reset(host, port, text):
    s = call(host, port)
    s.sendall(text)
    time.sleep(1)
    s.close()


def reset(host):
    """The client's own reset, with SO_LINGER 0."""
    s = call(host, SERVED)
    time.sleep(0.5)
    linger_zero(s)
    s.close()


def refused(host):
    try:
        call(host, CLOSED_PORT)
    except ConnectionRefusedError:
        pass


def unanswered():
    s = socket.socket()
    s.settimeout(60)
    guarded(s.connect, (NOBODY, 80))
    s.close()


def close_half(host):
    s = call(host, HALF_CLOSED)
    s.sendall(b"question")
    time.sleep(0.3)
    s.shutdown(socket.SHUT_WR)
    read_to_end(s)
    s.close()


def be_served(host):
    s = call(host, SERVED)
    s.sendall(b"question")
    read_to_end(s)
    time.sleep(1)
    s.close()


def outlive(host):
    """The other end is gone, and says so only when it is asked."""
    s = call(host, VANISHING)
    s.sendall(b"hello")
    time.sleep(1)
    tell("cut-please")
    await_word("joined")
    time.sleep(1)
    s.sendall(b"are you there?")
    time.sleep(1)
    s.close()


def close_into_cut():
    """FIN-WAIT-1 for as long as no acknowledgment comes."""
    s = call(CUT, KEPT)
    s.sendall(b"hello")
    await_word("cut")
    s.shutdown(socket.SHUT_WR)
    time.sleep(60)


def answer_into_cut():
    """LAST-ACK for as long as no acknowledgment comes."""
    s = call(CUT, SERVED)
    s.sendall(b"question")
    read_to_end(s)
    await_word("cut")
    s.close()


def cross_open():
    agree_on("open-at", 0.5)
    open_together(LONG_LEFT, LONG, "open-at")


def cross_close():
    s = call(LONG, CROSSED_CLOSE)
    s.sendall(b"hello")
    close_together(s, agree_on("close-at", 1))


def idle_with_nginx(host):
    """nginx closes first, because nothing comes for a second."""
    s = call(host, 8080)
    s.sendall(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(3)
    s.close()


def visit():
    both = (WIRE, WIRE6)
    scenes = [(cross_open,), (cross_close,), (unanswered,), (outlive, CUT), (close_into_cut,), (answer_into_cut,), (fill_stalled, PATH)]
    for host in both:
        scenes += [
            (fill_stalled, host),
            (keep, host),
            (be_reset, host, LINGERING, b"hello"),
            (be_reset, host, UNREAD, b"text that nobody reads"),
            (reset, host),
            (refused, host),
            (close_half, host),
            (be_served, host),
            (idle_with_nginx, host),
        ]
    threads = []
    for scene in scenes:
        thread = threading.Thread(target=guarded, args=scene, daemon=True)
        thread.start()
        threads.append(thread)
        time.sleep(0.03)
    end = time.monotonic() + 12
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    # Whoever still waits keeps waiting, so that the last samples see it.
    tell("visited")
    threading.Event().wait()


# Looking on.


def sample(file):
    with open(file, "w") as out:
        while True:
            before = time.time_ns()
            said = subprocess.run(["ss", "-Htan"], capture_output=True, text=True).stdout
            after = time.time_ns()
            sockets = [(f[0], f[3], f[4]) for f in (line.split() for line in said.splitlines()) if f[0] != "LISTEN"]
            out.write(json.dumps({"before": before, "after": after, "sockets": sockets}) + "\n")
            out.flush()
            time.sleep(0.1)


# A flood.


def checksum(octets):
    words = sum(struct.unpack("!%dH" % (len(octets) // 2), octets))
    while words >> 16:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


def syn(source, destination, port, dice):
    address = socket.inet_aton(source) + socket.inet_aton(destination)
    header = struct.pack("!HHIIBBHHH", dice.randrange(1024, 65536), port, dice.getrandbits(32), 0, 5 << 4, 2, 64240, 0, 0)
    check = checksum(address + struct.pack("!BBH", 0, 6, len(header)) + header)
    header = header[:16] + struct.pack("!H", check) + header[18:]
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(header), 0, 0, 64, 6, 0) + address + header


def flood(destination, port, count):
    dice = random.Random(1)
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for _ in range(count):
        source = "10.66.%d.%d" % (dice.randrange(256), dice.randrange(1, 255))
        s.sendto(syn(source, destination, port, dice), (destination, 0))


if __name__ == "__main__":
    role = sys.argv[1]
    if role == "sample":
        sample(sys.argv[2])
    elif role == "flood":
        flood(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        directory = sys.argv[2]
        serve() if role == "serve" else visit()
