"""Make the inputs of a captioning model: pixels alone, or pixels and a text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

from mmtadp.utils.errors import RunError
from mmtadp.utils.model_folders import describe_library_error

from .model_folder import (
    check_folder,
    check_tokenizer,
    complete_processor,
    find_folder,
    source_of,
)

DEFAULT_PROMPT = 'Describe the image in one sentence.'


class PixelInputs:
    """Make inputs for models that read pixel values alone: BLIP, BLIP-2, GIT, encoder-decoders.

    The image processor runs in the workers that decode, so only small arrays of one size travel
    to the model.

    Args:
        image_processor: An image processor of transformers that gives all images one size.
    """

    def __init__(self, image_processor: Any):
        self.image_processor = image_processor

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Turn an RGB image into float32 pixel values, C x H x W."""
        return np.asarray(self.image_processor(image)['pixel_values'][0], dtype=np.float32)

    def collate(self, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
        """Stack prepared images into the arguments of ``generate``."""
        return dict(pixel_values=torch.from_numpy(np.stack(images)))


class PromptedInputs:
    """Make inputs for models that read a text with the image: LLaVA, or BLIP-2 with a prompt.

    How many tokens an image takes may depend on its size, so the whole processor runs on a
    batch; texts are padded on the left, because generation continues them on the right.

    Args:
        processor: A processor of transformers.
        prompt (str): Text that the model reads with each image.
    """

    def __init__(self, processor: Any, prompt: str):
        self.processor = processor
        self.processor.tokenizer.padding_side = 'left'
        self.text = prompt
        if getattr(processor, 'chat_template', None):
            content = [dict(type='image'), dict(type='text', text=prompt)]
            self.text = processor.apply_chat_template(
                [dict(role='user', content=content)], add_generation_prompt=True
            )

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Turn an RGB image into an array, H x W x 3, uint8."""
        return np.asarray(image)

    def collate(self, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
        """Make the arguments of ``generate`` from prepared images."""
        inputs = self.processor(
            images=[Image.fromarray(image) for image in images],
            text=[self.text] * len(images),
            padding=True,
            return_tensors='pt',
        )
        return dict(inputs)


def load_inputs(
    model: str, revision: str | None = None, prompt: str | None = None
) -> tuple[PixelInputs | PromptedInputs, Any]:
    """Load a model's processor and tokenizer.

    Args:
        model (str): Hub id or folder.
        revision (str, optional): Branch, tag or commit of a hub id.
        prompt (str, optional): Text that the model reads with each image. Chat models get
            :data:`DEFAULT_PROMPT` by default, others none.

    Returns:
        tuple: Inputs and tokenizer.

    Raises:
        RunError: If the model cannot be found, or its files are missing or damaged.
    """
    folder, _ = find_folder(model, revision)
    source = source_of(model, revision)
    check_folder(folder, source)
    try:
        return _load_inputs(folder, source, prompt)
    except RunError:
        raise
    except Exception as error:  # each processor has errors of its own
        reason = describe_library_error(error)
        raise RunError(
            f'{source} cannot be loaded as an image-to-text model: {reason}.'
        ) from error


def _load_inputs(
    folder: Path, source: str, prompt: str | None
) -> tuple[PixelInputs | PromptedInputs, Any]:
    kwargs = dict(local_files_only=True, trust_remote_code=False)
    # The PIL backend of image processors; the other one needs torchvision.
    processor = AutoProcessor.from_pretrained(str(folder), **kwargs, backend='pil')
    tokenizer = getattr(processor, 'tokenizer', None)
    if tokenizer is None or not hasattr(processor, 'image_processor'):
        # A vision encoder-decoder has its image processor and tokenizer separately.
        if prompt is not None:
            raise RunError(f'{source} does not take a prompt')
        processor = AutoImageProcessor.from_pretrained(str(folder), **kwargs, backend='pil')
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **kwargs)
        check_tokenizer(tokenizer, folder, source)
        return PixelInputs(processor), tokenizer
    check_tokenizer(tokenizer, folder, source)
    complete_processor(processor, folder)
    if prompt is None and not getattr(processor, 'chat_template', None):
        return PixelInputs(processor.image_processor), tokenizer
    return PromptedInputs(processor, DEFAULT_PROMPT if prompt is None else prompt), tokenizer
