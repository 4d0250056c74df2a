"""ONNX files of a few nodes, written by hand: the format is protocol buffers, and the tests need little of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(number(1, n) for n in array.shape)
    return dims + number(2, 1) + block(8, name) + block(9, array.astype("<f4").tobytes())


def value(name: str, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(block(1, number(1, n) if isinstance(n, int) else block(2, n)) for n in shape)
    return block(1, name) + block(2, block(1, number(1, 1) + block(2, dims)))


def node(kind: str, inputs: list[str], outputs: list[str]) -> bytes:
    return b"".join(block(1, i) for i in inputs) + b"".join(block(2, o) for o in outputs) + block(4, kind)


def write(
    path: Path,
    nodes: list[bytes],
    input_shape: tuple[int | str, ...],
    output_shape: tuple[int | str, ...],
    constants: dict[str, np.ndarray] | None = None,
) -> Path:
    graph = b"".join(block(1, n) for n in nodes) + block(2, "tiny")
    graph += b"".join(block(5, tensor(name, array)) for name, array in (constants or {}).items())
    graph += block(11, value("images", input_shape)) + block(12, value("output", output_shape))
    path.write_bytes(number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 13)))
    return path


def constant_detector(path: Path, rows: np.ndarray, size: int = 416) -> Path:
    """A YOLOX that always answers ``rows``, ``(A, 85)``."""
    answer = rows[None].astype(np.float32)
    return write(path, [node("Identity", ["rows"], ["output"])], (1, 3, size, size), answer.shape, {"rows": answer})


def mean_colour_embedder(path: Path, batch: int | str = "batch") -> Path:
    """A re-identification network whose feature is the mean of each normalised channel."""
    nodes = [node("GlobalAveragePool", ["images"], ["pooled"]), node("Flatten", ["pooled"], ["output"])]
    return write(path, nodes, (batch, 3, 256, 128), (batch, 3))
