"""An attention processor that keeps what the attention was."""

from typing import Dict, List, Optional

from diffusers.models.attention_processor import Attention
from torch import Tensor


class FeatureRecorder:
    """What one pass through a U-Net leaves behind, by level (0 is the highest resolution).

    Args:
        attn_grad (bool): Whether the probabilities stay in the autograd graph.

    Attributes:
        features (Dict[int, Tensor]): Level to feature map, (N, C, h, w).
        probabilities (Dict[int, List[Tensor]]): Level to one tensor per cross-attention layer:
            probabilities averaged over the heads, (N, h * w, T).
        active (bool): Nothing is recorded while this is False. Gradient checkpointing runs parts
            of the U-Net once more in the backward pass, which must leave nothing behind.
    """

    def __init__(self, attn_grad: bool) -> None:
        self.attn_grad = attn_grad
        self.active = False
        self.clear()

    def clear(self) -> None:
        self.features: Dict[int, Tensor] = {}
        self.probabilities: Dict[int, List[Tensor]] = {}


class FeatureTap:
    """Forward hook that records a layer's output.

    Args:
        recorder (FeatureRecorder): Where to.
        level (int): The layer's resolution level.
    """

    def __init__(self, recorder: FeatureRecorder, level: int) -> None:
        self.recorder = recorder
        self.level = level

    def __call__(self, module, args, output) -> None:
        if self.recorder.active:
            # Transformer blocks return a tuple, residual blocks a tensor.
            self.recorder.features[self.level] = (
                output if isinstance(output, Tensor) else output[0]
            )


class RecordingAttnProcessor:
    """Cross-attention with explicit probabilities, which it records.

    Fused attention never forms the probabilities, so only the layers whose maps are used get
    this processor.

    Args:
        recorder (FeatureRecorder): Where to.
        level (int): The layer's resolution level.
    """

    def __init__(self, recorder: FeatureRecorder, level: int) -> None:
        self.recorder = recorder
        self.level = level

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Optional[Tensor] = None,
    ) -> Tensor:
        """
        Args:
            attn (Attention): The layer.
            hidden_states (Tensor): Image tokens, (N, h * w, C).
            encoder_hidden_states (Tensor): Prompt tokens, (N, T, D).
            attention_mask (Tensor, optional): Bias of the scores.

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
