"""Multi-scale features and cross-attention maps from one pass through a U-Net.

This file needs PyTorch and diffusers only, no OpenMMLab package.
"""

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from .recorders import FeatureRecorder, FeatureTap, RecordingAttnProcessor

# Maps of the second and third resolution are used (strides 16 and 32 of Stable Diffusion).
MAP_LEVELS = (1, 2)


class UNetFeatures(nn.Module):
    """Return a U-Net's features F and cross-attention maps A, ``V = A + F`` (paper, Sec. 3).

    Features are the outputs of the second-to-last layer of every up block but the last, and of
    the last layer of the last. Maps are the softmax probabilities of every cross-attention layer
    in the down and up blocks, averaged over the heads and then over the layers of a resolution.

    The U-Net runs through its own ``forward``; hooks and attention processors record features and
    maps. Its output layers are not used and are removed.

    Args:
        unet (UNet2DConditionModel): Changed in place: output layers removed, hooks and processors
            installed.
        use_attn (bool): Concatenate the maps after the features of their resolution. Defaults to
            True.
        attn_grad (bool): Let gradients flow through the maps into the U-Net. Defaults to False.

    Attributes:
        channels (tuple[int, ...]): Channels of the features, highest resolution first, without
            the maps.
        map_levels (tuple[int, ...]): Levels whose output also holds one map per prompt token.
            Empty without ``use_attn``.

    Raises:
        TypeError: If ``unet`` is not a ``UNet2DConditionModel``.
    """

    def __init__(
        self, unet: UNet2DConditionModel, use_attn: bool = True, attn_grad: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(unet, UNet2DConditionModel):
            raise TypeError(
                f'the U-Net must be a diffusers UNet2DConditionModel, got {type(unet).__name__}'
            )
        self.unet = unet
        self.recorder = FeatureRecorder(attn_grad)
        unet.conv_norm_out = None
        unet.conv_out = nn.Identity()
        self.channels = self._tap_features()
        self.map_levels = self._record_maps() if use_attn else ()

    @property
    def num_levels(self) -> int:
        """Number of resolutions, equal to the number of up blocks."""
        return len(self.unet.up_blocks)

    def _tap_features(self) -> tuple[int, ...]:
        """Install the feature taps; return the channels, highest resolution first."""
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

    def _record_maps(self) -> tuple[int, ...]:
        """Install the recording processors; return the levels that have maps."""
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

    def forward(self, latents: Tensor, timestep: int, prompt: Tensor) -> list[Tensor]:
        """Return one map per level.

        Args:
            latents (Tensor): (N, C, h, w); h and w are multiples of ``2 ** (num_levels - 1)``.
            timestep (int): Diffusion timestep, 0 to 999.
            prompt (Tensor): Token embeddings for the cross-attention, (N, T, D).

        Returns:
            list[Tensor]: One map per level, highest resolution first, (N, C_l, h / 2^l, w / 2^l);
            at the levels in :attr:`map_levels` the last T channels are the attention maps.
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
