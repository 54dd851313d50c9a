"""What differs between a clip and its masked copy, said in both languages.

The writer and the reader of video files say it in English, once and in one place; here are the same sentences in
Chinese, with the numbers and names taken over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CUT_NOTE = "cut to a part"
"""How the writer's note about a part of a clip begins."""


@dataclass(frozen=True)
class Note:
    """One sentence in English and Chinese."""

    en: str
    zh: str


_STREAMS = {
    "subtitle stream": "条字幕",
    "data stream": "条数据流",
    "attached file stream": "个附件",
    "further video stream": "条其他视频流",
    "cover picture": "张封面图",
}

_SENTENCES = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"scaled from (\S+) to (\S+)", "画面由 {0} 缩放为 {1}"),
        (r"padded from (\S+) to (\S+): H\.264 needs even sizes", "画面由 {0} 补边为 {1}：H.264 要求宽高为偶数"),
        (r"turned upright, without a rotation flag", "画面已转正，不再带旋转标记"),
        (r"converted from full to limited colour range: .*", "色彩范围由 full 转为 limited：该容器无法标明 full"),
        (
            r"AVI counts frames at a fixed rate: (\d+) frames moved, by at most (\S+) ms",
            "AVI 按固定帧率计时：{0} 帧有位移，最多 {1} 毫秒",
        ),
        (
            r"two frames had the same time: (\d+) frames moved, by at most (\S+) ms",
            "有两帧时间相同：{0} 帧有位移，最多 {1} 毫秒",
        ),
        (
            r"(\w+) keeps time in milliseconds: (\d+) frames moved, by at most (\S+) ms",
            "{0} 以毫秒计时：{1} 帧有位移，最多 {2} 毫秒",
        ),
        (r"AVI has no start times: the sound begins (\d+) ms early", "AVI 没有起始时间：声音提前 {0} 毫秒"),
        (r"the sound is damaged in places: .*", "声音有损坏：可读取的部分已保留"),
        (r"(\d+) sound packets had wrong times and were .*", "{0} 个声音数据包时间有误，已顺延到前一个之后"),
        (r"sound track (\d+) has an unknown codec and was left out", "声轨 {0} 的编码无法识别，未保留"),
        (
            r"sound track (\d+) \((.+)\) cannot be held by (\w+): re-encoded as (\S+)",
            "{2} 不支持声轨 {0}（{1}），已转为 {3}",
        ),
        (r"(\d+) chapter marks? left out", "未保留 {0} 个章节标记"),
        (r"descriptive data removed: (.+)", "已移除描述信息：{0}"),
        (r"interlaced video was encoded as progressive: .*", "隔行视频按逐行编码：运动边缘可能出现梳状纹"),
        (r"the HDR10 description of the mastering screen was left out", "未保留 HDR10 的母版显示器描述"),
        (r"cut to a part: picture and sound start at 0", "只截取了一段：画面和声音从 0 开始"),
        (r"(\d+) read errors in the file", "文件有 {0} 处读取错误"),
        (r"(\d+) damaged packets: .*", "{0} 个数据包损坏：其内容缺失或已修补"),
        (r"(\d+) pictures are damaged and were .*", "{0} 帧画面损坏，已尽可能解码使用"),
        (r"(\d+) frames had no time stamp: .*", "{0} 帧没有时间戳：已按解码时间或帧率补上"),
        (r"(\d+) frames had a time stamp not later than .*", "{0} 帧的时间戳不晚于前一帧：已按最小步长后移"),
        (r"(\d+) jumps back in time inside the file: .*", "文件内有 {0} 处时间倒退：其后的帧已依次接上"),
        (r"(\d+) frames had another size and were scaled to (\S+), .*", "{0} 帧尺寸不同，已缩放为首帧的 {1}"),
        (r"the file promises (\d+) frames, (\d+) could be read", "文件标称 {0} 帧，实际读到 {1} 帧"),
        (r"the pictures end at (\S+) s, the file says that it lasts (\S+) s", "画面止于 {0} 秒，文件标称时长 {1} 秒"),
        (r"(\d+) (.+?)s? left out", "未保留 {0} {1}"),
    )
)


def in_both(note: str) -> Note:
    """A note of the video reader or writer with its Chinese words; one that is not known stays English."""
    for pattern, chinese in _SENTENCES:
        found = pattern.fullmatch(note)
        if found:
            return Note(note, chinese.format(*(_STREAMS.get(word, word) for word in found.groups())))
    return Note(note, note)
