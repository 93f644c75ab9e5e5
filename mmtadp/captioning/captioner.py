"""Caption batches of prepared images with an image-to-text model of transformers."""

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from mmtadp.utils.errors import RunError
from mmtadp.utils.model_folders import load_part

from .model_folder import complete_model, find_folder, source_of
from .model_inputs import PixelInputs, PromptedInputs, load_inputs

DEFAULT_MODEL = 'Salesforce/blip2-opt-2.7b'
DTYPES = {'fp16': torch.float16, 'bf16': torch.bfloat16, 'fp32': torch.float32}
INT8_PACKAGES = ('accelerate', 'bitsandbytes')
# The fallback search for an empty caption asks for at least this many new tokens.
RETRY_MIN_NEW_TOKENS = 5
RETRY_BEAMS = 5


@dataclass(frozen=True)
class Decoding:
    """The search for a caption.

    Attributes:
        min_new_tokens (int): The paper's 0, 20 or 40.
        max_new_tokens (int): The paper's 77.
        num_beams (int): 1 is greedy search, as in the published code; more is beam search.
    """

    min_new_tokens: int = 0
    max_new_tokens: int = 77
    num_beams: int = 1

    def __post_init__(self):
        if not 0 <= self.min_new_tokens <= self.max_new_tokens or self.max_new_tokens < 1:
            raise RunError(
                f'min_new_tokens={self.min_new_tokens}, max_new_tokens={self.max_new_tokens}: '
                'expected 0 <= min <= max and max >= 1'
            )
        if self.num_beams < 1:
            raise RunError(f'num_beams={self.num_beams}: expected 1 (greedy) or more')

    def fallback(self) -> 'Decoding':
        """Return the search for an image whose caption is empty."""
        return replace(
            self,
            min_new_tokens=min(
                max(self.min_new_tokens, RETRY_MIN_NEW_TOKENS), self.max_new_tokens
            ),
            num_beams=RETRY_BEAMS if self.num_beams == 1 else 1,
        )


class Captioner:
    """An image-to-text model with its tokenizer, its inputs and its search.

    Args:
        model (nn.Module): With ``generate``, on its device.
        tokenizer: Decodes what the model generates.
        inputs (PixelInputs | PromptedInputs): Makes the model's arguments.
        decoding (Decoding): The search.
        commit (str, optional): The revision of the weights that a hub id resolved to.

    Attributes:
        seconds (float): Time spent in the model so far.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        inputs: PixelInputs | PromptedInputs,
        decoding: Decoding,
        commit: str | None = None,
    ):
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.inputs = inputs
        self.decoding = decoding
        self.commit = commit
        self.seconds = 0.0

    @classmethod
    def load(
        cls,
        model: str = DEFAULT_MODEL,
        decoding: Decoding = Decoding(),  # noqa: B008  (frozen)
        revision: str | None = None,
        dtype: str = 'fp32',
        device: str = 'cpu',
        prompt: str | None = None,
    ) -> 'Captioner':
        """Load a model from the hub or from a folder.

        Args:
            model (str): Hub id or folder of an image-to-text model.
            decoding (Decoding): The search.
            revision (str, optional): Branch, tag or commit of a hub id.
            dtype (str): 'fp32', 'fp16', 'bf16', or 'int8' (weights in 8 bits, with bitsandbytes).
            device (str): Where the model runs, such as 'cuda:0'.
            prompt (str, optional): Text that the model reads with each image. See
                :func:`~.model_inputs.load_inputs`.

        Returns:
            Captioner: In eval mode.

        Raises:
            RunError: If the model cannot be found or downloaded, is not an image-to-text model or
                lacks weights, or if a package is missing.
        """
        kwargs = _precision(dtype, device)
        folder, commit = find_folder(model, revision)
        source = source_of(model, revision)
        inputs, tokenizer = load_inputs(model, revision, prompt)
        part = 'captioning model'
        network = load_part(
            AutoModelForImageTextToText, folder, source, part, trust_remote_code=False, **kwargs
        )
        complete_model(network, tokenizer, source)
        if 'device_map' not in kwargs:
            network = network.to(device)
        return cls(network, tokenizer, inputs, decoding, commit)

    def caption(self, images: Sequence[Any], decoding: Decoding | None = None) -> list[str]:
        """Caption a batch.

        Args:
            images (Sequence): As ``inputs.prepare`` returns them.
            decoding (Decoding, optional): Another search than the captioner's own.

        Returns:
            list[str]: One caption per image, in one line, without white space at its ends.
        """
        start = time.perf_counter()
        decoding = decoding or self.decoding
        arguments = {k: self._to_device(v) for k, v in self.inputs.collate(images).items()}
        with torch.inference_mode():
            tokens = self.model.generate(
                **arguments,
                min_new_tokens=decoding.min_new_tokens,
                max_new_tokens=decoding.max_new_tokens,
                num_beams=decoding.num_beams,
                do_sample=False,
            )
        texts = self.tokenizer.batch_decode(
            self._without_prompt(tokens, arguments.get('input_ids')), skip_special_tokens=True
        )
        self.seconds += time.perf_counter() - start
        return [' '.join(text.split()) for text in texts]

    def _to_device(self, value: Tensor) -> Tensor:
        if value.is_floating_point():
            return value.to(self.model.device, self.model.dtype)
        return value.to(self.model.device)

    def _without_prompt(self, tokens: Tensor, prompt: Tensor | None) -> Tensor:
        """Drop the prompt, which decoders repeat before their answer."""
        if prompt is None:
            return tokens
        length = prompt.shape[1]
        repeated = tokens.shape[1] >= length and bool((tokens[:, :length] == prompt).all())
        return tokens[:, length:] if repeated else tokens


def _precision(dtype: str, device: str) -> dict:
    if dtype in DTYPES:
        return dict(dtype=DTYPES[dtype])
    if dtype != 'int8':
        raise RunError(f'dtype {dtype!r}: expected one of {", ".join(DTYPES)}, int8')
    missing = [name for name in INT8_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise RunError(
            f'--dtype int8 needs {" and ".join(missing)}: pip install {" ".join(missing)} '
            "(or 'mmtadp[int8]')."
        )
    return dict(
        dtype=torch.float16,
        device_map={'': device},
        quantization_config=BitsAndBytesConfig(load_in_8bit=True),
    )
