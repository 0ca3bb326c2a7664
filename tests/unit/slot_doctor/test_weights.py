import json
from pathlib import Path

import pytest

from slot.doctor.weights import Weights, read_weights


def safetensors(data_bytes: int, header: object = None) -> bytes:
    tensors = {"__metadata__": {"format": "pt"}, "w": {"dtype": "U8", "data_offsets": [0, data_bytes]}}
    text = json.dumps(tensors if header is None else header).encode()
    return len(text).to_bytes(8, "little") + text + b"\0" * data_bytes


WHOLE = safetensors(10)


def weights_of(directory: Path, files: dict[str, bytes]) -> Weights:
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return read_weights(directory)


def index(*shards: str) -> bytes:
    return json.dumps({"weight_map": {f"layer.{at}": shard for at, shard in enumerate(shards)}}).encode()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"model.safetensors": WHOLE}, ("model.safetensors",)),
        ({"a.gguf": b"GGUF"}, ("a.gguf",)),
        ({"pytorch_model.bin": b"PK", "notes.txt": b""}, ("pytorch_model.bin",)),
        ({"model.safetensors.index.json": index("b", "a", "b"), "a": b"1", "b": b"2", "c": b""}, ("a", "b")),
        ({"model.safetensors": safetensors(0, {})}, ("model.safetensors",)),
    ],
)
def test_whole_weights_have_no_faults(tmp_path: Path, files: dict[str, bytes], found: tuple[str, ...]) -> None:
    weights = weights_of(tmp_path, files)
    assert (weights.files, weights.faults) == (found, ())
    assert weights.bytes_on_disk == sum(len(files[name]) for name in found)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, "no *.safetensors, *.bin or *.gguf file"),
        ({"model.safetensors": b""}, "model.safetensors is empty"),
        ({"model.safetensors": WHOLE[:-1]}, f"model.safetensors has {len(WHOLE) - 1} of {len(WHOLE)} bytes"),
        ({"model.safetensors": WHOLE + b"x"}, f"model.safetensors has {len(WHOLE) + 1} of {len(WHOLE)} bytes"),
        ({"model.safetensors": b"version https://git-lfs.github.com/spec/v1\n"}, "is a git-lfs pointer of 43 bytes"),
        ({"model.safetensors": b"<html>not found</html>"}, "not a safetensors file"),
        ({"model.safetensors": b"\x02"}, "model.safetensors cannot be read"),
        ({"model.safetensors": safetensors(1, {"w": {}})}, "no data_offsets"),
        ({"model.safetensors": safetensors(1, {"w": {"data_offsets": [0]}})}, "no data_offsets"),
        ({"model.safetensors": safetensors(1, [1])}, "not a safetensors file"),
        ({"model.safetensors.index.json": index("a", "b"), "a": b"1"}, "b is missing"),
        ({"model.safetensors.index.json": b"{"}, "model.safetensors.index.json cannot be read"),
        ({"model.safetensors.index.json": b"{}"}, "it has no weight_map"),
        ({"model.safetensors.index.json": b"[]"}, "it has no weight_map"),
    ],
)
def test_each_fault_is_one_sentence(tmp_path: Path, files: dict[str, bytes], fault: str) -> None:
    faults = weights_of(tmp_path, files).faults
    assert len(faults) == 1
    assert fault in faults[0]
