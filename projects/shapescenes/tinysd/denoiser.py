"""Second stage: train U-Net and text encoder to predict noise, given captions."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler
from torch import Tensor, nn
from transformers import CLIPTokenizer

from mmtadp.models.diffusion import DiffusionModel, TextEncoder
from mmtadp.models.diffusion.denoising import denoising_losses, sample_images
from mmtadp.personalization.images import grid
from mmtadp.utils.atomic_files import write_file
from projects.shapescenes.generator.scene import RandomStream

from .networks import build_text_encoder, build_unet
from .pretraining_scenes import pretraining_scene, scene_domain, word_scene
from .stage import Stage

NULL_SHARE = 0.1
"""Share of captions that training replaces with the empty caption."""

TIMESTEP_SHIFT = 3.0
"""Shift of the timesteps towards high noise; 1 draws all timesteps with equal probability."""

_SHOWN_PROMPTS = (
    'a red star on the grass',
    'a big blue umbrella in the snow',
    'a yellow rocket and a green tree on the road',
    'a bottle next to a clock on a wooden floor in front of wallpaper',
    'a dark night photo of a mushroom on the sand by the sea',
    'a watercolour painting of a tent on the grass',
    'a comic style painting of a gift',
)
_COLUMNS, _DDIM_STEPS, _GUIDANCE = 4, 20, 4.0


class Denoiser(Stage):
    """Train U-Net and text encoder together with the loss of latent diffusion.

    Stable Diffusion uses a pretrained text encoder; here the captions of the scenes train it too.

    At low noise the image itself is visible, so captions matter at high noise only. Timesteps are
    therefore drawn from a shifted distribution, as in Stable Diffusion 3 (Esser et al., 2024,
    Sec. 5.3.2): t / T = s u / (1 + (s - 1) u), u uniform, s = 3.

    Args:
        latents (Tensor): (N, 2, C, h, w), of scenes 0 to N - 1 and of their mirror images.
        vae (AutoencoderKL): The autoencoder of the latents; it decodes the samples.
        tokenizer (CLIPTokenizer): The tokenizer.
        scheduler (DDPMScheduler): The noise schedule.
        batch_size (int): Latents per step.
        learning_rate (float): See :class:`.Stage`.
        seed (int): See :class:`.Stage`.
        mixed_precision (str): ``no`` or ``bf16``.
    """

    def __init__(
        self,
        latents: Tensor,
        vae: AutoencoderKL,
        tokenizer: CLIPTokenizer,
        scheduler: DDPMScheduler,
        batch_size: int,
        learning_rate: float,
        seed: int,
        mixed_precision: str = 'no',
    ) -> None:
        device = next(vae.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            unet, text_model = build_unet(), build_text_encoder(tokenizer.get_vocab())
        module = nn.ModuleDict(dict(unet=unet, text_model=text_model)).to(device).train()
        settings = dict(
            scenes=len(latents),
            latent_shape=list(latents.shape[2:]),
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            mixed_precision=mixed_precision,
            timestep_shift=TIMESTEP_SHIFT,
        )
        super().__init__(module, settings, learning_rate, seed)
        self.latents, self.vae, self.batch_size = latents, vae, batch_size
        self.tokenizer, self.scheduler = tokenizer, scheduler
        self.mixed_precision = mixed_precision

    def losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Mean squared error of the predicted noise."""
        size = self.batch_size
        numbers = torch.randint(len(self.latents), (size,), generator=generator)
        sides = torch.randint(2, (size,), generator=generator)
        latents = self.latents[numbers, sides].float().to(self.device)
        noise = torch.randn(latents.shape, generator=generator).to(self.device)
        uniform = torch.rand(size, generator=generator)
        shifted = TIMESTEP_SHIFT * uniform / (1 + (TIMESTEP_SHIFT - 1) * uniform)
        last = self.scheduler.config.num_train_timesteps
        # Rounding may reach the end.
        timesteps = (shifted * last).long().clamp(max=last - 1).to(self.device)
        # A scene that comes again has another caption.
        wordings = torch.randint(2**31, (size,), generator=generator).tolist()
        dropped = (torch.rand(size, generator=generator) < NULL_SHARE).tolist()
        captions = [
            '' if drop else caption(number, wording)
            for number, wording, drop in zip(numbers.tolist(), wordings, dropped)
        ]
        ids = self.tokenizer(
            captions, padding='max_length', truncation=True, return_tensors='pt'
        ).input_ids.to(self.device)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.mixed_precision == 'bf16'
        ):
            # As TextEncoder: no mask, the last hidden states.
            prompts = self.module['text_model'](input_ids=ids).last_hidden_state
            losses = denoising_losses(
                self.module['unet'], self.scheduler, latents, noise, timesteps, prompts
            )
        return dict(loss=losses.mean())

    @torch.no_grad()
    def draw_samples(self, path: Path) -> None:
        """Write a row of generated images for each of some prompts."""
        model = self.result()
        encoder = TextEncoder(model.text_model, self.tokenizer, cache_size=0)
        size = self.latents.shape[-1] * 2 ** (len(self.vae.config.block_out_channels) - 1)
        prompts = [prompt for prompt in _SHOWN_PROMPTS for _ in range(_COLUMNS)]
        seeds = list(range(_COLUMNS)) * len(_SHOWN_PROMPTS)
        pictures = sample_images(
            model, self.scheduler, encoder, prompts, seeds, size, _DDIM_STEPS, _GUIDANCE
        )
        write_file(path, grid(pictures, _COLUMNS).save)

    def result(self) -> DiffusionModel:
        """Return the averaged U-Net and text encoder with autoencoder and tokenizer."""
        average = self.average.module.eval()
        return DiffusionModel(
            average['unet'], self.vae, average['text_model'], self.tokenizer, skip_pretrained=False
        )


def caption(number: int, wording: int) -> str:
    """Return a caption of a pretraining scene; it depends on the two numbers alone."""
    return word_scene(pretraining_scene(number), scene_domain(number), RandomStream(wording))
