from __future__ import annotations

from slot.profiles.engine_face import Flag, faces, known_environment, known_flags


def test_the_faces_are_those_of_the_engines_that_we_know() -> None:
    assert [face.engine for face in faces()] == ["vllm 0.20.2", "vllm 0.32.0"]


def test_a_flag_of_any_face_is_known() -> None:
    older, younger = faces()
    assert set(known_flags()) == {*older.flags, *younger.flags}
    assert "calculate-kv-scales" in known_flags(), "gone since 0.20"
    assert "async-scheduling" in known_flags()


def test_a_choice_of_any_face_is_one() -> None:
    assert "all" in known_flags()["mamba-cache-mode"].choices, "gone since 0.20"
    assert "align" in known_flags()["mamba-cache-mode"].choices


def test_a_flag_without_choices_takes_any_text() -> None:
    assert known_flags()["quantization"] == Flag("str")


def test_the_variables_of_every_face_are_known() -> None:
    assert {"VLLM_XPU_ENABLE_XPU_GRAPH", "VLLM_XPU_INC_WNA16_BACKEND"} <= known_environment()
