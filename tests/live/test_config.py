"""Streams from a file: what it may hold, where secrets come from, and errors that name file, stream and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.live.config import StreamPlan, load_plans, with_environment


def plans(folder: Path, text: str) -> list[StreamPlan]:
    path = folder / "streams.yaml"
    path.write_text(text, encoding="utf-8")
    return load_plans(path)


def test_everything_that_a_stream_may_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_PASSWORD", "p@ss/wörd:1")
    monkeypatch.setenv("STREAM_KEY", "abc?token=1/2")
    first, second = plans(
        tmp_path,
        """
        - name: ward 3
          source: rtsp://nurse:${CAMERA_PASSWORD}@10.0.0.7/stream1
          preset: dim-light
          record: out/ward3.mp4
          push: rtmp://media.example/live/${STREAM_KEY}
          options: {look_ahead_ms: 200, loop: true}
        - source: 0
        """,
    )
    assert first.source == "rtsp://nurse:p%40ss%2Fw%C3%B6rd%3A1@10.0.0.7/stream1"
    assert first.push == "rtmp://media.example/live/abc?token=1/2"
    assert (first.name, first.record, first.preset.name) == ("ward 3", Path("out/ward3.mp4"), "dim-light")
    assert (first.options.look_ahead_ms, first.options.loop) == (200, True)
    assert (second.name, second.source, second.preset.name, second.record, second.push) == (
        "stream 2", "0", "balanced", None, "",
    )  # fmt: skip
    assert second.options.look_ahead_ms == 120


def test_no_secret_is_in_what_a_plan_says_of_itself(tmp_path: Path) -> None:
    (plan,) = plans(tmp_path, "- source: rtsp://nurse:secret-1@camera/\n  push: rtmp://media/live/secret-2\n")
    assert "secret" not in repr(plan)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no streams"),
        ("source: 0", "holds no streams"),
        ("- 7", "stream 1: must have keys of its own"),
        ("- name: a", "stream 1: source is missing"),
        ("- source: 0\n- sorce: 1", "stream 2: sorce: unknown key (did you mean source?)"),
        ("- source: [1]", "stream 1: source must be text"),
        ("- source: true", "stream 1: source must be text"),
        ("- source: 0\n  preset: balancd", "stream 1: preset: no preset balancd (did you mean balanced?)"),
        ("- source: 0\n  options: 3", "stream 1: options must have keys"),
        ("- source: 0\n  options: {look_ahead: 3}", "stream 1: options.look_ahead: unknown key (did you mean look_"),
        (
            "- source: 0\n  options: {look_ahead_ms: 5000}",
            "stream 1: options.look_ahead_ms = 5000: should be less than or equal to 2000",
        ),
        ("- source: 0\n  options: {loop: 1}", "stream 1: options.loop = 1: should be a valid boolean"),
        ("- source: ${NOT_SET_ANYWHERE}", "stream 1: source: the environment has no variable NOT_SET_ANYWHERE"),
        ("- {source: 0, name: a}\n- {source: 1, name: a}", "stream 2: name: a is stream 1's already"),
        ("- {source: 0, record: a.mp4}\n- {source: 1, record: a.mp4}", "stream 2: record: a.mp4 is stream 1's"),
        ("- source: 'secret", "is not valid YAML: look at line"),
        ("- source: 0\n" * 65, "65 streams are too many"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_stream_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        plans(tmp_path, text)
    assert str(raised.value).startswith("streams.yaml: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: cannot be read: No such file"):
        load_plans(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"- source: \xff")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        load_plans(tmp_path / "latin.yaml")


def test_a_variable_stands_as_it_is_outside_of_the_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADDRESS", "rtsp://nurse:secret@camera/1")
    monkeypatch.setenv("NAME", "a b@c")
    assert with_environment("${ADDRESS}", where="source") == "rtsp://nurse:secret@camera/1"
    assert with_environment("rtsp://camera/${NAME}?x=@", where="source") == "rtsp://camera/a b@c?x=@"
    assert with_environment("$HOME {NAME} 5$", where="source") == "$HOME {NAME} 5$"
