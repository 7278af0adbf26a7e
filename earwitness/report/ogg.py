"""Ogg streams that are the same bytes for the same sound."""

_POLYNOMIAL = 0x04C11DB7


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_TABLE = _table()


def fix_serial(stream: bytes, serial: int) -> bytes:
    """Give a stream a serial number of one's own in place of the encoder's random one.

    Parameters
    ----------
    stream : bytes
        An Ogg file with one logical stream.
    serial : int
        From 0 to 2**32 - 1.

    Returns
    -------
    bytes
        The same stream, its pages numbered and summed anew (RFC 3533, section 6).

    Raises
    ------
    ValueError
        If these are not Ogg pages.
    """
    pages = bytearray(stream)
    start = 0
    while start < len(pages):
        if pages[start : start + 4] != b"OggS":
            raise ValueError(f"no Ogg page at byte {start}")
        segments = pages[start + 26]
        body = start + 27 + segments
        end = body + sum(pages[start + 27 : body])
        pages[start + 14 : start + 18] = serial.to_bytes(4, "little")
        pages[start + 22 : start + 26] = bytes(4)
        checksum = _checksum(pages[start:end])
        pages[start + 22 : start + 26] = checksum.to_bytes(4, "little")
        start = end
    return bytes(pages)


def _checksum(page: bytes | bytearray) -> int:
    """CRC-32 without reflection: zlib's is another one."""
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value
