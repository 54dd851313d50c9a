"""What the library says on the page is said in Chinese too: every problem of live, and how a job ended."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import PROJECT
from workbench.jobs.child import _to_do
from workbench.live.network import _WORDS
from workbench.ui.told import PROBLEMS, in_language

LIVE = PROJECT / "workbench" / "live"
SPEAKING = ("cameras", "network", "demuxed", "pushed", "recorder", "pusher", "reader")
NOT_SHOWN = ("is not open", "is not connected", "was closed", "for the recording", "ends in .mp4")
"""Said to a programmer who calls things in the wrong order, or on the command line alone."""


def messages() -> Iterator[str]:
    """What the modules raise or return as a problem, with 7 in the place of every value."""
    for name in SPEAKING:
        tree = ast.parse((LIVE / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
                if re.match(r"(7|the recording 7|there is no camera 7)\b.* [a-z]", text) and not text.endswith(
                    NOT_SHOWN
                ):
                    yield text
    for *_, words in _WORDS:
        yield f"rtsp://ward-3:554 {words}"


def variants(message: str) -> list[str]:
    """What the values in a message may be, where they are words."""
    if message == "7 7":  # a label and one of _WORDS
        return []
    if message.startswith("the recording 7 ended"):
        kept = ("the 7 frames before are kept", "nothing was recorded")
        return [re.sub(r": 7(;|$)", rf": {each}\1", message) for each in kept]
    if message.startswith("7 holds 7"):
        return ["7 holds no video", "7 holds a video in a codec that this program does not know"]
    if message.startswith("there is no camera"):
        return [message.removesuffix("7") + each for each in ("there is 0, 2", "none is plugged in")]
    return [message]


SEEN = {"first_seconds": 1.28, "last_seconds": 1.84}
SAID = sorted(each for message in set(messages()) for each in variants(message))


def test_there_are_such_messages() -> None:
    assert len(SAID) >= 25


@pytest.mark.parametrize("said", SAID)
def test_every_message_has_chinese_words(said: str) -> None:
    assert re.search(r"[\u4e00-\u9fff]", in_language(said, "zh"))
    assert in_language(said, "en") == said


@pytest.mark.parametrize("pattern", [said for said, _ in PROBLEMS])
def test_no_words_are_for_what_nobody_says(pattern: str) -> None:
    assert any(re.fullmatch(pattern, said) for said in SAID)


@pytest.mark.parametrize(
    ("audit", "chinese"),
    [
        (None, "有 2 个轨迹需要查看"),
        ({}, "有 2 个轨迹需要查看；已复查：250 帧中没有人脸露出"),
        ({"showing": [SEEN, SEEN]}, "有 2 个轨迹需要查看；可能有 2 处人脸露出：1.28–1.84 秒"),
        ({"times_kept": False}, "有 2 个轨迹需要查看；有帧缺失或时间有变"),
        ({"sound": "missing"}, "有 2 个轨迹需要查看；声音缺失"),
        ({"sound": "shortened"}, "有 2 个轨迹需要查看；声音变短"),
    ],
)
def test_how_a_job_ended_has_chinese_words(audit: dict[str, Any] | None, chinese: str) -> None:
    if audit is not None:
        audit = {"showing": [], "passed": not audit, "looked": 250, "times_kept": True, "sound": "none"} | audit
    report = SimpleNamespace(review=[{}, {}], audit=audit)
    assert in_language("; ".join(_to_do(report)), "zh") == chinese  # type: ignore[arg-type]


def test_names_and_numbers_are_kept() -> None:
    said = "rtsp://ward-3:554 does not answer within 4 s: check the address and the network"
    assert in_language(said, "zh") == "rtsp://ward-3:554 在 4 秒内没有应答：请检查地址和网络"


def test_what_is_unknown_stays_as_it_is() -> None:
    assert in_language("a new problem", "zh") == "a new problem"
