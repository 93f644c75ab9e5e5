"""Record features and cross-attention maps while a U-Net runs."""

from diffusers.models.attention_processor import Attention
from torch import Tensor, nn


class FeatureRecorder:
    """Hold what is recorded in one pass through a U-Net, by level (0 is the highest resolution).

    Args:
        attn_grad (bool): Whether the probabilities stay in the autograd graph.

    Attributes:
        features (dict[int, Tensor]): Level to feature map, (N, C, h, w).
        probabilities (dict[int, list[Tensor]]): Level to one tensor per cross-attention layer:
            probabilities averaged over the heads, (N, h * w, T).
        active (bool): Nothing is recorded while this is False. Gradient checkpointing runs parts
            of the U-Net again in the backward pass; that pass must not record.
    """

    def __init__(self, attn_grad: bool) -> None:
        self.attn_grad = attn_grad
        self.active = False
        self.clear()

    def clear(self) -> None:
        """Drop everything recorded so far."""
        self.features: dict[int, Tensor] = {}
        self.probabilities: dict[int, list[Tensor]] = {}


class FeatureTap:
    """Record a layer's output, as a forward hook of the layer.

    Args:
        recorder (FeatureRecorder): Where the output goes.
        level (int): Resolution level of the layer.
    """

    def __init__(self, recorder: FeatureRecorder, level: int) -> None:
        self.recorder = recorder
        self.level = level

    def __call__(self, module: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        if self.recorder.active:
            # Transformer blocks return a tuple, residual blocks a tensor.
            self.recorder.features[self.level] = (
                output if isinstance(output, Tensor) else output[0]
            )


class RecordingAttnProcessor:
    """Compute cross-attention with explicit probabilities, and record them.

    Fused attention never forms the probabilities, so only the layers whose maps are used get
    this processor.

    Args:
        recorder (FeatureRecorder): Where the probabilities go.
        level (int): Resolution level of the layer.
    """

    def __init__(self, recorder: FeatureRecorder, level: int) -> None:
        self.recorder = recorder
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
        probabilities = attn.get_attention_scores(query, key, attention_mask)
        if self.recorder.active:
            kept = probabilities if self.recorder.attn_grad else probabilities.detach()
            by_head = kept.unflatten(0, (-1, attn.heads))
            self.recorder.probabilities.setdefault(self.level, []).append(by_head.mean(dim=1))
        hidden_states = attn.batch_to_head_dim(probabilities @ value)
        for layer in attn.to_out:
            hidden_states = layer(hidden_states)
        return hidden_states
