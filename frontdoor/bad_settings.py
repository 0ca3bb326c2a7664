"""What settings say that cannot be used; raised wherever one is read, a file of keys or a certificate included."""

from __future__ import annotations


class BadSettings(ValueError):
    """Settings that cannot be used. `problems`: one line each, with the variable, what was found, what was expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
