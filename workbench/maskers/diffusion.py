"""A face that belongs to nobody, drawn out of noise in a few steps, by the shipped network or a pipeline of one's own.

The noise takes the latent's place: it is drawn from the job's secret and the track, and the steps (DDIM, Song et al.,
2021) add none, so that a track keeps its face.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ModelError
from workbench.maskers.generative import GenerativeMasker, Generator, Hole, latent
from workbench.maskers.options import MaskOptions
from workbench.maskers.people import People
from workbench.weights import find
from workbench.weights.quiet import import_diffusers

MODEL = "diffusion"
FOLD = 2
"""The side of the blocks of pixels that the network takes as one."""

CALM = 0.85
"""Of the noise's strength: weaker noise gives faces nearer to the usual one, with fewer flaws ("truncation", Brock et
al., 2019).
"""

PIPELINE_SIZE_PX = 512  # what most inpainting pipelines were trained for, where they do not say
LOCAL = {"local_files_only": True, "low_cpu_mem_usage": False}  # what saves memory needs one more package
PROMPT = "portrait photo of a person"

Canvas = NDArray[np.float32]


def open_diffusion(options: MaskOptions, *, secret: bytes, people: People) -> GenerativeMasker:
    """The diffusion mask. Raises ModelError where its weights are missing, damaged or of another kind."""
    if options.diffusion_pipeline:
        generator, size_px = _own_pipeline(Path(options.diffusion_pipeline).expanduser(), options, secret)
    else:
        generator, size_px = _shipped(options, secret)
    return GenerativeMasker("diffusion", generator, size_px, blurred_rim=options.underlay, people=people)


def denoised(network: Any, *, drawn: Any, seen: Any, level: Any) -> Any:
    """What the network makes of ``drawn`` (N, 3, S, S) at a noise level, given what is ``seen`` (N, 9, S, S).

    It works on blocks of 2 x 2 pixels as one with four times the planes: twice as fast as on every pixel, and no worse.
    """
    import torch
    from torch.nn.functional import pixel_shuffle, pixel_unshuffle

    return pixel_shuffle(network(pixel_unshuffle(torch.cat([drawn, seen], dim=1), FOLD), level).sample, FOLD)


def drawn_from(noise: Any, pictures: Any, hidden: Any, maps: Any, *, network: Any, scheduler: Any, steps: int) -> Any:
    """Canvases (N, 3, S, S) of which the hidden part is of use, drawn from ``noise`` (N, 3, S, S) in so many steps.

    The noise is of a standard normal distribution.

    ``pictures`` (N, 3, S, S) are 0 where ``hidden`` (N, 1, S, S); ``maps`` (N, 5, S, S) of the landmarks.
    """
    import torch

    scheduler.set_timesteps(steps)
    drawn, seen = CALM * noise, torch.cat([pictures, hidden, maps], dim=1)
    with torch.inference_mode():
        for level in scheduler.timesteps:
            answer = denoised(network, drawn=drawn, seen=seen, level=level)
            drawn = scheduler.step(answer, level, drawn).prev_sample
    return drawn


def _shipped(options: MaskOptions, secret: bytes) -> tuple[Generator, int]:
    weights = find(MODEL)
    network, scheduler = _loaded(_network, weights.parents[1], weights)
    size_px = FOLD * int(network.config.sample_size)
    device = next(network.parameters()).device

    def generator(holes: Sequence[Hole]) -> list[Canvas]:
        if device.type != "cpu":
            return drawn(holes)
        # A batch is no faster there, and rounds otherwise than a face alone: the same face, but not to the bit.
        return [canvas for hole in holes for canvas in drawn([hole])]

    def drawn(holes: Sequence[Hole]) -> list[Canvas]:
        import torch

        tensors = (
            torch.from_numpy(np.stack(parts).astype(np.float32)).to(device)
            for parts in (
                [latent(secret, hole.track, 3 * size_px**2).reshape(3, size_px, size_px) for hole in holes],
                [hole.picture for hole in holes],
                [hole.hidden[None] for hole in holes],
                [hole.maps for hole in holes],
            )
        )
        with _drawing:
            canvases = drawn_from(*tensors, network=network, scheduler=scheduler, steps=options.diffusion_steps)
        return list(canvases.cpu().numpy())

    return generator, size_px


@lru_cache(maxsize=1)
def _network(folder: Path, _version: tuple[int, ...]) -> tuple[Any, Any]:
    import torch

    diffusers = import_diffusers()
    network = diffusers.UNet2DModel.from_pretrained(folder, subfolder="unet", **LOCAL).float().eval()
    scheduler = diffusers.DDIMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
    return network.to("cuda" if torch.cuda.is_available() else "cpu"), scheduler


def _own_pipeline(folder: Path, options: MaskOptions, secret: bytes) -> tuple[Generator, int]:
    if not folder.is_dir():
        raise ModelError(f"mask.diffusion_pipeline: {folder} is no folder; name one with a pipeline of diffusers in it")
    pipeline = _loaded(_pipeline, folder, folder)
    size_px = int(getattr(pipeline.unet.config, "sample_size", 0) or 0) * int(getattr(pipeline, "vae_scale_factor", 1))
    size_px = size_px or PIPELINE_SIZE_PX

    def generator(holes: Sequence[Hole]) -> list[Canvas]:
        with _drawing:
            return [drawn_by_pipeline(hole) for hole in holes]

    def drawn_by_pipeline(hole: Hole) -> Canvas:
        import torch

        seed = int.from_bytes(latent(secret, hole.track, 2).tobytes()) % 2**63
        answer = pipeline(
            prompt=PROMPT,
            image=torch.from_numpy((hole.picture[None] + 1) / 2),
            mask_image=torch.from_numpy(hole.hidden[None, None].astype(np.float32)),
            height=size_px,
            width=size_px,
            num_inference_steps=options.diffusion_steps,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        ).images[0]
        return np.asarray(answer.transpose(2, 0, 1), np.float32) * 2 - 1

    return generator, size_px


@lru_cache(maxsize=1)
def _pipeline(folder: Path, _version: tuple[int, ...]) -> Any:
    import torch

    pipelines = import_diffusers().AutoPipelineForInpainting
    pipeline = pipelines.from_pretrained(folder, safety_checker=None, **LOCAL)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def _loaded(load: Callable[[Path, tuple[int, ...]], Any], folder: Path, watched: Path) -> Any:
    """What is kept of an earlier call, or loaded now, or anew where the file ``watched`` has changed.

    Whatever a damaged or foreign file makes ``load`` raise is told as one error.
    """
    try:
        with _drawing:
            return load(folder.absolute(), (watched.stat().st_mtime_ns, watched.stat().st_size))
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"diffusers cannot open {folder}: {reason[0] if reason else type(error).__name__}; "
            "it may be damaged or no inpainting pipeline"
        ) from error


_drawing = threading.Lock()
"""What is kept is shared, and diffusers' noise levels count their steps."""
