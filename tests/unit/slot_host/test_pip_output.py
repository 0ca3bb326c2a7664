import pytest

from slot.host.pip_output import PipProgress, complaint, is_unknown_to_the_index

START = PipProgress(total=4)
LOCK = "(from -r engine-cpu.txt (line 1))"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], START),
        (["Looking in indexes: https://example.org/simple"], START),
        ([f"Collecting aiohttp==3.14.5 {LOCK}"], PipProgress(4, 1, "aiohttp")),
        ([f"Collecting pydantic-core==2.50.4 {LOCK}"], PipProgress(4, 1, "pydantic-core")),
        ([f"Processing /wheels/attrs-26.1.0-py3-none-any.whl {LOCK}"], PipProgress(4, 1, "attrs")),
        (["Processing ./pydantic_core-2.50.4-cp311.whl"], PipProgress(4, 1, "pydantic_core")),
        (["Collecting a-b==1", "  Downloading a_b-1.whl (614.3 MB)"], PipProgress(4, 1, "a-b (614.3 MB)")),
        (["Collecting a==1"] * 5, PipProgress(4, 4, "a")),
        (["Ignoring colorama: markers 'sys_platform == \"win32\"' don't match your environment"], PipProgress(3)),
        (["Ignoring a: markers"] * 5, PipProgress(1)),
        (["Collecting a==1", "Installing collected packages: a, b"], PipProgress(4, 4, "", True)),
    ],
)
def test_what_is_known_after_these_lines(lines: list[str], expected: PipProgress) -> None:
    progress = START
    for line in lines:
        progress = progress.after(line)
    assert progress == expected


@pytest.mark.parametrize(
    ("progress", "unpacked", "fraction", "words"),
    [
        (START, 0, 0.0, "fetched 0 of 4: "),
        (PipProgress(4, 2, "numpy (18 MB)"), 0, 0.25, "fetched 2 of 4: numpy (18 MB)"),
        (PipProgress(4, 4, "", True), 0, 0.5, "unpacked 0 of 4"),
        (PipProgress(4, 4, "", True), 4, 1.0, "unpacked 4 of 4"),
        (PipProgress(4, 4, "", True), 5, 1.0, "unpacked 4 of 4"),
    ],
)
def test_how_far_that_is(progress: PipProgress, unpacked: int, fraction: float, words: str) -> None:
    assert (progress.fraction(unpacked), progress.words(unpacked)) == (fraction, words)


NOT_FOUND = "ERROR: Could not find a version\nERROR: No matching distribution found for torch==2.13.0+cpu"
RETRYING = "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError': /simple/torch/\n"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("", ""),
        ("Collecting a\nKilled\n\n", "Killed"),
        ("ERROR: one\nERROR: two\nERROR: three\nlast", "two; three"),
        (NOT_FOUND, "Could not find a version; No matching distribution found for torch==2.13.0+cpu"),
        (
            RETRYING + NOT_FOUND,
            "Could not find a version; No matching distribution found for torch==2.13.0+cpu; "
            "the package index could not be reached",
        ),
    ],
)
def test_why_it_failed(output: str, expected: str) -> None:
    assert complaint(output) == expected


def test_an_index_without_the_package_is_told_from_other_failures() -> None:
    assert is_unknown_to_the_index(NOT_FOUND)
    assert not is_unknown_to_the_index("ERROR: Could not install packages due to an OSError: No space left on device")
