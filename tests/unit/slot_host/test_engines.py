import msgspec
import pytest

from slot.host.engines import CPU, GIB, Completion, is_whole, obstacles, pins

WHOLE = Completion(engine="cpu", version="0.32.0", lock_sha256="abc", python="3.11.2", installed_at=1.0, took_s=2.0)


@pytest.mark.parametrize(
    ("completion", "lock_sha256", "expected"),
    [
        (msgspec.json.encode(WHOLE), "abc", True),
        (msgspec.json.encode(WHOLE), "abd", False),
        (b"", "abc", False),
        (b"{}", "abc", False),
        (b'{"lock_sha256": "abc"}', "abc", False),
        (b"\xff", "abc", False),
    ],
)
def test_only_a_complete_venv_of_this_lock_is_whole(completion: bytes, lock_sha256: str, expected: bool) -> None:
    assert is_whole(completion, lock_sha256) is expected


@pytest.mark.parametrize(
    ("python", "system", "machine", "free_bytes", "words"),
    [
        ((3, 11), "Linux", "x86_64", 5 * GIB, []),
        ((3, 13), "Linux", "aarch64", 500 * GIB, []),
        ((3, 10), "Linux", "x86_64", 5 * GIB, ["Python 3.10 found"]),
        ((3, 14), "Linux", "x86_64", 5 * GIB, ["Python 3.14 found"]),
        ((3, 12), "Darwin", "arm64", 5 * GIB, ["Darwin on arm64 found"]),
        ((3, 12), "Linux", "riscv64", 5 * GIB, ["Linux on riscv64 found"]),
        ((3, 12), "Linux", "x86_64", 5 * GIB - 1, ["5.0 GiB of disk free; 5 GiB are needed"]),
        ((3, 9), "Linux", "i686", 0, ["Python 3.9", "i686", "0.0 GiB"]),
    ],
)
def test_all_obstacles_are_named_at_once(
    python: tuple[int, int], system: str, machine: str, free_bytes: int, words: list[str]
) -> None:
    found = obstacles(CPU, python=python, system=system, machine=machine, free_bytes=free_bytes, missing_libraries={})
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_a_missing_library_is_named_with_the_command_that_brings_it() -> None:
    here = {"python": (3, 11), "system": "Linux", "machine": "x86_64", "free_bytes": 9 * GIB}
    [line] = obstacles(CPU, **here, missing_libraries={"libnuma.so.1": "libnuma1", "libb.so.2": "libb2"})
    assert line == "libnuma.so.1, libb.so.2 not found; please run: sudo apt-get install -y libnuma1 libb2"


def test_pins_are_counted_without_hashes_and_comments() -> None:
    assert pins("a==1 \\\n    --hash=sha256:00\n    # via b\nB-c==2 ; python_version < '3.12'\n\n# torch\n") == 2
