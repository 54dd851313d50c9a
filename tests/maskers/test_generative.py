"""Masks that invent faces: nothing hidden goes in, a track keeps its person, and a failure hides instead of showing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SAMPLES
from workbench.errors import Cancelled, ModelError
from workbench.evaluate import load_truth
from workbench.maskers import MaskOptions, diffusion, gan, open_masker
from workbench.maskers.generative import SOLID, GenerativeMasker, latent
from workbench.maskers.solid import SolidMasker
from workbench.presets import load_preset, with_settings
from workbench.preview.overlays import copy_of
from workbench.process import analyze_clip, decide_store, process, render_clip
from workbench.regions import hide
from workbench.segments.work import process_in_segments
from workbench.timeline import BoxLookup
from workbench.training.masks.diffusion import new_network
from workbench.training.masks.export import export_diffusion
from workbench.video.files import VideoFile
from workbench.weights import find
from workbench.weights.manifest import read_manifest
from workbench.weights.quiet import import_diffusers

KINDS = ("gan", "diffusion")
SECRET = b"a job's own"


def masker_of(kind, secret=SECRET, **options):
    return open_masker(MaskOptions(kind=kind, diffusion_steps=2, **options), secret=secret)


@pytest.fixture(scope="module")
def scene():
    """A real frame, and the boxes of its faces."""
    truth = load_truth(SAMPLES / "consultation.gt.csv")
    rows = truth[truth["frame"] == 30]
    corners = rows[["x", "y", "w", "h"]].to_numpy(float)
    with VideoFile(SAMPLES / "consultation.mp4") as video:
        frame = next(each for each in video.frames() if each.index == 30)
        return copy_of(frame), np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)


def masked(frame, boxes, masker, options=None, **known):
    copy = copy_of(frame)
    tracks = known.pop("tracks", np.arange(1, len(boxes) + 1))
    hide(copy, boxes, masker, options or MaskOptions(kind=masker.name), tracks=tracks, **known)
    return copy


def same(one, other):
    return all(np.array_equal(mine, yours) for mine, yours in zip(one.planes, other.planes, strict=True))


def inner(frame, box):
    """The luma inside of a face's box."""
    x0, y0, x1, y1 = box.astype(int)
    return frame.planes[0][y0:y1, x0:x1].astype(int)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), growth=st.floats(0, 0.6), underlay=st.booleans())
def test_whatever_is_hidden_the_invented_face_is_the_same_to_the_bit(kind, scene, seed, growth, underlay):
    frame, boxes = scene
    options = MaskOptions(kind=kind, growth=growth, underlay=underlay, diffusion_steps=1)
    other, random = copy_of(frame), np.random.default_rng(seed)
    for plane, step in zip(other.planes, (1, 2, 2), strict=True):
        inside = np.any([in_ellipse(plane.shape, box / step) for box in boxes], axis=0)
        plane[inside] = random.integers(0, 256, inside.sum())
    assert not same(frame, other)
    assert same(*(masked(each, boxes, open_masker(options, secret=SECRET), options) for each in (frame, other)))


def in_ellipse(shape, box):
    """The pixels that lie wholly in the ellipse inscribed in ``box``."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 - 1
    return ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 < 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_track_keeps_its_person_and_no_other_track_or_job_has_it(kind, scene):
    frame, boxes = scene
    first = masked(frame, boxes, masker_of(kind))
    assert same(first, masked(frame, boxes, masker_of(kind)))
    for other in (
        masked(frame, boxes, masker_of(kind, secret=b"another job's")),
        masked(frame, boxes, masker_of(kind), tracks=np.arange(11, 11 + len(boxes))),
    ):
        for box in boxes:
            assert np.abs(inner(first, box) - inner(other, box)).mean() > 1.5


def test_latents_are_of_the_normal_distribution_and_hang_on_secret_and_track():
    drawn = latent(SECRET, 1, 20_000)
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.03
    for other in (latent(SECRET, 3, 20_000), latent(b"another", 1, 20_000)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03
    np.testing.assert_array_equal(latent(SECRET, 2, 20_000), -drawn)  # two people: two opposite faces


def test_the_head_of_the_gan_turns_as_it_is_told(scene):
    frame, boxes = scene
    left, right = (
        masked(frame, boxes, masker_of("gan"), poses=np.tile([turn, 0.63, 0.0], (len(boxes), 1)))
        for turn in (-0.4, 0.4)
    )
    for box in boxes:
        assert np.abs(inner(left, box) - inner(right, box)).mean() > 1.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_face_at_the_rim_tiny_or_huge_is_hidden_too(kind, scene):
    frame, _ = scene
    width, height = frame.width_px, frame.height_px
    boxes = np.array(
        [[-40.0, 200, 40, 310], [width - 20.0, height - 30, width + 60, height + 80], [100, 100, 104, 105]]
    )
    for some in (boxes, np.array([[0.0, 0, width, height]])):
        shown = masked(frame, some, masker_of(kind))
        for x0, y0, x1, y1 in np.clip(some, 0, [width, height, width, height]).astype(int):
            middle = np.s_[(y0 + y1) // 2 - 1 : (y0 + y1) // 2 + 1, (x0 + x1) // 2 - 1 : (x0 + x1) // 2 + 1]
            assert not np.array_equal(shown.planes[0][middle], frame.planes[0][middle])


def test_round_the_face_the_rim_is_blurred_and_the_face_is_not(scene):
    frame, boxes = scene
    options = MaskOptions(kind="gan", underlay=True)
    sharp = masked(frame, boxes, masker_of("gan"), options)
    soft = masked(frame, boxes, masker_of("gan", underlay=True), options)
    for box in boxes:
        width, height = box[2:] - box[:2]
        core = box + np.array([0.3 * width, 0.3 * height, -0.3 * width, -0.3 * height])
        assert np.abs(inner(sharp, core) - inner(soft, core)).max() <= 2
        around = box + np.array([-20, -20, 20, 20])
        assert not np.array_equal(inner(sharp, around), inner(soft, around))


class Breaking:
    """A generator that cannot do one track, in one way or another."""

    def __init__(self, track, how):
        self.track, self.how = track, how

    def __call__(self, holes):
        if self.how == "memory" and any(hole.track == self.track for hole in holes):
            raise MemoryError("no memory left for the face")
        return [np.full_like(hole.picture, np.nan if hole.track == self.track else 0.5) for hole in holes]


@pytest.mark.parametrize(("how", "reason"), [("memory", "no memory left"), ("numbers", "NaN")])
def test_a_track_that_cannot_be_invented_is_hidden_by_a_solid_colour_from_then_on(scene, how, reason):
    frame, boxes = scene
    masker = GenerativeMasker("gan", Breaking(2, how), 64)
    assert len(boxes) >= 2
    for _ in range(2):
        shown = masked(frame, boxes, masker)
        assert list(masker.people.solid) == [2]
        assert reason in masker.people.solid[2]
        assert len(np.unique(inner(shown, boxes[1]))) == 1
        middle = inner(shown, boxes[0])
        assert middle[len(middle) // 2, middle.shape[1] // 2] > 150  # the grey that was invented
        masker.generator.how = "nothing"  # even where it would work again
    solid = masked(frame, boxes[1:2], SolidMasker(SOLID))
    assert np.array_equal(inner(shown, boxes[1]), inner(solid, boxes[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_weights_are_told_before_anything_is_masked(kind, tmp_path, monkeypatch):
    damaged = tmp_path / read_manifest()[kind].file
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(find(kind).read_bytes()[:-100])
    monkeypatch.setenv("WORKBENCH_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=r"^[^\n]*damaged[^\n]*$"):
        masker_of(kind)


def test_a_network_that_diffusers_cannot_open_is_told_on_one_line(tmp_path, monkeypatch):
    export_diffusion(new_network(64), tmp_path)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    monkeypatch.setattr(diffusion, "find", lambda name: weights)  # as if the manifest had its checksum
    with pytest.raises(ModelError, match=r"^diffusers cannot open [^\n]*$"):
        masker_of("diffusion")


class BreakingLater:
    """A session whose network gives numbers that are none after so many faces."""

    def __init__(self, good):
        self.good = good

    def run(self, batch):
        self.good -= len(batch)
        return [[np.full((1, 3, 128, 128), 0.5 if self.good >= 0 else np.nan, np.float32)] for _ in batch]


def in_segments(source, output, preset):
    return process_in_segments(source, output, preset, folder=output.parent / "kept", segment_seconds=0.2)


def rendered(source, output, preset):
    timeline = decide_store(analyze_clip(source, preset), preset)
    return render_clip(source, timeline, output, preset), timeline


@pytest.mark.parametrize("good", [0, 30], ids=["at once", "later"])
@pytest.mark.parametrize("work", [process, rendered, in_segments])
def test_a_track_that_cannot_be_invented_is_solid_in_the_whole_clip_and_the_report_says_why(
    short_clip, tmp_path, monkeypatch, work, good
):
    session = BreakingLater(good)
    monkeypatch.setattr(gan, "open_session", lambda *_, **__: session)
    preset = with_settings(load_preset("balanced"), ("mask.kind=gan",))
    output = tmp_path / "out.mp4"
    report, timeline = work(short_clip("consultation"), output, preset)
    assert session.good < 0
    assert report.frames == 25
    assert_solid(output, report, timeline)


def test_a_face_that_was_invented_before_an_interruption_and_cannot_be_after_it_is_solid_in_the_whole_clip(
    short_clip, tmp_path, monkeypatch
):
    def stopping(frame):
        if frame.index == 12:
            raise Cancelled("stopped")

    session = BreakingLater(10_000)
    monkeypatch.setattr(gan, "open_session", lambda *_, **__: session)
    preset = with_settings(load_preset("balanced"), ("mask.kind=gan",))
    clip, output = short_clip("consultation"), tmp_path / "out.mp4"
    how = {"folder": tmp_path / "kept", "segment_seconds": 0.2}
    with pytest.raises(Cancelled):
        process_in_segments(clip, output, preset, shown=stopping, **how)
    session.good = 0
    assert_solid(output, *process_in_segments(clip, output, preset, **how))
    assert list((tmp_path / "kept").iterdir()) == []


def assert_solid(output, report, timeline):
    tracks = sorted(timeline.rows["track"].unique())
    told = [note for note in report.notes if "solid colour" in note]
    assert [note.split(" was hidden")[0] for note in told] == [f"track {track}" for track in tracks]
    lookup = BoxLookup(timeline)
    with VideoFile(output) as video:
        for frame in video.frames():
            for box in lookup.on(frame.index).boxes:
                assert np.ptp(inner(frame, box)) <= 8  # one colour, but for the encoder


def test_a_pipeline_of_one_s_own_draws_the_faces(own_pipeline, scene):
    frame, boxes = scene
    masker = masker_of("diffusion", diffusion_pipeline=str(own_pipeline))
    shown = masked(frame, boxes, masker)
    assert masker.people.solid == {}
    assert same(shown, masked(frame, boxes, masker_of("diffusion", diffusion_pipeline=str(own_pipeline))))
    for box in boxes:
        assert np.abs(inner(shown, box) - inner(frame, box)).mean() > 10
    assert not same(shown, masked(frame, boxes, masker_of("diffusion", b"other", diffusion_pipeline=str(own_pipeline))))


@pytest.mark.parametrize(
    ("make", "told"), [(lambda path: None, "is no folder"), (lambda path: path.mkdir(), "diffusers cannot open")]
)
def test_a_folder_without_a_pipeline_is_refused_on_one_line(tmp_path, make, told):
    make(tmp_path / "pipeline")
    with pytest.raises(ModelError, match=rf"^[^\n]*{told}[^\n]*$"):
        masker_of("diffusion", diffusion_pipeline=str(tmp_path / "pipeline"))


@pytest.fixture(scope="module")
def own_pipeline(tmp_path_factory):
    """The folder of a Stable Diffusion inpainting pipeline as small as it can be, with random weights."""
    diffusers = import_diffusers()
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("pipeline")
    letters = [chr(code) for code in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    diffusers.StableDiffusionInpaintPipeline(
        vae=diffusers.AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
            block_out_channels=[8, 8], norm_num_groups=4,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77),
        unet=diffusers.UNet2DConditionModel(
            sample_size=16, in_channels=9, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), attention_head_dim=4,
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32,
        ),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "pipeline")  # fmt: skip
    return folder / "pipeline"
