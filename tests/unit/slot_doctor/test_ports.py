import os
import socket
from pathlib import Path

from processes import free_port

from slot.doctor.finding import Level
from slot.doctor.ports import Door, check
from slot.port_holder import Holder

PROC = Path("/proc")


def nobody(holder: Holder) -> bool:
    return False


def me(holder: Holder) -> bool:
    return holder.pid == os.getpid()


def test_a_free_port_is_ok() -> None:
    finding = check(Door("engine", "127.0.0.1", free_port(), "SERVE_PORT"), PROC, nobody)
    assert (finding.level, finding.found) == (Level.OK, "free")


def test_a_busy_port_names_its_holder_and_what_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        door = Door("frontdoor", "127.0.0.1", server.getsockname()[1], "FRONTDOOR_PORT")
        finding = check(door, PROC, nobody)
    assert finding.level == Level.FAIL
    assert f"(pid {os.getpid()})" in finding.found
    assert "FRONTDOOR_PORT" in finding.do


def test_any_address_is_in_the_way_of_loopback() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        finding = check(Door("engine", "127.0.0.1", server.getsockname()[1], "SERVE_PORT"), PROC, nobody)
    assert finding.level == Level.FAIL


def test_a_port_that_this_slot_holds_is_as_it_should_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finding = check(Door("engine", "127.0.0.1", server.getsockname()[1], "SERVE_PORT"), PROC, me)
    assert finding.level == Level.OK
    assert finding.found.startswith("held by this slot")


def test_an_address_of_another_host_is_refused() -> None:
    finding = check(Door("frontdoor", "192.0.2.1", free_port(), "FRONTDOOR_HOST"), PROC, nobody)
    assert finding.level == Level.FAIL
    assert finding.found.startswith("cannot listen there")


def test_a_port_that_the_socket_unit_keeps_is_as_it_should_be() -> None:
    finding = check(Door("frontdoor", "0.0.0.0", 8000, "FRONTDOOR_PORT", kept=8000), PROC, nobody)
    assert (finding.level, finding.found) == (Level.OK, "kept by the frontdoor's socket unit")


def test_a_port_that_the_socket_unit_does_not_keep_means_nothing() -> None:
    finding = check(Door("frontdoor", "0.0.0.0", 9000, "FRONTDOOR_PORT", kept=8000), PROC, nobody)
    assert finding.level == Level.WARN
    assert "port 8000" in finding.found
