from slot.host.system_libraries import missing


def test_only_what_the_loader_does_not_find_is_missing() -> None:
    libraries = {"libc.so.6": "libc6", "libnobody-has-this.so.1": "libnobody1"}
    assert missing(libraries) == {"libnobody-has-this.so.1": "libnobody1"}
    assert missing({}) == {}
