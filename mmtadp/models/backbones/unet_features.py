"""Multi-scale features and cross-attention maps of one pass through a U-Net."""

from typing import List, Tuple

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from .attention_maps import FeatureRecorder, FeatureTap, RecordingAttnProcessor

# Maps of the second and third resolution are used (strides 16 and 32 of Stable Diffusion).
MAP_LEVELS = (1, 2)


class UNetFeatures:
    """Reads a U-Net's features F and cross-attention maps A, ``V = A + F`` (paper, Sec. 3).

    Features are the outputs of the second-to-last layer of every up block but the last, and of
    the last layer of the last. Maps are the softmax probabilities of every cross-attention layer
    of the down and up blocks, averaged over the heads and then over the layers of a resolution.

    The U-Net runs through its own ``forward``; hooks and attention processors do the reading.
    Its output layers have no use here and are taken off.

    Args:
        unet (UNet2DConditionModel): Changed in place: output layers removed, hooks and processors
            installed.
        use_attn (bool): Concatenate the maps behind the features of their resolution.
        attn_grad (bool): Let gradients flow through the maps into the U-Net.

    Raises:
        TypeError: If ``unet`` is no ``UNet2DConditionModel``.
    """

    def __init__(
        self, unet: UNet2DConditionModel, use_attn: bool = True, attn_grad: bool = False
    ) -> None:
        if not isinstance(unet, UNet2DConditionModel):
            raise TypeError(
                f'the U-Net must be a diffusers UNet2DConditionModel, got {type(unet).__name__}'
            )
        self.unet = unet
        self.recorder = FeatureRecorder(attn_grad)
        self.map_levels: Tuple[int, ...] = ()
        unet.conv_norm_out = None
        unet.conv_out = nn.Identity()
        self.channels = self._tap_features()
        if use_attn:
            self.map_levels = self._record_maps()

    @property
    def num_levels(self) -> int:
        """Number of resolutions, which is that of up blocks."""
        return len(self.unet.up_blocks)

    def _tap_features(self) -> Tuple[int, ...]:
        """Installs the feature taps; returns the channels, highest resolution first."""
        channels = [0] * self.num_levels
        for index, block in enumerate(self.unet.up_blocks):
            level = self.num_levels - 1 - index
            # The last layer of the last block is what the headless U-Net returns.
            layer = -2 if level > 0 else -1
            channels[level] = block.resnets[layer].out_channels
            if level > 0:
                layers = getattr(block, 'attentions', block.resnets)
                layers[layer].register_forward_hook(FeatureTap(self.recorder, level))
        return tuple(channels)

    def _record_maps(self) -> Tuple[int, ...]:
        """Installs the recording processors; returns the levels that have maps."""
        last = self.num_levels - 1
        blocks = list(enumerate(self.unet.down_blocks))
        blocks += [(last - index, block) for index, block in enumerate(self.unet.up_blocks)]
        levels = set()
        for level, block in blocks:
            if level not in MAP_LEVELS:
                continue
            for transformer in getattr(block, 'attentions', ()):
                for layer in transformer.transformer_blocks:
                    layer.attn2.set_processor(RecordingAttnProcessor(self.recorder, level))
                    levels.add(level)
        return tuple(sorted(levels))

    def __call__(self, latents: Tensor, timestep: int, prompt: Tensor) -> List[Tensor]:
        """
        Args:
            latents (Tensor): (N, C, h, w); h and w multiples of ``2 ** (num_levels - 1)``.
            timestep (int): Diffusion timestep, 0 to 999.
            prompt (Tensor): What the cross-attention sees, (N, T, D).

        Returns:
            List[Tensor]: One map per level, highest resolution first, (N, C_l, h / 2^l, w / 2^l);
            at the levels of :attr:`map_levels` the last T channels are the attention maps.
        """
        recorder = self.recorder
        recorder.clear()
        recorder.active = True
        try:
            output = self.unet(latents, timestep, prompt, return_dict=False)[0]
            features = [output] + [recorder.features[i] for i in range(1, self.num_levels)]
            for level in self.map_levels:
                layers = recorder.probabilities[level]
                maps = torch.stack(layers).mean(dim=0).transpose(1, 2)
                size = features[level].shape[-2:]
                features[level] = torch.cat([features[level], maps.unflatten(2, size)], dim=1)
            return features
        finally:
            recorder.active = False
            recorder.clear()
