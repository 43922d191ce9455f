# SPDX-License-Identifier: GPL-2.0-or-later
"""Option ROMs, and the flash of a card around one."""


def image(code, blocks, last):
    """An image that has what its type needs, and a good checksum."""
    data = bytearray(blocks * 512)
    data[0:3] = bytes([0x55, 0xAA, blocks])
    data[0x18] = 0x20
    data[0x20:0x38] = (b"PCIR" + bytes([0xDE, 0x10, 0x89, 0x24, 0, 0, 0x18, 0, 3, 0, 0, 3, blocks, 0,
                                        0, 0, code, 0x80 if last else 0, 0, 0]))
    if code == 3:
        data[4:14] = bytes([0xF1, 0x0E, 0, 0, 11, 0, 0x64, 0x86, 1, 0])
    data[-1] = -sum(data) & 0xFF
    return bytes(data)


CARD = image(0, 2, False) + image(3, 1, True)
FLASH = b"NVGI".ljust(1536, b"\x11") + CARD + b"VN".ljust(32, b".") + b"NPDS"
