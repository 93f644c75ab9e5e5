"""Measure what a model has learned from text: denoising losses by caption, and attention."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmtadp.apis.attention import word_tokens
from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion import TextEncoder
from mmtadp.models.diffusion.denoising import denoising_losses, encode_images
from mmtadp.personalization.concept import load_model
from mmtadp.utils.errors import RunError
from mmtadp.utils.seeding import numbered_generator
from projects.shapescenes.generator import CLASSES, render_scene, scene_captions

from .autoencoder_stage import to_tensor
from .pretraining_scenes import HELD_OUT, pretraining_scene

CAPTION_KINDS = ('right', 'none', 'wrong')
_BATCH_SIZE = 50


@dataclass(frozen=True)
class CaptionLosses:
    """Denoising losses of held-out scenes with three kinds of captions.

    Attributes:
        losses (Tensor): (S, N, 3), by seed, scene and :data:`CAPTION_KINDS`: the scene's own long
            caption, the null text, the long caption of the next scene. Mean over timesteps.
    """

    losses: Tensor

    @property
    def means(self) -> dict[str, float]:
        """Mean loss of each kind of caption."""
        return dict(zip(CAPTION_KINDS, self.losses.mean(dim=(0, 1)).tolist()))

    def difference(self, kind: str, other: str) -> tuple[float, float]:
        """Return the difference of the losses with captions ``kind`` and ``other``.

        Returns:
            tuple[float, float]: Mean and standard deviation over the seeds.
        """
        first, second = map(CAPTION_KINDS.index, (kind, other))
        by_seed = (self.losses[..., first] - self.losses[..., second]).mean(dim=1)
        # Of one seed, 0.
        return by_seed.mean().item(), by_seed.std(correction=min(1, len(by_seed) - 1)).item()


@torch.no_grad()
def caption_losses(
    pretrained: str,
    count: int = 200,
    draws: int = 4,
    seeds: int = 3,
    size: int = 128,
    device: str = 'cpu',
    progress: Callable = iter,
) -> CaptionLosses:
    """Measure denoising losses of held-out scenes by day.

    Args:
        pretrained (str): A diffusers folder.
        count (int): Number of scenes.
        draws (int): Noise samples per scene, at timesteps in as many equal parts of the schedule.
        seeds (int): Number of sets of noise and timesteps, which all kinds of captions share.
        size (int): Height and width in pixels.
        device (str): Device of the model.
        progress (Callable): Wraps the loop over batches.

    Raises:
        RunError: If the model cannot be loaded.
    """
    model, scheduler = load_model(pretrained, None)
    encoder = TextEncoder(model.text_model, model.tokenizer, cache_size=2 * count)
    unet, vae = model.unet.to(device), model.vae.to(device)
    captions = [long_caption(index % count) for index in range(count + 1)]
    losses = torch.zeros(seeds, count, len(CAPTION_KINDS))
    for start in progress(range(0, count, _BATCH_SIZE)):
        rows = range(start, min(start + _BATCH_SIZE, count))
        images = torch.cat([_image(row, size) for row in rows]).to(device)
        latents = encode_images(vae, images, torch.zeros(1, device=device))
        own, null, next_ = (
            encoder(texts).to(device)
            for texts in (
                [captions[row] for row in rows],
                [''] * len(rows),
                [captions[row + 1] for row in rows],
            )
        )
        for seed in range(seeds):
            generator = numbered_generator(seed, start)
            for draw in range(draws):
                part = scheduler.config.num_train_timesteps / draws
                timesteps = ((draw + torch.rand(len(rows), generator=generator)) * part).long()
                noise = torch.randn(latents.shape, generator=generator).to(device)
                for kind, prompts in enumerate((own, null, next_)):
                    losses[seed, rows.start : rows.stop, kind] += (
                        denoising_losses(
                            unet, scheduler, latents, noise, timesteps.to(device), prompts
                        ).cpu()
                        / draws
                    )
    return CaptionLosses(losses)


@dataclass(frozen=True)
class AttentionShares:
    """Attention to words that name objects.

    Attributes:
        mass (Tensor): (M,), for each object the share of its word's attention inside its mask.
        area (Tensor): (M,), the share of the image that the mask covers, which is the mass of
            uniform attention.
        scenes (int): Number of scenes.
    """

    mass: Tensor
    area: Tensor
    scenes: int

    @property
    def ratio(self) -> float:
        """Mean mass divided by mean area; 1 for uniform attention."""
        return (self.mass.mean() / self.area.mean()).item()


@torch.no_grad()
def attention_shares(
    pretrained: str,
    count: int = 200,
    size: int = 128,
    device: str = 'cpu',
    progress: Callable = iter,
) -> AttentionShares:
    """Measure the attention to words that name exactly one object of the scene.

    Args:
        pretrained (str): A diffusers folder.
        count (int): Number of held-out scenes by day; their long captions are the prompts.
        size (int): Height and width in pixels.
        device (str): Device of the model.
        progress (Callable): Wraps the loop over scenes.

    Raises:
        RunError: If no scene has such a word.
    """
    backbone = TADPUNetBackbone(pretrained, prompt=dict(type='CaptionPrompt')).to(device).eval()
    mass, area = [], []
    for index in progress(range(count)):
        scene, caption = pretraining_scene(HELD_OUT + index), long_caption(index)
        rendering = render_scene(scene, size, 'day')
        image = to_tensor(rendering.image[None]).to(device)
        maps = backbone.attention_maps(backbone(image, [caption]))
        mean = torch.stack(
            [F.interpolate(m, (size, size), mode='bilinear') for m in maps.values()]
        ).mean(0)[0]
        names = [obj.name for obj in scene.objects]
        for name in names:
            mask = torch.from_numpy(rendering.mask == CLASSES.index(name))
            if names.count(name) > 1 or not mask.any():
                continue
            attention = mean[word_tokens(backbone, caption, name)].sum(0).cpu()
            mass.append(attention[mask].sum() / attention.sum())
            area.append(mask.float().mean())
    if not mass:
        raise RunError(
            f'no caption of {count} scenes names an object that is alone: measure more scenes.'
        )
    return AttentionShares(torch.stack(mass), torch.stack(area), count)


def evaluation_figures(losses: CaptionLosses, shares: AttentionShares) -> dict:
    """Return the measurements as JSON values."""
    seeds, scenes, _ = losses.losses.shape
    gain, gain_spread = losses.difference('none', 'right')
    harm, harm_spread = losses.difference('wrong', 'none')
    return dict(
        scenes=scenes,
        seeds=seeds,
        loss=losses.means,
        none_minus_right=dict(mean=gain, spread=gain_spread),
        wrong_minus_none=dict(mean=harm, spread=harm_spread),
        attention_mass=shares.mass.mean().item(),
        mask_area=shares.area.mean().item(),
        attention_ratio=shares.ratio,
        objects=len(shares.mass),
    )


def long_caption(index: int) -> str:
    """Return the long caption of a held-out scene."""
    return scene_captions(pretraining_scene(HELD_OUT + index))[0]


def _image(index: int, size: int) -> Tensor:
    """Return a held-out scene by day, (1, 3, size, size) in [-1, 1]."""
    rendering = render_scene(pretraining_scene(HELD_OUT + index), size, 'day')
    return to_tensor(rendering.image[None])
