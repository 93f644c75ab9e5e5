"""Record features and cross-attention maps while a U-Net runs."""

import threading

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn


class Recording:
    """Hold what is recorded in one pass through a U-Net, by level (0 is the highest resolution).

    Args:
        attn_grad (bool): Whether the probabilities stay in the autograd graph.

    Attributes:
        features (dict[int, Tensor]): Level to feature map, (N, C, h, w).
        probabilities (dict[int, list[Tensor]]): Level to one tensor per cross-attention layer:
            probabilities averaged over the heads, (N, h * w, T).
    """

    def __init__(self, attn_grad: bool) -> None:
        self.attn_grad = attn_grad
        self.features: dict[int, Tensor] = {}
        self.probabilities: dict[int, list[Tensor]] = {}


class _CurrentRecording(threading.local):
    """The recording of the pass that runs in this thread, or None.

    Taps look here and hold nothing themselves: a U-Net can run in several threads, be copied, and
    be shared. Gradient checkpointing runs parts of the U-Net again in the backward pass, in this
    thread or in autograd's, where there is no recording.
    """

    # Not a context variable: torch.compile does not trace these.
    def __init__(self) -> None:
        self.recording: Recording | None = None


current = _CurrentRecording()


class FeatureTap:
    """Record a layer's output, as a forward hook of the layer.

    Args:
        level (int): Resolution level of the layer.
    """

    def __init__(self, level: int) -> None:
        self.level = level

    def __call__(self, module: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        recording = current.recording
        if recording is not None:
            # Transformer blocks return a tuple, residual blocks a tensor.
            recording.features[self.level] = output if isinstance(output, Tensor) else output[0]


class RecordingAttnProcessor:
    """Compute cross-attention with explicit probabilities, and record them.

    Fused attention never forms the probabilities, so only the layers whose maps are used get
    this processor.

    Args:
        level (int): Resolution level of the layer.
    """

    def __init__(self, level: int) -> None:
        self.level = level

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the layer's output.

        Args:
            attn (Attention): The layer.
            hidden_states (Tensor): Image tokens, (N, h * w, C).
            encoder_hidden_states (Tensor): Prompt tokens, (N, T, D).
            attention_mask (Tensor, optional): Added to the attention scores.

        Returns:
            Tensor: (N, h * w, C).
        """
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        probabilities = _probabilities(attn, query, key, attention_mask)
        recording = current.recording
        if recording is not None:
            kept = probabilities if recording.attn_grad else probabilities.detach()
            by_head = kept.unflatten(0, (-1, attn.heads))
            recording.probabilities.setdefault(self.level, []).append(by_head.mean(dim=1))
        hidden_states = attn.batch_to_head_dim(probabilities @ value)
        for layer in attn.to_out:
            hidden_states = layer(hidden_states)
        return hidden_states


def _probabilities(attn: Attention, query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    if not attn.upcast_attention:
        return attn.get_attention_scores(query, key, mask)
    # Autocast would cast the float32 scores back, and those of such models exceed float16.
    with torch.autocast(query.device.type, enabled=False):
        return attn.get_attention_scores(query, key, None if mask is None else mask.float())
