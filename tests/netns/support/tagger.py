"""An interface inside VLAN tags, for kernels that have none: a TAP device whose frames go out of a port with tags, and
come in by it without.

tagger.py PORT TAP TAG...    tags as hexadecimal digits, the outermost first: 81000007
Says `ready` once the TAP device is there.
"""

import fcntl
import os
import select
import socket
import struct
import sys

ETH_P_ALL, SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 3, 263, 8, 4
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
TAG_VALID, TYPE_VALID = 0x10, 0x40

port, name, tags = sys.argv[1], sys.argv[2], bytes.fromhex("".join(sys.argv[3:]))
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
wire.bind((port, 0))
print("ready", flush=True)

while True:
    for source in select.select([tap, wire], [], [])[0]:
        if source is tap:
            frame = os.read(tap, 2000)
            wire.send(frame[:12] + tags + frame[12:])
            continue
        frame, beside, _, address = wire.recvmsg(2000, 64)
        if address[2] == PACKET_OUTGOING:
            continue
        # The kernel takes the outermost tag off and hands it over beside the frame.
        for _, _, data in beside:
            status, _, _, _, _, tag, kind = struct.unpack("IIIHHHH", data[:20])
            if status & TAG_VALID:
                kind = kind if status & TYPE_VALID else 0x8100
                frame = frame[:12] + struct.pack("!HH", kind, tag) + frame[12:]
        if frame[12 : 12 + len(tags)] == tags:
            os.write(tap, frame[:12] + frame[12 + len(tags) :])
