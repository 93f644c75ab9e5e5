"""Multi-scale features and cross-attention maps from one pass through a U-Net.

This file needs PyTorch and diffusers only, no OpenMMLab package.
"""

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from mmtadp.utils.errors import RunError

from .recorders import FeatureTap, Recording, RecordingAttnProcessor, current

# Maps of the second and third resolution are used (strides 16 and 32 of Stable Diffusion).
MAP_LEVELS = (1, 2)


class UNetFeatures(nn.Module):
    """Return a U-Net's features F and cross-attention maps A, ``V = A + F`` (paper, Sec. 3).

    Features are the outputs of the second-to-last layer of every up block but the last, and of
    the last layer of the last. Maps are the softmax probabilities of every cross-attention layer
    in the down and up blocks, averaged over the heads and then over the layers of a resolution.

    The U-Net runs through its own ``forward``; hooks and attention processors record features and
    maps. Its output layers are not used and are removed.

    :attr:`unet` can be replaced: by a wrapper around it (LoRA, ``torch.compile``, FSDP), or by
    another U-Net of the same architecture. The next forward runs and records the new one.

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
        RunError: If ``unet`` is not a ``UNet2DConditionModel`` and does not wrap one.
    """

    def __init__(self, unet: nn.Module, use_attn: bool = True, attn_grad: bool = False) -> None:
        super().__init__()
        self.unet = unet
        self.use_attn = use_attn
        self.attn_grad = attn_grad
        self._install()

    @property
    def num_levels(self) -> int:
        """Number of resolutions, equal to the number of up blocks."""
        return len(self.channels)

    @property
    def map_levels(self) -> tuple[int, ...]:
        """Levels whose output also holds maps."""
        return tuple(sorted(self._num_map_layers))

    def _install(self) -> None:
        """Install taps in :attr:`unet`, and set what its architecture gives."""
        unet = _inner_unet(self.unet)
        unet.conv_norm_out = None
        unet.conv_out = nn.Identity()
        self.channels = _tap_features(unet)
        self._num_map_layers = _record_maps(unet) if self.use_attn else {}
        # Not a submodule: a state dict would hold the weights twice.
        self.__dict__['_installed'] = self.unet

    def _install_again(self) -> None:
        """Install taps in a U-Net that has replaced the first.

        Raises:
            RunError: If its architecture is another.
        """
        before = (self.channels, self._num_map_layers)
        self._install()
        if (self.channels, self._num_map_layers) != before:
            now, (self.channels, self._num_map_layers) = self.channels, before
            self.__dict__['_installed'] = None
            raise RunError(
                f'the U-Net was replaced by one of another architecture: its features have '
                f'{list(now)} channels and those of the first {list(before[0])}, or the number of '
                'its cross-attention layers differs. Build a new model around it instead.'
            )

    def forward(self, latents: Tensor, timestep: int, prompt: Tensor) -> list[Tensor]:
        """Return one map per level.

        Args:
            latents (Tensor): (N, C, h, w); h and w are multiples of ``2 ** (num_levels - 1)``.
            timestep (int): Diffusion timestep, 0 to 999.
            prompt (Tensor): Token embeddings for the cross-attention, (N, T, D).

        Returns:
            list[Tensor]: One map per level, highest resolution first, (N, C_l, h / 2^l, w / 2^l);
            at the levels in :attr:`map_levels` the last T channels are the attention maps.

        Raises:
            RunError: If other attention processors or hooks have replaced those of this class.
        """
        if self.unet is not self._installed:
            self._install_again()
        recording = Recording(self.attn_grad)
        outer = current.recording
        current.recording = recording
        try:
            output = self.unet(latents, timestep, prompt, return_dict=False)[0]
        finally:
            current.recording = outer
        self._check(recording)
        features = [output] + [recording.features[i] for i in range(1, self.num_levels)]
        for level in self.map_levels:
            layers = recording.probabilities[level]
            maps = torch.stack(layers).mean(dim=0).transpose(1, 2)
            size = features[level].shape[-2:]
            features[level] = torch.cat([features[level], maps.unflatten(2, size)], dim=1)
        return features

    def _check(self, recording: Recording) -> None:
        """Compare what was recorded with what was installed."""
        layers = {level: len(maps) for level, maps in recording.probabilities.items()}
        if self.use_attn and layers != self._num_map_layers:
            raise RunError(
                f'{sum(layers.values())} of {sum(self._num_map_layers.values())} cross-attention '
                "layers recorded their maps. If the U-Net's attention processors were replaced "
                '(set_attn_processor, xformers, fused projections), leave them as they are, or '
                'build the model with use_attn=False.'
            )
        if len(recording.features) != self.num_levels - 1:
            raise RunError(
                f'{len(recording.features)} of {self.num_levels - 1} layers recorded their '
                'features. If forward hooks of the U-Net were removed, build the model again.'
            )


def _inner_unet(module: nn.Module) -> UNet2DConditionModel:
    """Return the U-Net, which may be wrapped."""
    found = [m for m in module.modules() if isinstance(m, UNet2DConditionModel)]
    if len(found) != 1:
        raise RunError(
            'the U-Net must be a diffusers UNet2DConditionModel, or a module around one; got '
            f'{type(module).__name__}, which holds {len(found)}.'
        )
    return found[0]


def _tap_features(unet: UNet2DConditionModel) -> tuple[int, ...]:
    """Install the feature taps; return the channels, highest resolution first."""
    num_levels = len(unet.up_blocks)
    channels = [0] * num_levels
    for index, block in enumerate(unet.up_blocks):
        level = num_levels - 1 - index
        # The last layer of the last block is what the headless U-Net returns.
        layer = -2 if level > 0 else -1
        channels[level] = block.resnets[layer].out_channels
        if level > 0:
            tapped = getattr(block, 'attentions', block.resnets)[layer]
            if not any(isinstance(hook, FeatureTap) for hook in tapped._forward_hooks.values()):
                tapped.register_forward_hook(FeatureTap(level))
    return tuple(channels)


def _record_maps(unet: UNet2DConditionModel) -> dict[int, int]:
    """Install the recording processors; return the number of layers of each level with maps."""
    last = len(unet.up_blocks) - 1
    blocks = list(enumerate(unet.down_blocks))
    blocks += [(last - index, block) for index, block in enumerate(unet.up_blocks)]
    layers: dict[int, int] = {}
    for level, block in blocks:
        if level not in MAP_LEVELS:
            continue
        for transformer in getattr(block, 'attentions', ()):
            for layer in transformer.transformer_blocks:
                layer.attn2.set_processor(RecordingAttnProcessor(level))
                layers[level] = layers.get(level, 0) + 1
    return layers
