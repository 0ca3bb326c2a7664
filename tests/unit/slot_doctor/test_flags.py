import pytest

from slot.doctor.finding import Level
from slot.doctor.flags import check_parsed, check_shipped
from slot.profiles.engine_face import EngineFace, Flag

FACE = EngineFace(
    "vllm 0.32.0",
    {
        "max-model-len": Flag("int_or_auto"),
        "enable-prefix-caching": Flag("bool"),
        "enforce-eager": Flag("switch"),
        "compilation-config": Flag("json"),
    },
    frozenset(),
)


@pytest.mark.parametrize(
    ("argv", "unknown"),
    [
        ("MODEL --max-model-len 4096", ""),
        ("MODEL --max_model_len=4096", ""),
        ("MODEL --no-enable-prefix-caching -O3", ""),
        ("MODEL --compilation-config.mode 3 --enforce-eager", ""),
        ("MODEL --compilation-config {}", ""),
        ("MODEL --async-engine", "--async-engine"),
        ("MODEL --no-enforce-eager", "--no-enforce-eager"),
        ("MODEL --no-such --nor-such=1", "--no-such --nor-such=1"),
    ],
)
def test_flags_are_read_as_the_engine_reads_them(argv: str, unknown: str) -> None:
    finding = check_shipped(argv.split(), FACE)
    assert finding.level == (Level.FAIL if unknown else Level.OK)
    assert finding.found == (f"unrecognized arguments: {unknown}" if unknown else "all known")


def test_a_slip_gets_a_suggestion() -> None:
    assert check_shipped(["M", "--max-model-length"], FACE).do.startswith("did you mean --max-model-len?")


@pytest.mark.parametrize(
    ("rejected", "level", "found"),
    [
        (None, Level.OK, "accepted"),
        ("unrecognized arguments: --async-engine", Level.FAIL, "refused: unrecognized arguments: --async-engine"),
    ],
)
def test_a_parser_is_quoted(rejected: str | None, level: Level, found: str) -> None:
    finding = check_parsed(["M", "--a", "1", "--b"], rejected, "vLLM 0.32.0")
    assert (finding.level, finding.found) == (level, found)
    assert finding.looked_at == "2 flags, the parser of vLLM 0.32.0"
