"""The base class of prompt types."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmtadp.utils.arguments import check_dict, check_number
from mmtadp.utils.errors import RunError


class PromptError(RunError, RuntimeError):
    """Prompts of images that are missing or do not fit; the message names the image."""


def source_of(sample: dict, index: int) -> str:
    """Return the image of a sample, for messages."""
    return str(sample.get('img_path', f'image {index} of the batch'))


def check_class_names(class_names: Sequence[str]) -> list[str]:
    """Return class names as a list, after checking them.

    Args:
        class_names (Sequence[str]): At least one name.

    Returns:
        list[str]: The same names.

    Raises:
        RunError: If ``class_names`` is not a list, is empty, or holds anything but non-empty
            strings.
    """
    if isinstance(class_names, str) or not isinstance(class_names, Sequence) or not class_names:
        raise RunError(
            f'class_names must be a list with at least one class name, got {class_names!r}'
        )
    bad = [
        i for i, name in enumerate(class_names) if not isinstance(name, str) or not name.strip()
    ]
    if bad:
        raise RunError(
            'class_names must be a list of names, got '
            + ', '.join(f'{class_names[i]!r} at index {i}' for i in bad[:3])
            + (f' and {len(bad) - 3} more' if len(bad) > 3 else '')
        )
    return list(class_names)


class TextAdapter(nn.Module):
    """Return ``C + gamma * MLP(C)``, a learned correction of the prompt C.

    This is VPD's text adapter, TA in the paper's tables.

    Args:
        dim (int): Width D of the prompt, and of the layer between the two linear ones.
        gamma (float): Initial value of gamma, for every channel. Defaults to 1e-4.
    """

    def __init__(self, dim: int, gamma: float = 1e-4) -> None:
        super().__init__()
        check_number('text_adapter.gamma', gamma)
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.gamma = nn.Parameter(torch.full((dim,), gamma))

    def forward(self, prompt: Tensor) -> Tensor:
        """Return the adapted prompt.

        Args:
            prompt (Tensor): (N, T, D).

        Returns:
            Tensor: (N, T, D).
        """
        return prompt + self.gamma * self.mlp(prompt)


class BasePrompt(nn.Module, metaclass=ABCMeta):
    """Turn samples into the prompt that the U-Net is conditioned on (C in the paper).

    A subclass is registered in :data:`mmtadp.registry.PROMPTS`, sets :attr:`meta_keys` and
    :attr:`num_tokens`, and implements :meth:`embed`. The backbone uses any registered type. A type
    that encodes text in every forward keeps a text encoder as a submodule; a type with a fixed
    prompt computes it at build time and keeps no encoder.

    Args:
        dim (int): Width D of a prompt token.
        text_adapter (dict, optional): Arguments of :class:`TextAdapter`; an empty dict takes its
            defaults. None, the default, means no adapter.

    Attributes:
        meta_keys (tuple[str, ...]): Keys of a sample's metainfo that the type reads.
        none_allowed (tuple[str, ...]): The keys among them whose value may be None.
        key_sources (dict[str, str]): For each key the part of a pipeline that adds it, for
            messages.
        num_tokens (int): Number of prompt tokens T.
        class_names (list[str], optional): Class names that the prompt is made of.
    """

    meta_keys: tuple[str, ...] = ()
    none_allowed: tuple[str, ...] = ()
    key_sources: dict[str, str] = {}
    num_tokens: int
    class_names: list[str] | None = None

    def __init__(self, dim: int, text_adapter: dict | None = None) -> None:
        super().__init__()
        self.dim = dim
        if text_adapter is not None:
            check_dict('text_adapter', text_adapter, ['gamma'])
        self.text_adapter = None if text_adapter is None else TextAdapter(dim, **text_adapter)

    @abstractmethod
    def embed(self, samples: list[dict], batch_size: int) -> Tensor:
        """Return the prompt before the adapter.

        Args:
            samples (list[dict]): One metainfo dict per image, each with all :attr:`meta_keys`.
                Unused if the type has no :attr:`meta_keys`.
            batch_size (int): Number of images N.

        Returns:
            Tensor: (N, T, D) with T = :attr:`num_tokens`.
        """

    def forward(
        self, samples: list[dict] | None, batch_size: int, tokens: Tensor | None = None
    ) -> Tensor:
        """Return the prompt.

        Args:
            samples (list[dict], optional): One metainfo dict per image. None is allowed if the
                type has no :attr:`meta_keys`.
            batch_size (int): Number of images N.
            tokens (Tensor, optional): What :meth:`embed` returned for these samples, (N, T, D). By
                default it is called.

        Returns:
            Tensor: (N, T, D).

        Raises:
            PromptError: If samples, or keys in a sample, are missing.
        """
        if tokens is None:
            if self.meta_keys:
                self.check_samples(samples or [], batch_size)
            tokens = self.embed(samples or [], batch_size)
        elif len(tokens) != batch_size:
            raise self._wrong_number(len(tokens), batch_size)
        return tokens if self.text_adapter is None else self.text_adapter(tokens)

    def check_samples(self, samples: list[dict], batch_size: int) -> None:
        """Check that there is one sample per image, with all :attr:`meta_keys`.

        Raises:
            PromptError: If not.
        """
        name = type(self).__name__
        if len(samples) != batch_size:
            raise self._wrong_number(len(samples), batch_size)
        for index, sample in enumerate(samples):
            missing = [
                key
                for key in self.meta_keys
                if key not in sample or (sample[key] is None and key not in self.none_allowed)
            ]
            if missing:
                hints = [f' ({self.key_sources[k]})' for k in missing if k in self.key_sources]
                raise PromptError(
                    f'{name} needs {missing} of {source_of(sample, index)}, whose metainfo has '
                    f'{sorted(sample)}. The dataset or its pipeline must add '
                    f'it{"".join(hints)}, and the `meta_keys` of `PackSegInputs` or '
                    '`PackDetInputs` must list it.'
                )

    def _wrong_number(self, given: int, batch_size: int) -> PromptError:
        return PromptError(
            f'{type(self).__name__} was given prompts of {given} images for a batch of '
            f'{batch_size}: set one entry per image.'
        )

    def describe(self) -> dict:
        """Return what a checkpoint and a prompt must agree on; it is saved in checkpoints.

        A subclass adds each argument that changes the prompt, as plain values: numbers, text,
        lists and dicts.
        """
        described = dict(
            type=type(self).__name__,
            num_tokens=self.num_tokens,
            text_adapter=self.text_adapter is not None,
        )
        if self.class_names is not None:
            described['class_names'] = self.class_names
        return described


def check_reads_captions(prompt: BasePrompt) -> None:
    """Check that a prompt type reads captions.

    Raises:
        PromptError: If it does not.
    """
    if 'caption' not in prompt.meta_keys:
        raise PromptError(
            f'{type(prompt).__name__} does not read captions. Leave out `captions`, or build the '
            "backbone with prompt=dict(type='CaptionPrompt')."
        )


def no_prompts(prompt: BasePrompt, handed_over: bool) -> str:
    """Return what to do where a backbone was given no prompts, for an error.

    Args:
        prompt (BasePrompt): The prompt type.
        handed_over (bool): Whether a model gives the prompts of its data samples.
    """
    needs = f'{type(prompt).__name__} needs {list(prompt.meta_keys)} of each image, and no prompts'
    if handed_over:
        return (
            f'{needs} were set. CaptionPromptHook is installed, but this forward had no data '
            'samples: a method that takes images alone, such as `extract_feat`, was called '
            'directly, or a method was given no data samples. Call `backbone.set_prompts` with '
            'one caption per image before it.'
        )
    return (
        f"{needs} were set. Add `dict(type='mmtadp.CaptionPromptHook')` to `custom_hooks`, or "
        'without a runner call `mmtadp.engine.hooks.install_prompt_hooks(model)` once. If you '
        'call the backbone itself, pass `captions`, or call `set_prompts` before each forward.'
    )
