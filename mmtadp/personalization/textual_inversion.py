"""Textual inversion (Gal et al. 2022): a new token of a frozen model."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTokenizer

from mmtadp.models.diffusion import TextEncoder
from mmtadp.models.diffusion.denoising import denoising_losses
from mmtadp.utils.atomic_files import write_file
from mmtadp.utils.errors import RunError
from mmtadp.utils.learned_tokens import LearnedToken, add_learned_tokens, embed_tokens

from .concept import Concept
from .settings import PersonalizationSettings
from .templates import TEMPLATES, suggested_wording

_PLACE = '{token}'


@dataclass(frozen=True, kw_only=True)
class TextualInversionSettings(PersonalizationSettings):
    """Settings of the paper (Tab. S4 d), as far as it states them.

    Attributes:
        token (str): Name of the token in captions, such as '<night>'.
        initializer (str): Words whose embeddings the vectors start from: one token, or as many
            as there are vectors.
        num_vectors (int): Vectors of the token.
        templates (str | tuple[str, ...]): Training captions, each with ``{token}`` in it, or a key
            of :data:`TEMPLATES`.
    """

    token: str
    initializer: str
    num_vectors: int = 1
    templates: str | tuple[str, ...] = 'style'
    steps: int = 3000
    learning_rate: float = 5e-4
    accumulate: int = 4
    flip: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check('num_vectors', 1)
        if isinstance(self.templates, str):
            object.__setattr__(self, 'templates', TEMPLATES[self.templates])
        wrong = [template for template in self.templates if template.count(_PLACE) != 1]
        if wrong or not self.templates:
            raise RunError(
                f'the template {wrong[0] if wrong else None!r} should hold {_PLACE} once, as in '
                f"'{TEMPLATES['style'][0]}'."
            )


class TextualInversion(Concept):
    """Learn the vectors of a token; nothing else changes.

    Args:
        settings (TextualInversionSettings): The settings.
        accelerator (Accelerator): accelerate's.

    Raises:
        RunError: See :class:`.concept.Concept`; or if the tokenizer knows the token,
            or the initialising words do not give its vectors.
    """

    settings: TextualInversionSettings

    def __init__(self, settings: TextualInversionSettings, accelerator) -> None:
        super().__init__(settings, accelerator)
        model = self.model
        _check_token(settings.token, model.tokenizer)
        old = model.text_model.embeddings.token_embedding
        ids = _ids(model.tokenizer, settings.initializer)
        if len(ids) not in (1, settings.num_vectors):
            raise RunError(
                f'--initializer {settings.initializer!r} is {len(ids)} tokens; choose a word that '
                f'is one, or {settings.num_vectors} for the vectors of the token.'
            )
        vectors = old.weight[ids].expand(settings.num_vectors, -1).clone()
        token = LearnedToken(settings.token, vectors, Path(settings.out))
        try:
            text_model, model.tokenizer, expansions = add_learned_tokens(
                model.text_model, model.tokenizer, [token]
            )
        except ValueError as error:
            raise RunError(f'--token {settings.token!r}: {error}') from error
        (rows,) = expansions.values()
        # No cache: the embeddings change with every step.
        self.encoder = TextEncoder(text_model, model.tokenizer, 0, expansions)
        self._check_templates()
        self.rows = LearnedRows(old.weight.detach(), vectors, rows[0])
        text_model.embeddings.token_embedding = self.rows
        model.text_model = self.module = text_model
        model.unet.to(accelerator.device)
        if self.dtype != torch.float32:  # which it has; diffusers warns whenever a type is named
            model.unet.to(self.dtype)
        if settings.gradient_checkpointing:
            model.unet.enable_gradient_checkpointing()
            model.unet.train()  # which is what turns it on; Stable Diffusion has no dropout

    def loss(self, numbers: list[int]) -> Tensor:
        captions = [self._caption(number) for number in numbers]
        length, padding = self.encoder.max_length, self.model.tokenizer.pad_token_id
        ids = [row + [padding] * (length - len(row)) for row in self.encoder.token_ids(captions)]
        ids = torch.tensor(ids, device=self.accelerator.device)
        prompts = self.prepared(input_ids=ids).last_hidden_state.to(self.dtype)
        latents, noise, timesteps = self._draw(self.pool, numbers)
        latents, noise = latents.to(self.dtype), noise.to(self.dtype)
        with self.accelerator.autocast():
            return denoising_losses(
                self.model.unet, self.scheduler, latents, noise, timesteps, prompts
            ).mean()

    def save(self, out: Path) -> Path:
        path = out / 'learned_embeds.safetensors'
        vectors = self.rows.learned.detach().float().cpu().contiguous()
        # As diffusers: (D,) of one vector, (n, D) of several.
        vectors = vectors[0] if len(vectors) == 1 else vectors
        write_file(path, lambda new: save_file({self.settings.token: vectors}, new))
        return path

    def usage(self, result: Path) -> str:
        name, wording = str(result), suggested_wording(self.settings.templates)
        return (
            f'In a config: model = dict(backbone=dict(prompt=dict(learned_embeds={name!r})))\n'
            "and in the pipelines: dict(type='mmtadp.DomainModifier', "
            f'template={wording!r}, learned_embeds={name!r})'
        )

    def _check_templates(self) -> None:
        for template in self.settings.templates:
            caption = template.replace(_PLACE, self.settings.token)
            length = len(self.encoder.token_ids([caption])[0])
            if length > self.encoder.max_length:
                raise RunError(
                    f'the template {template!r} is {length} tokens; expected at most '
                    f'{self.encoder.max_length}. Shorten it, or learn fewer vectors.'
                )

    def _caption(self, number: int) -> str:
        templates = self.settings.templates
        choice = random.Random(f'{self.settings.seed} {number}').choice(templates)
        return choice.replace(_PLACE, self.settings.token)


class LearnedRows(nn.Module):
    """Embedding table with a few learned rows.

    Args:
        table (Tensor): The other rows, (V, D); they get no gradient.
        vectors (Tensor): Initial values of the rows, (n, D).
        first (int): Id of the first row.
    """

    def __init__(self, table: Tensor, vectors: Tensor, first: int) -> None:
        super().__init__()
        self.register_buffer('table', table, persistent=False)
        self.learned = nn.Parameter(vectors.float())
        self.first = first

    @property
    def weight(self) -> Tensor:
        """Return the rows that are not learned, which have the module's device and type."""
        return self.table

    def forward(self, ids: Tensor) -> Tensor:
        """Embed ids: (N, T) -> (N, T, D)."""
        return embed_tokens(ids, self.table, self.learned, self.first)


def _ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False).input_ids


def _check_token(token: str, tokenizer: CLIPTokenizer) -> None:
    if not token or token != token.strip():
        raise RunError(
            f"--token is {token!r}; expected text without outer spaces, such as '<night>'."
        )
    if len(_ids(tokenizer, token)) == 1:
        raise RunError(
            f'--token {token!r} is known to the tokenizer, so captions with that word would '
            f"change their meaning. Choose a new one, such as '<{token.strip('<>')}-style>'."
        )
