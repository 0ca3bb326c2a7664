from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.profiles.shell_file import NOT_EXECUTED, Assignment, Comment, Sourced, Unread, read
from slot.profiles.shell_words import expand, literal


def told(source: str) -> list[str]:
    """The statements, each as a short text."""
    texts = []
    for statement in read(source):
        match statement:
            case Assignment(line, _, name, words, is_array, appends):
                values = [literal(word) or expand(word, {}) for word in words]
                sign = "+=" if appends else "="
                texts.append(f"{line} {name}{sign}{values if is_array else values[0]}")
            case Sourced(line, _, file):
                texts.append(f"{line} source {literal(file)}")
            case Comment(line, text):
                texts.append(f"{line} {text}".rstrip())
            case Unread(line, text, reason):
                texts.append(f"{line} ({text}) {reason}")
    return texts


LOOP = "a condition or a loop: nothing is executed"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", []),
        ("A=1", ["1 A=1"]),
        ("  A=1\n\tB=2\n", ["1 A=1", "2 B=2"]),
        ("A=1 B=2; C=3", ["1 A=1", "1 B=2", "1 C=3"]),
        ("A=", ["1 A="]),
        ("# x\n\nA=1 # y\n", ["1 # x", "2", "3 A=1", "3 # y"]),
        ("export A=1 B=2", ["1 A=1", "1 B=2"]),
        ("export -x A=1\ndeclare -rx B=2\nreadonly C=3", ["1 A=1", "2 B=2", "3 C=3"]),
        ("A=1\nexport A\n", ["1 A=1"]),
        ("A+=x", ["1 A+=x"]),
        ("A=(a 'b c')", ["1 A=['a', 'b c']"]),
        ("A=(\n  a # one\n  b\n)\nB=1", ["1 A=['a', 'b']", "5 B=1"]),
        ("A+=(c)", ["1 A+=['c']"]),
        (': "${A:=1}"', ["1 A=1"]),
        (': "${A:=1}" "${B:-2}"', ["1 A=1", "1 B=2"]),
        (": nothing", [f"1 (: nothing) {NOT_EXECUTED}"]),
        ("source /x/y.env", ["1 source /x/y.env"]),
        (". '/x y.env'", ["1 source /x y.env"]),
        ("source a b", [f"1 (source a b) {NOT_EXECUTED}"]),
        ("set -euo pipefail\nA=1", [f"1 (set -euo pipefail) {NOT_EXECUTED}", "2 A=1"]),
        ("A=1 make all", [f"1 (A=1 make all) {NOT_EXECUTED}"]),
        ("A=1 && B=2\nC=3", [f"1 (A=1 && B=2) {NOT_EXECUTED}", "2 C=3"]),
        ("[[ -n $X ]] && A=1", [f"1 ([[ -n $X ]] && A=1) {NOT_EXECUTED}"]),
        ("echo 'a; A=1' | sort; B=2", [f"1 (echo 'a; A=1' | sort) {NOT_EXECUTED}", "1 B=2"]),
        ("(A=1\nB=2)\nC=3", [f"1 ((A=1 …) {NOT_EXECUTED}", "3 C=3"]),
        ("if [ x ]; then\n  A=1\nelse\n  export B=2\nfi\nC=3", [f"1 (if [ x ]; then …) {LOOP}; it sets A, B", "6 C=3"]),
        ("if a; then if b; then A=1; fi; fi; C=3", [f"1 (if a; then if b; then A=1; fi; fi) {LOOP}", "1 C=3"]),
        ("for x in 1 2; do\n A=$x\ndone\nC=3", [f"1 (for x in 1 2; do …) {LOOP}; it sets A", "4 C=3"]),
        ("case $x in\n a) A=1 ;;\n *) B=2 ;;\nesac\nC=3", [f"1 (case $x in …) {LOOP}", "5 C=3"]),
        ("f() {\n  A=1\n}\nC=3", [f"1 (f() {{ …) {LOOP}; it sets A", "4 C=3"]),
        ("{ A=1; }\nC=3", [f"1 ({{ A=1; }}) {LOOP}", "2 C=3"]),
        ("A='x\ny'\nB=2", ["1 A=x\ny", "3 B=2"]),
        ("A='x\nB=2", ["1 (A='x …) a single quote is never closed"]),
        ("if x; then\nA=1\n", ["1 (if x; then …) 'fi' is missing"]),
        (")\nA=1", [f"1 ()) {NOT_EXECUTED}", "2 A=1"]),
    ],
)
def test_the_statements_of_a_file(source: str, expected: list[str]) -> None:
    assert told(source) == expected


def test_a_statement_knows_its_source() -> None:
    assignment = next(read("export A='x'  # why\n"))
    assert assignment.text == "export A='x'"


@given(st.text(st.sampled_from("AB=(){}'\"$`\\ \n;#&|<>-:[]ifdone.\t"), max_size=60))
def test_any_source_comes_to_an_end(source: str) -> None:
    lines = [statement.line for statement in read(source)]
    assert lines == sorted(lines)
