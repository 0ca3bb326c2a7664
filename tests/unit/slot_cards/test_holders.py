from __future__ import annotations

import os
from pathlib import Path

import pytest

from slot.cards.holders import MUCH_BYTES, OURS_BYTES, Client, Holder, client_in, holders, in_the_way

BDF = "0000:03:00.0"
FDINFO = """\
pos:	0
flags:	02100002
mnt_id:	29
ino:	423
drm-driver:	xe
drm-client-id:	7
drm-pdev:	0000:03:00.0
drm-total-system:	0
drm-resident-system:	8 KiB
drm-total-vram0:	4096 MiB
drm-shared-vram0:	0
drm-resident-vram0:	2048 KiB
drm-resident-vram1:	1 MiB
drm-cycles-ccs:	0
"""


@pytest.mark.parametrize(
    ("text", "client"),
    [
        (FDINFO, Client(BDF, "7", 3 * 1024**2)),
        (FDINFO.replace("2048 KiB", "0").replace("1 MiB", "512"), Client(BDF, "7", 512)),
        (FDINFO.replace("\txe", "\ti915"), None),
        (FDINFO.replace("drm-client-id", "something"), None),
        ("pos:\t0\n", None),
        ("", None),
    ],
)
def test_client_in(text: str, client: Client | None) -> None:
    assert client_in(text) == client


def process(proc: Path, pid: int, *files: tuple[str, str]) -> None:
    """Its open files: what each leads to, and what the kernel says of it."""
    for name in ("fd", "fdinfo"):
        (proc / str(pid) / name).mkdir(parents=True)
    (proc / str(pid) / "comm").write_text("VLLM::Worker_TP\n")
    for number, (target, text) in enumerate(files):
        (proc / str(pid) / "fd" / str(number)).symlink_to(target)
        (proc / str(pid) / "fdinfo" / str(number)).write_text(text)


NODE = "/dev/dri/renderD128"
OTHER = FDINFO.replace("0000:03", "0000:07")


def test_holders(tmp_path: Path) -> None:
    process(tmp_path, 100, ("/dev/null", FDINFO), ("socket:[1]", ""))
    process(tmp_path, 20, (NODE, FDINFO), (NODE, FDINFO.replace("id:\t7", "id:\t8")), ("/dev/dri/renderD129", OTHER))
    process(tmp_path, 21, (NODE, FDINFO))  # its parent's file: counted there
    process(tmp_path, 22, (NODE, FDINFO.replace("id:\t7", "id:\t9").replace("2048 KiB", "0").replace("1 MiB", "0")))
    (tmp_path / "23").mkdir()  # not ours to look into
    words, uid = "VLLM::Worker_TP", os.geteuid()
    assert holders(tmp_path) == (
        Holder(20, uid, words, BDF, 6 * 1024**2),
        Holder(20, uid, words, "0000:07:00.0", 3 * 1024**2),
        Holder(22, uid, words, BDF, 0),
    )


@pytest.mark.parametrize(
    ("uid", "held", "is_in_the_way"),
    [
        (990, 0, False),
        (990, OURS_BYTES, False),
        (990, OURS_BYTES + 1, True),
        (1000, OURS_BYTES + 1, False),
        (1000, MUCH_BYTES, False),
        (1000, MUCH_BYTES + 1, True),
    ],
)
def test_in_the_way(uid: int, held: int, is_in_the_way: bool) -> None:
    found = [Holder(1, uid, "x", BDF, held)]
    assert in_the_way(found, slot_uid=990) == (tuple(found) if is_in_the_way else ())


def test_the_real_proc_is_readable() -> None:
    assert isinstance(holders(), tuple)


def test_words() -> None:
    assert str(Holder(7, 0, "vllm", BDF, 5 << 30)) == "vllm (pid 7) holds 5120 MiB of 0000:03:00.0"
    assert str(Holder(7, 0, "", BDF, 0)) == "a process (pid 7) holds 0 MiB of 0000:03:00.0"
