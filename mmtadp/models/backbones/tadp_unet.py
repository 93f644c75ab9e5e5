"""Stable Diffusion's U-Net as a backbone."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from mmtadp.registry import MODELS, PROMPTS, register_module
from mmtadp.utils.arguments import check_bools, check_choice, check_int

from ..diffusion import LatentEncoder, load_diffusion_model
from ..diffusion.latent_encoder import SAMPLING
from ..diffusion.loading import DEFAULT_HUB_ID
from ..prompts.base import PromptError, check_reads_captions, no_prompts
from ..prompts.prompt_config import complete_prompt
from ..prompts.prompt_state import PromptState
from .image_check import FiniteCheck, check_shape
from .state_check import check_state_dict
from .unet_features import UNetFeatures

NUM_TIMESTEPS = 1000


@register_module(MODELS)
class TADPUNetBackbone(BaseModule):
    """Use a text-to-image diffusion model as a backbone whose prompt is aligned to each image.

    TADP (CVPR 2024), Sec. 3: the image's latents and a prompt C pass once through the U-Net
    (``epsilon(z_0, t, C)``); its multi-scale features and its cross-attention maps go to the head.
    The U-Net is trained; the autoencoder and the text encoder are frozen.

    The prompt of each image comes from its metainfo. OpenMMLab does not pass metainfo to a
    backbone, so :class:`mmtadp.CaptionPromptHook` (or
    :func:`mmtadp.engine.hooks.install_prompt_hooks`) calls :meth:`set_prompts` before each forward
    of the model that owns this backbone. Without such a model, pass captions to :meth:`forward`.

    A state dict holds every weight once, including the frozen ones: testing and resuming read no
    weights of ``pretrained``. They still read its configs and its tokenizer where it is a folder
    or a hub id whose architecture mmtadp does not ship, and the files of learned tokens, whose
    vectors no state dict holds.

    Args:
        pretrained (str, optional): Hub id, diffusers folder, or single ``.safetensors`` or
            ``.ckpt`` file in CompVis layout. None gives random weights. Defaults to Stable
            Diffusion 1.5.
        prompt (dict): A prompt type in :data:`mmtadp.registry.PROMPTS` and its arguments. Defaults
            to ``CaptionPrompt``.
        architecture (str, optional): Architecture of a single file or of random weights; see
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
        latent_scaling (bool): ``z = 0.18215 * E(x)``, with the autoencoder's own factor (Sec.
            4.1). False is VPD(R). Defaults to True.
        latent_sampling (str): 'mode' takes the posterior mean, 'sample' draws from the posterior,
            as the published code does when it scales. Defaults to 'mode'.
        use_attn (bool): Concatenate the cross-attention maps after the features of the second and
            third resolution. False for depth. Defaults to True.
        attn_grad (bool): Let the loss reach the U-Net through the maps too. In the published code
            it does not: the transformer blocks run inside a checkpoint function, which detaches
            the maps they store. The paper does not mention it. Defaults to False.
        timestep (int): Timestep t of the U-Net, 0 to 999. The published code uses 1, the paper
            writes 0. Defaults to 1.
        with_cp (bool): Use gradient checkpointing: less memory in training, more time. Defaults
            to False.
        keep_padding (bool): Inputs are padded with zeros, right and bottom, to a multiple of the
            last stride. By default the maps are cropped back to ``ceil(H / stride)``; True keeps
            their padded size, for heads that crop themselves (``VPDDepthHead`` with
            ``fmap_border``).
        unet (str, optional): Path to U-Net weights that replace those of ``pretrained``, e.g. from
            DreamBooth (Sec. 4.3): the folder of a diffusers U-Net or pipeline, or a single CompVis
            file. Only the U-Net is read: if the text encoder was trained too, pass the whole
            pipeline as ``pretrained`` instead.
        init_cfg (dict, optional): As in every mmengine module.

    Attributes:
        features (UNetFeatures): The U-Net with its recorders.
        prompt_state (PromptState): The prompts of the next images, for each thread.
        handed_over (bool): Whether ``install_prompt_hooks`` makes a model give its prompts.
        out_channels (tuple[int, ...]): Channels of the maps, highest resolution first.
        strides (tuple[int, ...]): Their strides: (8, 16, 32, 64) for Stable Diffusion.

    Raises:
        FileNotFoundError, ValueError, ConnectionError: See
            :func:`mmtadp.models.diffusion.load_diffusion_model`.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        pretrained: str | None = DEFAULT_HUB_ID,
        prompt: dict = dict(type='CaptionPrompt'),
        architecture: str | None = None,
        latent_scaling: bool = True,
        latent_sampling: str = 'mode',
        use_attn: bool = True,
        attn_grad: bool = False,
        timestep: int = 1,
        with_cp: bool = False,
        keep_padding: bool = False,
        unet: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_bools(
            latent_scaling=latent_scaling,
            use_attn=use_attn,
            attn_grad=attn_grad,
            with_cp=with_cp,
            keep_padding=keep_padding,
        )
        check_choice('latent_sampling', latent_sampling, SAMPLING)
        self.timestep = check_int('timestep', timestep, 0, NUM_TIMESTEPS - 1)
        prompt = complete_prompt(prompt)
        model = load_diffusion_model(pretrained, architecture, unet)
        self.pretrained = pretrained
        self.origin = dict(
            pretrained=str(pretrained), unet=unet and str(unet), attn_grad=attn_grad
        )
        self.keep_padding = keep_padding
        self.unet = model.unet.train()
        if with_cp:
            self.unet.enable_gradient_checkpointing()
        self.vae = LatentEncoder(model.vae, latent_scaling, latent_sampling)
        # The registry of prompts has this scope only, whichever package runs the config.
        self.prompt = PROMPTS.build(dict(_scope_='mmtadp', **prompt, model=model))
        self.prompt_state = PromptState()
        self.handed_over = False
        self._check_finite = FiniteCheck()
        self._check_widths(pretrained)

        # Not registered as a submodule: a state dict would hold the U-Net's weights twice.
        self.__dict__['features'] = UNetFeatures(self.unet, use_attn, attn_grad)
        channels = list(self.features.channels)
        for level in self.features.map_levels:
            channels[level] += self.prompt.num_tokens
        self.out_channels: tuple[int, ...] = tuple(channels)
        self.strides: tuple[int, ...] = tuple(
            self.vae.factor * 2**level for level in range(self.features.num_levels)
        )

        # Built under `no_pretrained_weights`, the weights are noise until a checkpoint is loaded.
        self._without_weights = model.skip_pretrained
        self.register_load_state_dict_pre_hook(TADPUNetBackbone._check_state_dict)

    def _check_widths(self, pretrained: str | None) -> None:
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

    def _check_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args) -> None:
        """Refuse a state dict that leaves parts unchanged, as a hook before it is loaded."""
        if any(key.startswith(prefix) for key in state_dict):
            check_state_dict(self.state_dict(), state_dict, prefix)
            self._without_weights = False

    @property
    def without_weights(self) -> bool:
        """Return whether the weights are noise, until a state dict is loaded."""
        return self._without_weights

    def describe(self) -> dict:
        """Return what features depend on in addition to the weights; checkpoints hold it.

        Returns:
            dict: Plain values. ``origin`` is information; the others must agree with a checkpoint.
        """
        return dict(
            latent_scaling=self.vae.scale if self.vae.scale != 1 else False,
            latent_sampling=self.vae.sampling,
            timestep=self.timestep,
            use_attn=bool(self.features.map_levels),
            keep_padding=self.keep_padding,
            prompt=self.prompt.describe(),
            origin=self.origin,
        )

    def describe_channels(self) -> str:
        """Return how :attr:`out_channels` come about, for messages."""
        levels = self.features.map_levels
        if not levels:
            return 'features alone, use_attn=False'
        strides = ' and '.join(str(self.strides[level]) for level in levels)
        return (
            f'{self.prompt.num_tokens} attention maps of {type(self.prompt).__name__} are '
            f'concatenated at strides {strides}'
        )

    def set_prompts(self, samples: Sequence[str | dict]) -> None:
        """Set the prompts of the images in the next forward of this thread.

        They are embedded at once, so that a compiled forward need not be compiled again for other
        captions.

        Args:
            samples (Sequence[str | dict]): One entry per image: its caption, or a dict of its
                metainfo with the keys that the prompt type reads.

        Raises:
            RunError: If ``samples`` is not such a list.
            PromptError: If a key is missing.
        """
        self.prompt_state.set(samples, self.prompt)

    def embed_prompts(self, samples: Sequence[str | dict]) -> Tensor:
        """Return the prompt of images, for the argument ``prompt`` of :meth:`forward`.

        Args:
            samples (Sequence[str | dict]): N entries, as in :meth:`set_prompts`.

        Returns:
            Tensor: (N, T, D).
        """
        state = PromptState()
        state.set(samples)
        return state.embed(self.prompt, len(samples), next(self.parameters()).device)

    def forward(
        self,
        inputs: Tensor,
        captions: Sequence[str] | None = None,
        prompt: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return multi-scale maps of images.

        Args:
            inputs (Tensor): Images normalised to [-1, 1], (N, 3, H, W) with any H and W.
            captions (Sequence[str], optional): One caption per image. None takes what
                :meth:`set_prompts` was given.
            prompt (Tensor, optional): The prompt itself instead of captions, (N, T, D), from
                :meth:`embed_prompts`.

        Returns:
            tuple[Tensor, ...]: One map per stride s, (N, C, ceil(H / s), ceil(W / s)), with the
            channels of :attr:`out_channels`.

        Raises:
            PromptError: If captions or other metainfo of an image are missing.
            RuntimeError: If weights are missing.
            RunError: If ``inputs`` has another shape or is not finite, or ``captions`` are given
                to a prompt type that does not read them. On a GPU, values that are not finite are
                an error of the next forward, so that the two need not wait for each other.
        """
        if self._without_weights:
            raise RuntimeError(
                'this backbone was built without weights, for a checkpoint that was never loaded. '
                'Load one, or build the model outside `no_pretrained_weights()`.'
            )
        try:
            if captions is not None:
                check_reads_captions(self.prompt)
                self.set_prompts(captions)
            self._check_inputs(inputs, prompt is not None)
            height, width = inputs.shape[-2:]
            multiple = self.strides[-1]
            padded = F.pad(inputs, (0, -width % multiple, 0, -height % multiple))
            if prompt is None:
                prompt = self.prompt_state.embed(self.prompt, len(inputs), inputs.device)
            self.features.unet = self.unet
            features = self.features(self.vae(padded), self.timestep, prompt)
        finally:
            self.prompt_state.end_call()
        if self.keep_padding:
            return tuple(features)
        return tuple(
            feature[..., : -(-height // stride), : -(-width // stride)]
            for feature, stride in zip(features, self.strides)
        )

    def attention_maps(self, features: Sequence[Tensor]) -> dict[int, Tensor]:
        """Return the cross-attention maps in the output of :meth:`forward`.

        Args:
            features (Sequence[Tensor]): Output of :meth:`forward`.

        Returns:
            dict[int, Tensor]: Stride to probabilities, (N, T, h, w); they sum to 1 over T.
        """
        tokens = self.prompt.num_tokens
        return {
            self.strides[level]: features[level][:, -tokens:] for level in self.features.map_levels
        }

    def _check_inputs(self, inputs: Tensor, with_prompt: bool) -> None:
        check_shape(inputs)
        samples = self.prompt_state.samples
        if self.prompt.meta_keys and samples is None and not with_prompt:
            raise PromptError(no_prompts(self.prompt, self.handed_over))
        # A graph cannot depend on values.
        if not torch.compiler.is_compiling():
            self._check_finite(inputs, samples or ())
