"""Every word of the page that is not an option's own, in English and Chinese; and which of the two a browser wants."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Literal, Protocol

from workbench.presets.model import option_fields

Language = Literal["en", "zh"]

LANGUAGE_COOKIE = "workbench-language"
"""Set by the page's switch, so that the server writes its answers in the same language as the page."""

CHINESE_LOCALES = ("zh-CN", "zh-TW", "zh")
"""The names under which Gradio's page may look the Chinese words up."""

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Face Privacy Workbench", "AI 视频隐私打码工作台"),
    "tagline": (
        "Hide every face in a recording. Nothing leaves this computer.",
        "遮住视频中的每一张人脸，数据不会离开本机。",
    ),
    # header
    "fps": ("fps", "帧/秒"),
    "faces": ("faces", "人脸"),
    "cpu": ("CPU", "CPU"),
    "memory": ("memory", "内存"),
    "gpu": ("GPU", "GPU"),
    "monitor": ("Speed and load right now", "当前速度与负载"),
    "to_dark": ("Dark colours", "深色"),
    "to_language": ("中文", "English"),
    "steps": ("Steps", "步骤"),
    "sign_out": ("Sign out", "退出登录"),
    # clip
    "clip": ("Clip", "视频"),
    "clip_help": (
        "MP4, MOV, AVI, MKV, WebM and more. It stays on this computer.",
        "支持 MP4、MOV、AVI、MKV、WebM 等。视频不会离开本机。",
    ),
    "upload": ("Your recording", "您的视频"),
    "demo": ("▶  Demo", "▶  测试 Demo"),
    "demo_help": (
        "No recording at hand? See four people in a meeting masked at once.",
        "手边没有视频？先看一段四人会议的打码效果。",
    ),
    "samples": ("Or try a sample clip", "或试用示例视频"),
    "your_clips": ("Your clips", "您的视频"),
    "other_clip": ("Open another clip", "打开其他视频"),
    "remove_clip": ("Remove {name} from the workbench", "从工作台移除 {name}"),
    "clip_at_work": (
        "“{name}” is still being masked: cancel that first, or wait for it.",
        "“{name}”仍在处理中：请先取消或等待完成。",
    ),
    "no_clip": ("Open a clip first.", "请先打开一段视频。"),
    "looking": ("Checking the file …", "正在检查文件……"),
    "duration": ("Duration", "时长"),
    "picture": ("Picture", "画面"),
    "codec": ("Video", "视频编码"),
    "frame_rate": ("Frame rate", "帧率"),
    "constant": ("constant", "恒定"),
    "variable": ("variable", "可变"),
    "rotation": ("Rotation", "旋转"),
    "hdr": ("HDR", "HDR"),
    "sound": ("Sound", "声音"),
    "no_sound": ("none", "无"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "estimate": ("Full job, about", "完整处理约需"),
    "free_disk": ("Free disk", "可用磁盘"),
    "too_little": ("{free}: too little for this clip", "{free}：不足以处理此视频"),
    "engine": ("Detector runs on", "检测引擎"),
    "encoder": ("Encoder", "编码器"),
    "changes": ("What will be different in the result", "结果中会有的变化"),
    "no_changes": (
        "Everything but the faces stays as it is.",
        "除人脸外，其余一切保持不变。",
    ),
    # step
    "step": ("Step through", "逐步查看"),
    "side_by_side": ("Side-by-side preview", "并排预览"),
    "side_by_side_help": (
        "A short clip from the frame shown on: original left, masked right, with sound.",
        "从当前画面开始的短片：左为原始画面，右为打码画面，带声音。",
    ),
    "seconds": ("Seconds", "秒数"),
    "make_preview": ("Make the preview", "生成预览"),
    "download_preview": ("Download the preview", "下载预览"),
    # tune
    "tune": ("Tune", "调整"),
    "advice_dim": ("Dim", "昏暗"),
    "advice_normal": ("Normal", "一般"),
    "advice_bright": ("Bright", "明亮"),
    "advice_crowded": ("Crowded", "人多"),
    "advice_sparse": ("Few people", "人少"),
    "advice_soft": ("Light", "较轻"),
    "advice_usual": ("Usual", "常用"),
    "advice_strong": ("Strong", "较强"),
    "all_options": ("All options", "全部选项"),
    "looks_again": (
        "The clip is being looked at again with this setting; the bar in the viewer shows how far it is.",
        "正在用此设置重新分析视频，进度见查看区的进度条。",
    ),
    "measured": (
        "Measured against the known faces of this sample: {recall} hidden, {leak} s visible.",
        "与此示例的已知人脸对照：已遮住 {recall}，露出 {leak} 秒。",
    ),
    "find_threshold": ("Find the right threshold", "寻找合适的阈值"),
    "find_threshold_help": (
        "Tries every threshold on this clip and shows what each one would find.",
        "在这段视频上逐一尝试各个阈值，并显示各自能找到多少。",
    ),
    "sweep_enhance": (
        "Try with and without low-light enhancement (looks at the clip once more)",
        "分别尝试开启和关闭低光增强（需再分析一遍）",
    ),
    "run_sweep": ("Try the thresholds", "开始尝试"),
    "use_knee": ("Use {value}", "采用 {value}"),
    "use_knee_enhanced": ("Use {value} with low-light enhancement", "采用 {value} 并开启低光增强"),
    "walk": ("Guided walk: a dim recording", "引导：昏暗视频"),
    "walk_help": (
        "Faint faces are easily missed in the dark. Three steps that bring them back:",
        "昏暗画面中的人脸容易漏检。三步即可找回：",
    ),
    "walk_start": ("1 · Look with the settings for bright rooms", "1 · 先用明亮环境的设置"),
    "walk_enhance": ("2 · Brighten what the detector sees", "2 · 提亮检测所用的画面"),
    "walk_threshold": ("3 · Accept fainter sightings (0.45)", "3 · 接受较弱的检测结果（0.45）"),
    # compare
    "compare": ("Compare", "比较"),
    "compare_help": (
        "The same frame under every mask, with what each one costs.",
        "同一画面在各种遮罩下的效果及其耗时。",
    ),
    "compare_slow": (
        "Takes longer: press “Compare on this frame” to see it.",
        "耗时较长：点击“比较当前画面”后显示。",
    ),
    "compare_frame": ("Compare on this frame", "比较当前画面"),
    "compare_clip": ("Compare 3 seconds in motion", "比较 3 秒动态效果"),
    "per_face": ("{milliseconds} ms a face", "每脸 {milliseconds} 毫秒"),
    "use_mask": ("Use it", "采用"),
    "used_mask": ("In use", "使用中"),
    # preset
    "preset": ("Preset", "预设"),
    "preset_choose": ("Settings for", "适用场景"),
    "preset_yours": ("yours", "您的"),
    "preset_name": ("Save these settings as", "将当前设置另存为"),
    "preset_name_hint": ("for example: ward 3, evening", "例如：三号病房 夜间"),
    "preset_save": ("Save", "保存"),
    "preset_saved": ("Saved as “{name}”.", "已保存为“{name}”。"),
    "preset_download": ("Download as a file", "下载为文件"),
    "preset_drop": ("Drop a preset file here", "将预设文件拖到这里"),
    "preset_loaded": ("“{name}” is in use now.", "现已采用“{name}”。"),
    "preset_same": ("Same as “{name}”.", "与“{name}”相同。"),
    "preset_differs": ("Changed from “{name}”", "与“{name}”的不同"),
    "setting": ("Setting", "设置"),
    "here": ("Here", "当前"),
    # job
    "job": ("Full video", "完整视频"),
    "job_help": (
        "Masks the whole recording with the settings and edits above. You may close this page meanwhile.",
        "用以上设置和修改为整段视频打码，期间可以关闭此页面。",
    ),
    "job_start": ("Mask the whole video", "为整段视频打码"),
    "job_started": ("“{name}” is in the queue.", "“{name}”已加入队列。"),
    "job_wait_edits": (
        "Your edits need the whole clip to be looked at first. Wait for the bar in the viewer, then start again.",
        "您做过修改，需先分析完整段视频。请等查看区的进度条走完后再开始。",
    ),
    "job_none": ("No video has been masked yet.", "还没有处理过视频。"),
    "queued": ("waiting", "等待中"),
    "running": ("running", "处理中"),
    "done": ("done", "已完成"),
    "cancelling": ("stopping …", "正在停止……"),
    "needs_review": ("done – please review", "已完成，请复核"),
    "failed": ("failed", "失败"),
    "cancelled": ("cancelled", "已取消"),
    "cancel": ("Cancel", "取消"),
    "retry": ("Try again", "重试"),
    "eta": ("{time} left", "剩余 {time}"),
    "frames_of": ("frame {done} of {all}", "第 {done} / {all} 帧"),
    "file_output": ("Masked video", "打码视频"),
    "file_report": ("Report", "报告"),
    "file_timeline": ("Timeline", "时间线"),
    "file_preset": ("Preset", "预设"),
    "file_log": ("Log", "日志"),
    "live_picture": ("Newest masked frame", "最新的打码画面"),
    # live
    "tabs": ("Recording or live", "录像或实时"),
    "tab_recording": ("Recording", "录像"),
    "tab_live": ("Live", "实时"),
    "live_tagline": (
        "Hide every face while it happens. Only masked pictures are ever shown, recorded or sent.",
        "实时遮住每一张人脸。显示、录制和推送的都只有打码后的画面。",
    ),
    "live_new": ("New stream", "新建实时画面"),
    "live_source": ("Source", "信号源"),
    "live_webcam": ("Webcam", "本机摄像头"),
    "live_webcam_help": (
        "The camera of the computer that this page is open on. Its pictures are masked by the workbench.",
        "打开此页面的电脑的摄像头，画面由工作台打码。",
    ),
    "live_camera": ("USB camera", "USB 摄像头"),
    "live_camera_number": ("Camera number", "摄像头编号"),
    "live_camera_help": (
        "A USB camera at the computer that the workbench runs on. The first one is 0.",
        "接在运行工作台的电脑上的 USB 摄像头，第一个的编号为 0。",
    ),
    "live_address": ("Address", "网络地址"),
    "live_address_field": ("Address of the stream", "视频流地址"),
    "live_address_help": (
        "RTSP, RTMP or HTTP, with user and password where they are needed. It is not kept.",
        "支持 RTSP、RTMP 和 HTTP，可含用户名和密码。地址不会被保存。",
    ),
    "live_clip": ("Clip", "视频文件"),
    "live_clip_field": ("One of your clips", "您的视频"),
    "live_clip_help": (
        "Played as if it were happening now: good for trying settings.",
        "当作实时画面播放，便于试用设置。",
    ),
    "live_no_clips": ("Open a clip under “Recording” first.", "请先在“录像”中打开一段视频。"),
    "live_preset": ("Settings", "设置"),
    "live_settings": ("As set under “Recording”", "与“录像”中的设置相同"),
    "live_start": ("Start", "开始"),
    "live_stop": ("Stop", "停止"),
    "live_close": ("Close", "关闭"),
    "live_record": ("Record", "录制"),
    "live_stop_record": ("Stop recording", "停止录制"),
    "live_push": ("Push", "推流"),
    "live_push_field": ("RTMP address to push to", "RTMP 推流地址"),
    "live_push_help": (
        "Masked pictures and sound go there. The address is not kept or shown again.",
        "打码后的画面和声音将发送到该地址。地址不会被保存或再次显示。",
    ),
    "live_push_start": ("Start pushing", "开始推流"),
    "live_stop_push": ("Stop pushing", "停止推流"),
    "live_none": ("No stream is running.", "没有正在运行的实时画面。"),
    "live_none_help": (
        "Choose a source and press Start. The picture stays hidden until the detector is sure of what it sees.",
        "选择信号源并点击“开始”。在检测器确认画面之前，整个画面保持遮挡。",
    ),
    "live_streams": ("Streams", "实时画面"),
    "live_recordings": ("Recordings", "录制文件"),
    "live_recordings_help": ("Deleted {hours} hours after they were made.", "文件在录制 {hours} 小时后删除。"),
    "live_no_recordings": ("Nothing has been recorded yet.", "还没有录制文件。"),
    "live_download": ("Download {name}", "下载 {name}"),
    "live_remove": ("Delete {name}", "删除 {name}"),
    "live_masked_picture": ("Masked live picture of {name}", "{name} 的实时打码画面"),
    "live_fullscreen": ("Full screen", "全屏"),
    "live_connecting": ("connecting …", "正在连接……"),
    "live_running": ("live", "实时"),
    "live_waiting": ("reconnecting …", "正在重新连接……"),
    "live_ended": ("ended", "已结束"),
    "live_failed": ("failed", "失败"),
    "live_stopped": ("stopped", "已停止"),
    "live_hidden": ("picture hidden", "画面已遮挡"),
    "live_delay": ("delay p50 / p95", "延迟 p50 / p95"),
    "live_dropped": ("left out", "丢弃帧"),
    "live_whole": ("hidden whole", "整幅遮挡"),
    "live_whole_why": ("Hidden whole: {why}", "整幅遮挡：{why}"),
    "live_recording_to": ("Recording", "正在录制"),
    "live_pushing_to": ("Pushing to {place}", "正在推流至 {place}"),
    "live_no_webcam": (
        "This browser gives no camera: allow it for this page, or plug one in.",
        "浏览器未提供摄像头：请允许此页面使用摄像头，或接入摄像头。",
    ),
    "live_needs_https": (
        "Browsers lend their camera only to pages of this computer and to https: use the workbench there.",
        "浏览器只向本机页面和 https 页面开放摄像头，请在那里使用工作台。",
    ),
    "live_too_many": (
        "You have {most} streams running already: stop one first.",
        "您已有 {most} 路实时画面在运行：请先停止一路。",
    ),
    "live_busy": (
        "{most} streams are running on this machine already: try again later.",
        "本机已有 {most} 路实时画面在运行：请稍后再试。",
    ),
    "live_bad_address": (
        "That is no address of a stream: it begins with {schemes} and names a host.",
        "这不是视频流地址：应以 {schemes} 开头并包含主机名。",
    ),
    "live_no_host": (
        "{host} is not known here: check the name, or use its number.",
        "找不到 {host}：请检查名称或改用 IP 地址。",
    ),
    "live_own_machine": (
        "That address leads to the machine of the workbench itself, which others may not look into from here.",
        "该地址指向工作台所在的机器本身，不允许从此页面访问。",
    ),
    "offline": ("The workbench does not answer; trying again …", "工作台没有响应，正在重试……"),
    "attention": ("Please note", "请注意"),
    "unexpected": (
        "Something went wrong here; the clip and your edits are kept. Please try again.",
        "出现意外问题，视频和修改均已保留，请重试。",
    ),
}

SECTION_TITLES: Mapping[str, tuple[str, str]] = {
    "detector": ("Finding faces", "查找人脸"),
    "tracker": ("Following faces", "跟踪人脸"),
    "timeline": ("How long a face stays hidden", "遮挡时长"),
    "mask": ("Mask", "遮罩"),
    "output": ("Result file", "结果文件"),
}

CHOICES: Mapping[str, tuple[str, str]] = {
    "gaussian": ("Blur", "模糊"),
    "mosaic": ("Mosaic", "马赛克"),
    "solid": ("Solid", "纯色"),
    "gan": ("GAN face", "GAN 人脸"),
    "diffusion": ("Diffusion face", "扩散人脸"),
    "ellipse": ("Ellipse", "椭圆"),
    "box": ("Box", "矩形"),
    "auto": ("Automatic", "自动"),
    "ambiguous": ("Where in doubt", "存疑时"),
    "always": ("Always", "始终"),
    "never": ("Never", "从不"),
    "dark": ("In the dark", "昏暗时"),
    "keep": ("Keep", "保留"),
    "upright": ("Upright", "转正"),
    "software": ("Software", "软件"),
    "cuda": ("NVIDIA GPU", "NVIDIA GPU"),
    "cpu": ("CPU", "CPU"),
}
"""Words for values of options that a person chooses from; a value without words shows as it is."""


LONGEST_UNIT = 6  # a longer one is explained in the help, and would break the line of the title


class Asking(Protocol):
    """What both Gradio's and FastAPI's requests have."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def cookies(self) -> Mapping[str, str]: ...


def text(key: str, language: Language, **values: Any) -> str:
    """The words ``key`` in one language, with ``{name}`` replaced by ``values``."""
    words = TEXTS[key][language == "zh"]
    return words.format(**values) if values else words


def both(key: str) -> str:
    """HTML with the words in both languages; the page's style shows the one that is chosen."""
    english, chinese = TEXTS[key]
    return f'<span lang="en">{escape(english)}</span><span lang="zh">{escape(chinese)}</span>'


def language_of(request: Asking | None) -> Language:
    """The language of the page that asks: its switch, else the browser's first choice."""
    if request is None:
        return "en"
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in ("en", "zh"):
        return "zh" if chosen == "zh" else "en"
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def option_title(key: str, language: Language) -> str:
    """The title of the option ``mask.strength``, with its unit where that is short."""
    field = option_fields()[key]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    title = str(extra.get("title_zh") if language == "zh" else field.title)
    unit = extra.get("unit")
    return f"{title} ({unit})" if unit and len(str(unit)) <= LONGEST_UNIT else title


def option_help(key: str, language: Language) -> str:
    field = option_fields()[key]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return str(extra.get("help_zh") if language == "zh" else field.description)


def choice(value: object, language: Language) -> str:
    """How a value of an option is shown: ``gaussian`` as Blur, true as yes, 0.30000001 as 0.3."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return text("yes" if value else "no", language)
    if isinstance(value, float):
        return f"{value:g}"
    return CHOICES[str(value)][language == "zh"] if str(value) in CHOICES else str(value)


def label_key(kind: Literal["text", "title", "help", "section", "choice"], name: str) -> str:
    """Under which key ``dictionary`` holds words; without dots, which the page would read as levels."""
    return f"{kind}_{name.replace('.', '_')}"


GRADIO_WORDS: Mapping[str, tuple[str, str]] = {
    "upload_text.drop_file": ("Drop it here", "拖到这里"),
    "upload_text.click_to_upload": ("click to choose", "点击选择"),
}
"""Words of Gradio's own, by its keys, that read better another way."""


def dictionary(language: Language) -> dict[str, str]:
    """All words of one language by ``label_key``, for the labels that the browser fills in."""
    second = language == "zh"
    words = {label_key("text", key): pair[second] for key, pair in TEXTS.items()}
    words |= {label_key("section", key): pair[second] for key, pair in SECTION_TITLES.items()}
    words |= {label_key("choice", key): pair[second] for key, pair in CHOICES.items()}
    words |= {key: pair[second] for key, pair in GRADIO_WORDS.items()}
    for key in option_fields():
        words[label_key("title", key)] = option_title(key, language)
        words[label_key("help", key)] = option_help(key, language)
    return words
