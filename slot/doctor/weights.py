"""Are a checkpoint's weights all there?

A download that was cut leaves a file that is present and not empty, and the engine finds out minutes into the load. A
safetensors file says in its first bytes how long it must be, so that costs one small read per file to know.

Source: the safetensors format (8 bytes little-endian header length, JSON header with `data_offsets`, then the data).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

INDEX = "model.safetensors.index.json"
GIT_LFS_POINTER = b"version https://git-lfs"
LONGEST_HEADER_BYTES = 100 * 2**20  # the format's own limit: a longer one is not a header
HEADER_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Weights:
    """`faults` are sentences, one for a file that is not what it should be. `bytes_on_disk` counts what is there."""

    files: tuple[str, ...]
    bytes_on_disk: int
    faults: tuple[str, ...]


def read_weights(model_dir: Path) -> Weights:
    """Raises nothing: what cannot be read is a fault."""
    try:
        names = named_by_index(model_dir / INDEX) if (model_dir / INDEX).exists() else weight_files(model_dir)
    except (OSError, ValueError) as exc:
        return Weights((), 0, (f"{INDEX} cannot be read: {exc}",))
    if not names:
        return Weights((), 0, ("no *.safetensors, *.bin or *.gguf file",))
    faults = (fault_of(model_dir / name) for name in names)
    return Weights(names, sum(map(size_of, (model_dir / name for name in names))), tuple(filter(None, faults)))


def named_by_index(index: Path) -> tuple[str, ...]:
    """Raises ValueError for a file that is not an index."""
    content = json.loads(index.read_bytes())
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError("it has no weight_map")
    return tuple(sorted({str(name) for name in weight_map.values()}))


def weight_files(model_dir: Path) -> tuple[str, ...]:
    for pattern in ("*.safetensors", "*.bin", "*.gguf"):
        if found := sorted(path.name for path in model_dir.glob(pattern)):
            return tuple(found)
    return ()


def size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def fault_of(file: Path) -> str | None:
    """What is wrong with one file of weights, as a sentence, or None."""
    try:
        size = file.stat().st_size
        with file.open("rb") as content:
            return fault_in(content, file.name, size)
    except FileNotFoundError:
        return f"{file.name} is missing"
    except PermissionError:
        # safetensors says "No such file or directory" of such a file: save_pretrained writes it for its owner alone
        return f"{file.name} may not be read by this user (mode {file.stat().st_mode & 0o777:o})"
    except (OSError, ValueError) as exc:
        return f"{file.name} cannot be read: {exc}"


def fault_in(content: BinaryIO, name: str, size: int) -> str | None:
    """Raises ValueError for a safetensors file whose header is not one."""
    if size == 0:
        return f"{name} is empty"
    if content.read(len(GIT_LFS_POINTER)) == GIT_LFS_POINTER:
        return f"{name} is a git-lfs pointer of {size} bytes, not weights"
    if not name.endswith(".safetensors"):
        return None
    content.seek(0)
    expected = safetensors_bytes(content)
    return None if size == expected else f"{name} has {size} of {expected} bytes: its copy was cut or is still running"


def safetensors_bytes(content: BinaryIO) -> int:
    """How long the file must be by its own header. Raises ValueError where there is no such header."""
    header_bytes = int.from_bytes(content.read(HEADER_LENGTH_BYTES), "little")
    if not 2 <= header_bytes <= LONGEST_HEADER_BYTES:
        raise ValueError("not a safetensors file")
    header = json.loads(content.read(header_bytes))
    if not isinstance(header, dict):
        raise ValueError("not a safetensors file")
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
    try:
        return HEADER_LENGTH_BYTES + header_bytes + max((int(each["data_offsets"][1]) for each in tensors), default=0)
    except (KeyError, IndexError, TypeError) as exc:
        raise ValueError("a tensor in its header has no data_offsets") from exc
