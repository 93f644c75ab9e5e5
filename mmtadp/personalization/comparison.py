"""Compare how well prompts fit held-out images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mmtadp.models.diffusion import TextEncoder
from mmtadp.models.diffusion.denoising import denoising_losses, encode_images
from mmtadp.models.diffusion.loading import load_unet_weights
from mmtadp.utils.errors import RunError
from mmtadp.utils.learned_tokens import add_learned_tokens, read_learned_tokens
from mmtadp.utils.seeding import numbered_generator

from .concept import check_resolution, load_model
from .images import ImagePool


@dataclass(frozen=True)
class PromptLoss:
    """The denoising loss under a prompt.

    Attributes:
        prompt (str): The prompt.
        loss (float): Mean over images and draws.
        difference (float): Difference to the loss of the first prompt.
        error (float): Standard error of the difference: images, noise and timesteps are the same
            for all prompts.
    """

    prompt: str
    loss: float
    difference: float
    error: float


@torch.no_grad()
def compare_prompts(
    images: str,
    prompts: Sequence[str],
    pretrained: str,
    architecture: str | None = None,
    unet: str | None = None,
    learned_embeds: Sequence[str] = (),
    resolution: int = 512,
    draws: int = 8,
    seed: int = 0,
    device: str = 'cpu',
) -> list[PromptLoss]:
    """Return the denoising losses of images under each of several prompts.

    Args:
        images (str): A folder of held-out images.
        prompts (Sequence[str]): Prompts; ``''`` is the null text.
        pretrained (str): As in :class:`.PersonalizationSettings`.
        architecture (str, optional): As in :class:`.PersonalizationSettings`.
        unet (str, optional): DreamBooth's U-Net, which replaces the one of ``pretrained``.
        learned_embeds (Sequence[str]): Files of textual inversion, for tokens in prompts.
        resolution (int): Height and width of the images' middle square, in pixels.
        draws (int): Timesteps of each image, one in each of as many equal parts of the schedule.
        seed (int): Seed of noise and timesteps.
        device (str): Device to run on.

    Raises:
        RunError: If these are inconsistent.
    """
    if draws < 1:
        raise RunError(f'--draws is {draws}; expected 1 or more.')
    pool = ImagePool(images, resolution, random_crop=False, flip=0, seed=seed)
    model, scheduler = load_model(pretrained, architecture)
    check_resolution(model, resolution)
    try:
        if unet is not None:
            load_unet_weights(model.unet, unet)
        tokens = read_learned_tokens(learned_embeds)
        text_model, tokenizer, expansions = add_learned_tokens(
            model.text_model, model.tokenizer, tokens
        )
    except (FileNotFoundError, ValueError) as error:
        raise RunError(str(error)) from error
    encoder = TextEncoder(text_model, tokenizer, 0, expansions)
    embeddings = encoder(list(prompts)).to(device)
    for module in (model.unet, model.vae):
        module.to(device)
    rows = []
    for number in range(len(pool)):
        generator = numbered_generator(seed, number)
        image = pool.batch([number]).to(device)
        latents = encode_images(model.vae, image, torch.zeros(1, device=device))
        noise = torch.randn(draws, *latents.shape[1:], generator=generator).to(device)
        part = scheduler.config.num_train_timesteps / draws
        timesteps = ((torch.arange(draws) + torch.rand(draws, generator=generator)) * part).long()
        latents, timesteps = latents.expand_as(noise), timesteps.to(device)
        rows.append(
            torch.stack(
                [
                    denoising_losses(
                        model.unet,
                        scheduler,
                        latents,
                        noise,
                        timesteps,
                        prompt.expand(draws, -1, -1),
                    ).mean()
                    for prompt in embeddings
                ]
            )
        )
    losses = torch.stack(rows).cpu()
    differences = losses - losses[:, :1]
    errors = differences.std(dim=0, correction=min(1, len(pool) - 1)) / len(pool) ** 0.5
    columns = zip(prompts, losses.mean(0), differences.mean(0), errors)
    return [PromptLoss(prompt, *(value.item() for value in values)) for prompt, *values in columns]
