"""What every prompt type has in common."""

from abc import ABCMeta, abstractmethod
from typing import Dict, List, Optional, Tuple

from torch import Tensor, nn

from .text_adapter import TextAdapter


class BasePrompt(nn.Module, metaclass=ABCMeta):
    """Turns samples into what the U-Net is conditioned on (C in the paper).

    A subclass registers itself in :data:`mmtadp.registry.PROMPTS`, says in :attr:`meta_keys`
    which keys of a sample's metainfo it reads, sets :attr:`num_tokens`, and implements
    :meth:`embed`. The backbone knows no prompt type by name. A type that encodes text in every
    forward keeps a text encoder as a submodule; one whose prompt is fixed computes it at build
    time and lets the encoder go.

    :attr:`none_allowed` names those of the keys that may be None, and :attr:`key_sources` says
    what puts a key into a sample, for the message about a missing one.

    Args:
        dim (int): Width D of a prompt token.
        text_adapter (dict, optional): Arguments of :class:`TextAdapter`; an empty dict takes its
            defaults. None, the default, leaves it out.
    """

    meta_keys: Tuple[str, ...] = ()
    none_allowed: Tuple[str, ...] = ()
    key_sources: Dict[str, str] = {}
    num_tokens: int

    def __init__(self, dim: int, text_adapter: Optional[dict] = None) -> None:
        super().__init__()
        self.dim = dim
        self.text_adapter = None if text_adapter is None else TextAdapter(dim, **text_adapter)

    def missing_keys(self, sample: Dict) -> List[str]:
        """Those of :attr:`meta_keys` that a sample's metainfo lacks."""
        return [
            key
            for key in self.meta_keys
            if key not in sample or (sample[key] is None and key not in self.none_allowed)
        ]

    @abstractmethod
    def embed(self, samples: List[Dict], batch_size: int) -> Tensor:
        """The prompt before the adapter.

        Args:
            samples (List[dict]): One metainfo dict per image, each with all :attr:`meta_keys`.
                Empty if the type needs none.
            batch_size (int): Number of images N.

        Returns:
            Tensor: (N, T, D) with T = :attr:`num_tokens`.
        """

    def forward(self, samples: List[Dict], batch_size: int) -> Tensor:
        """The prompt, (N, T, D); arguments as in :meth:`embed`."""
        prompt = self.embed(samples, batch_size)
        return prompt if self.text_adapter is None else self.text_adapter(prompt)

    def describe(self) -> Dict:
        """What makes a checkpoint fit: written into checkpoints, compared when one is loaded."""
        return dict(
            type=type(self).__name__,
            num_tokens=self.num_tokens,
            text_adapter=self.text_adapter is not None,
        )


class FixedPrompt(BasePrompt):
    """A prompt that is the same for every image.

    The embeddings are a buffer, so a checkpoint holds them and needs no text encoder.

    Args:
        embeddings (Tensor): (T, D).
        text_adapter (dict, optional): See :class:`BasePrompt`.
    """

    def __init__(self, embeddings: Tensor, text_adapter: Optional[dict] = None) -> None:
        super().__init__(embeddings.shape[-1], text_adapter)
        self.num_tokens = embeddings.shape[0]
        self.register_buffer('embeddings', embeddings)

    def embed(self, samples: List[Dict], batch_size: int) -> Tensor:
        return self.embeddings.expand(batch_size, -1, -1)
