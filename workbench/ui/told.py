"""What the library says of a finished job, or of a live source or output with a problem, in the reader's language.

The library speaks English. Names and numbers in its messages stay as they are.
"""

from __future__ import annotations

import re

from workbench.ui.texts import Language

PROBLEMS: tuple[tuple[str, str], ...] = (
    (r"(.+) refuses the user name or the password: check both", "{0} 拒绝了用户名或密码：请核对"),
    (r"(.+) is of a kind that this program's FFmpeg was built without", "{0} 的协议不受本程序支持"),
    (
        r"(.+) answers, but has no stream at this path: check what follows the host's name",
        "{0} 有应答，但该路径下没有视频流：请检查主机名后面的部分",
    ),
    (
        r"(.+) cannot be reached: nothing answers at this host and port",
        "无法连接 {0}：该主机和端口没有应答",
    ),
    (
        r"(.+) does not answer within (\d+) s: check the address and the network",
        "{0} 在 {1} 秒内没有应答：请检查地址和网络",
    ),
    (r"(.+) answers, but not with a stream that can be read", "{0} 有应答，但不是可读取的视频流"),
    (
        r"(.+) cannot be opened: check the address, and that the stream is on",
        "无法打开 {0}：请检查地址，并确认视频流已开启",
    ),
    (r"(.+) has ended the connection", "{0} 已断开连接"),
    (r"(.+) has broken off the connection", "{0} 中断了连接"),
    (r"(.+) broke off", "{0} 中断了"),
    (r"(.+) has sent nothing for (\S+) s", "{0} 已有 {1} 秒没有发送数据"),
    (r"(.+) has (?:given|sent) no picture for (\S+) s", "{0} 已有 {1} 秒没有画面"),
    (r"(.+) holds no picture that can be read", "{0} 中没有可读取的画面"),
    (r"(.+) holds no video", "{0} 中没有视频"),
    (r"(.+) holds a video in a codec that this program does not know", "{0} 的视频编码不受支持"),
    (r"(.+) gives no more pictures: was it unplugged\?", "{0} 不再有画面：是否被拔掉了？"),
    (
        r"(.+) cannot be opened: is it plugged in, and not used by another program\?",
        "无法打开 {0}：是否已插好，且没有被其他程序占用？",
    ),
    (r"(.+) gives no picture: is another program using it\?", "{0} 没有画面：是否被其他程序占用？"),
    (r"there is no camera (\d+) here: none is plugged in", "这里没有摄像头 {0}：没有插入任何摄像头"),
    (r"there is no camera (\d+) here: there is (.+)", "这里没有摄像头 {0}：现有 {1}"),
    (r"(.+) sends no picture: allow the page to use the camera", "{0} 没有发送画面：请允许页面使用摄像头"),
    (r"(.+) cannot be read \((\w+)\)", "无法读取 {0}（{1}）"),
    (
        r"(.+) cannot be reached: check the host and the port, and that the server is on",
        "无法连接 {0}：请检查主机和端口，并确认服务器已开启",
    ),
    (
        r"(.+) refuses the stream: check the application and the stream's key",
        "{0} 拒绝了推流：请检查应用名和推流密钥",
    ),
    (
        r"the recording (.+) ended, the disk is full: the (\d+) frames before are kept; "
        r"free some space and record again",
        "录像 {0} 已结束，磁盘已满：此前的 {1} 帧已保留；请腾出空间后重新录制",
    ),
    (
        r"the recording (.+) ended, the disk is full: nothing was recorded; free some space and record again",
        "录像 {0} 已结束，磁盘已满：没有录到内容；请腾出空间后重新录制",
    ),
    (
        r"the recording (.+) ended \((.+)\): the (\d+) frames before are kept",
        "录像 {0} 已结束（{1}）：此前的 {2} 帧已保留",
    ),
    (r"the recording (.+) ended \((.+)\): nothing was recorded", "录像 {0} 已结束（{1}）：没有录到内容"),
    (r"(.+) cannot be written: (.+)", "无法写入 {0}：{1}"),
    (r"(.+) has sent no picture yet", "{0} 还没有发送画面"),
    (r"(.+) refused (.+) and gives (.+)", "{0} 不接受 {1}，改用 {2}"),
    (r"(.+) was not written: there was no picture to record", "{0} 没有写入：没有可录制的画面"),
)
"""The words of ``live`` as a pattern, and the same in Chinese."""

RESULTS: tuple[tuple[str, str], ...] = (
    (r"(\d+) tracks? to look at", "有 {0} 个轨迹需要查看"),
    (r"(\d+) faces? may show: (\S+) s", "可能有 {0} 处人脸露出：{1} 秒"),
    (r"looked again: no face shows on (\d+) frames?", "已复查：{0} 帧中没有人脸露出"),
    (r"frames are missing or moved", "有帧缺失或时间有变"),
    (r"the sound is missing", "声音缺失"),
    (r"the sound is shortened", "声音变短"),
)
"""The words of ``jobs`` for a job that is done; several are joined with a semicolon."""


def in_language(message: str, language: Language) -> str:
    """The message in Chinese where that is wanted and there are words for it; else as it is."""
    if language == "en":
        return message
    if whole := _chinese(message):
        return whole
    parts = message.split("; ")
    known = [_chinese(part) or part for part in parts]
    return message if known == parts else "；".join(known)


def _chinese(message: str) -> str | None:
    for said, chinese in (*PROBLEMS, *RESULTS):
        if found := re.fullmatch(said, message):
            return chinese.format(*found.groups())
    return None
