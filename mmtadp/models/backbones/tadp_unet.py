"""Stable Diffusion's U-Net as a backbone."""

from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmtadp.registry import MODELS, PROMPTS, register_module

from ..diffusion import LatentEncoder, load_diffusion_model
from .state_check import check_state_dict
from .unet_features import UNetFeatures

Sample = Union[str, Dict]


@register_module(MODELS)
class TADPUNetBackbone(BaseModule):
    """A text-to-image diffusion model as a backbone whose prompt is aligned to each image.

    TADP (CVPR 2024), Sec. 3: the image's latents and a prompt C pass once through the U-Net
    (``epsilon(z_0, t, C)``); its multi-scale features and its cross-attention maps go to the head.
    The U-Net is trained; the autoencoder and the text encoder are frozen.

    The prompt of each image comes from its metainfo. Upstream never hands it to a backbone, so
    :class:`mmtadp.CaptionPromptHook` (or :func:`mmtadp.engine.hooks.install_prompt_hooks`) calls
    :meth:`set_prompts` before each forward of the model that owns this backbone.

    A state dict holds every weight once, the frozen ones included: a checkpoint stays usable when
    the pretrained model is no longer to be had, and testing and resuming need no other file.

    Args:
        pretrained (str, optional): Hub id, diffusers folder, or single ``.safetensors`` or
            ``.ckpt`` file in CompVis layout. None gives random weights.
        prompt (dict): A prompt type of :data:`mmtadp.registry.PROMPTS` and its arguments.
        architecture (str, optional): Architecture of a single file or of random weights; see
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
        unet (str, optional): A U-Net in place of that of ``pretrained``, which DreamBooth has
            trained on images of the target domain, say (Sec. 4.3): the folder of a diffusers
            U-Net or pipeline, or a single CompVis file. Only the U-Net is taken: if the text
            encoder was trained too, pass the whole pipeline as ``pretrained`` instead.
        latent_scaling (bool): ``z = 0.18215 * E(x)``, with the autoencoder's own factor (Sec.
            4.1). False is VPD(R).
        latent_sampling (str): 'mode' takes the posterior mean, 'sample' draws from it, as the
            published code does when it scales.
        use_attn (bool): Concatenate the cross-attention maps behind the features at the second
            and third resolution. False for depth.
        attn_grad (bool): Let the loss reach the U-Net through the maps too. The published code
            does not: its transformer blocks run inside a checkpoint function that cuts the graph
            of what they store. The paper does not say.
        timestep (int): Timestep t that the U-Net is told, 0 to 999. The published code uses 1, the
            paper writes 0.
        with_cp (bool): Gradient checkpointing: less memory in training, more time.
        keep_padding (bool): Inputs are padded with zeros, right and bottom, to what the U-Net can
            halve. By default the maps are cropped back to ``ceil(H / stride)``; True keeps their
            padded size, for heads that crop by themselves (``VPDDepthHead`` with
            ``fmap_border``).
        init_cfg (dict, optional): As in every mmengine module.

    Attributes:
        out_channels (Tuple[int, ...]): Channels of the maps, highest resolution first.
        strides (Tuple[int, ...]): Their strides: (8, 16, 32, 64) for Stable Diffusion.

    Raises:
        FileNotFoundError, ValueError, ConnectionError: See
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        pretrained: Optional[str] = 'stable-diffusion-v1-5/stable-diffusion-v1-5',
        prompt: Dict = dict(type='CaptionPrompt'),
        architecture: Optional[str] = None,
        latent_scaling: bool = True,
        latent_sampling: str = 'mode',
        use_attn: bool = True,
        attn_grad: bool = False,
        timestep: int = 1,
        with_cp: bool = False,
        keep_padding: bool = False,
        unet: Optional[str] = None,
        init_cfg: Optional[Dict] = None,
    ) -> None:
        super().__init__(init_cfg)
        model = load_diffusion_model(pretrained, architecture, unet)
        num_timesteps = 1000
        if not 0 <= timestep < num_timesteps:
            raise ValueError(f'timestep must be in 0 to {num_timesteps - 1}, got {timestep}')
        self.pretrained = pretrained
        self.timestep = timestep
        self.keep_padding = keep_padding
        self.unet = model.unet.train()
        if with_cp:
            self.unet.enable_gradient_checkpointing()
        self.vae = LatentEncoder(model.vae, latent_scaling, latent_sampling)
        # The registry of prompts has this scope only, whichever package runs the config.
        self.prompt = PROMPTS.build(
            dict(_scope_='mmtadp', **prompt), default_args=dict(model=model)
        )
        self._check_widths(pretrained)

        self._features = UNetFeatures(self.unet, use_attn, attn_grad)
        channels = list(self._features.channels)
        for level in self._features.map_levels:
            channels[level] += self.prompt.num_tokens
        self.out_channels: Tuple[int, ...] = tuple(channels)
        self.strides: Tuple[int, ...] = tuple(
            self.vae.factor * 2**level for level in range(self._features.num_levels)
        )

        # Without a checkpoint, a model built under `no_pretrained_weights` would be noise.
        self._weights_follow = model.weights_follow
        self.register_load_state_dict_pre_hook(check_state_dict)
        self._samples: Optional[List[Dict]] = None
        self._embedded: Optional[Tensor] = None
        self._keep_prompts = False

    def _check_widths(self, pretrained: Optional[str]) -> None:
        expected = self.unet.config.cross_attention_dim
        if self.prompt.dim != expected:
            raise ValueError(
                f"pretrained='{pretrained}': the text encoder gives tokens of width "
                f"{self.prompt.dim}, the U-Net's cross-attention takes {expected}. The two belong "
                'to different models.'
            )
        if self.vae.latent_channels != self.unet.config.in_channels:
            raise ValueError(
                f"pretrained='{pretrained}': the autoencoder gives {self.vae.latent_channels} "
                f'latent channels, the U-Net takes {self.unet.config.in_channels}. Inpainting and '
                'depth-conditioned models are not supported.'
            )

    def describe_channels(self) -> str:
        """How :attr:`out_channels` come about, for messages."""
        levels = self._features.map_levels
        if not levels:
            return 'features alone, use_attn=False'
        strides = ' and '.join(str(self.strides[level]) for level in levels)
        return (
            f'{self.prompt.num_tokens} attention maps of {type(self.prompt).__name__} are '
            f'concatenated at strides {strides}'
        )

    def set_prompts(self, samples: Sequence[Sample]) -> None:
        """Says what the images of the next forward are prompted with.

        Entries serve one forward of the backbone, or, between :meth:`begin_forward` and
        :meth:`end_forward`, one of the model that owns it with all its windows.

        Args:
            samples (Sequence[str or dict]): One entry per image: its caption, or a dict of its
                metainfo with the keys that the prompt type needs.
        """
        if isinstance(samples, (str, dict)):
            raise TypeError(
                'set_prompts takes a list with one entry per image, got a single '
                f'{type(samples).__name__}: {samples!r}'
            )
        self._samples = [dict(caption=s) if isinstance(s, str) else s for s in samples]
        self._embedded = None

    def begin_forward(self) -> None:
        """Keeps prompts over several calls: a forward of the owning model begins."""
        self._keep_prompts = True

    def end_forward(self) -> None:
        """Forgets the prompts: the forward of the owning model is over."""
        self._keep_prompts = False
        self._samples = self._embedded = None

    def forward(self, inputs: Tensor) -> Tuple[Tensor, ...]:
        """
        Args:
            inputs (Tensor): Images normalised to [-1, 1], (N, 3, H, W) with any H and W.

        Returns:
            Tuple[Tensor, ...]: One map per stride s, (N, C, ceil(H / s), ceil(W / s)), with the
            channels of :attr:`out_channels`.

        Raises:
            RuntimeError: If the prompt type misses what it needs, or weights are missing.
            ValueError: If ``inputs`` has another shape or is not finite.
        """
        if self._weights_follow:
            raise RuntimeError(
                'this backbone was built without weights, to be filled from a checkpoint that was '
                'never loaded. Load one, or build it outside `no_pretrained_weights()`.'
            )
        self._check_inputs(inputs)
        height, width = inputs.shape[-2:]
        multiple = self.strides[-1]
        inputs = F.pad(inputs, (0, -width % multiple, 0, -height % multiple))
        try:
            prompt = self._embed_prompts(len(inputs))
            features = self._features(self.vae(inputs), self.timestep, prompt)
        finally:
            if not self._keep_prompts:
                self.end_forward()
        if self.keep_padding:
            return tuple(features)
        return tuple(
            feature[..., : -(-height // stride), : -(-width // stride)]
            for feature, stride in zip(features, self.strides)
        )

    def attention_maps(self, features: Sequence[Tensor]) -> Dict[int, Tensor]:
        """The cross-attention maps in the output of :meth:`forward`.

        Args:
            features (Sequence[Tensor]): What :meth:`forward` returned.

        Returns:
            Dict[int, Tensor]: Stride to probabilities, (N, T, h, w); they sum to 1 over T.
        """
        tokens = self.prompt.num_tokens
        return {
            self.strides[level]: features[level][:, -tokens:]
            for level in self._features.map_levels
        }

    def _check_inputs(self, inputs: Tensor) -> None:
        if inputs.ndim != 4 or inputs.shape[1] != 3:
            raise ValueError(f'expected images of shape (N, 3, H, W), got {tuple(inputs.shape)}')
        # One reduction: a NaN or infinity anywhere survives the sum.
        if not torch.isfinite(inputs.sum(dtype=torch.float32)):
            bad = [i for i, image in enumerate(inputs) if not torch.isfinite(image).all()]
            raise ValueError(
                f'image(s) {bad} of the batch hold NaN or infinity. Check the image files and the '
                "data_preprocessor's mean and std (127.5 each maps [0, 255] to [-1, 1])."
            )

    def _embed_prompts(self, batch_size: int) -> Tensor:
        if self._embedded is not None and len(self._embedded) == batch_size:
            return self._embedded
        samples = self._samples if self.prompt.meta_keys else []
        if self.prompt.meta_keys:
            self._check_samples(batch_size)
        prompt = self.prompt(samples, batch_size)
        # Windows of one image share their prompt. With gradients, each forward has its own graph.
        self._embedded = None if torch.is_grad_enabled() else prompt
        return prompt

    def _check_samples(self, batch_size: int) -> None:
        name = type(self.prompt).__name__
        if self._samples is None:
            raise RuntimeError(
                f'{name} needs {list(self.prompt.meta_keys)} of each image, and no prompts were '
                "set. Add `dict(type='mmtadp.CaptionPromptHook')` to `custom_hooks`, or without a "
                'runner call `mmtadp.engine.hooks.install_prompt_hooks(model)` once; calling the '
                'backbone itself, call `set_prompts` before each forward.'
            )
        if len(self._samples) != batch_size:
            raise RuntimeError(
                f'{name} was given prompts of {len(self._samples)} images for a batch of '
                f'{batch_size}: set one entry per image.'
            )
        for index, sample in enumerate(self._samples):
            missing = self.prompt.missing_keys(sample)
            if missing:
                source = sample.get('img_path', f'image {index} of the batch')
                hints = [
                    f' ({self.prompt.key_sources[key]})'
                    for key in missing
                    if key in self.prompt.key_sources
                ]
                raise RuntimeError(
                    f'{name} needs {missing} of {source}, whose metainfo has {sorted(sample)}. '
                    f'The dataset or its pipeline must add it{"".join(hints)}, and the '
                    '`meta_keys` of `PackSegInputs` or `PackDetInputs` must list it.'
                )
