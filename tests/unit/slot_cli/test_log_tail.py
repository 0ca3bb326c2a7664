from pathlib import Path

from slot.cli.log_tail import Follower, last_lines


def test_the_last_lines_are_those_with_something_in_them(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\n\ntwo \xff\n\n  \nthree")
    assert last_lines(tmp_path / "log", 2) == ["two \ufffd", "three"]
    assert last_lines(tmp_path / "log", 9) == ["one", "two \ufffd", "three"]


def test_a_log_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "no", 5) == []


def test_each_line_is_given_once_and_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntw")
    follower = Follower(log)
    assert list(follower.new_lines()) == ["one"]
    with log.open("a") as file:
        file.write("o\nthree\n")
    assert list(follower.new_lines()) == ["two", "three"]
    assert list(follower.new_lines()) == []
    follower.close()
