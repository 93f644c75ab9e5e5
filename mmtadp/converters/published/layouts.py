"""Layouts of the published models' tensors."""

from dataclasses import dataclass, field

from mmtadp.models.diffusion.compvis_layout import identify

from ..checkpoint_file import CheckpointError
from ..tensor_tracker import TensorTracker
from .heads import (
    HeadConverter,
    HeadSettings,
    mmseg_head,
    no_settings,
    smp_fpn_head,
    smp_fpn_settings,
    torchvision_head,
    torchvision_settings,
    vpd_depth_head,
)


@dataclass(frozen=True)
class Layout:
    """One of the published models.

    Attributes:
        name (str): What it is, for messages and reports.
        marker (str): A prefix that only this layout has.
        unet (str): Prefix of the U-Net's tensors.
        root (str): Prefix of what else is not a head.
        normalisation (str): How the published code normalises images, unless the file shows it.
        head (HeadConverter): What turns its heads into stock ones.
        head_settings (HeadSettings): What a config must say of them.
        head_parts (Tuple[str, ...]): Prefixes of the heads in our model.
        head_sources (Tuple[str, ...]): Prefixes of its heads.
        adapter_is_used (bool): Whether a text adapter in the file is one that the model was
            trained with. Otherwise every model has one, and most runs do not use it.
        scaling_shows (bool): Whether the place of the autoencoder tells if latents were scaled.
        copies (dict[str, str]): Prefixes of tensors that are in the file twice, and of what.
        unused (dict[str, str]): Prefixes of modules that the model builds and never runs.
    """

    name: str
    marker: str
    unet: str
    head: HeadConverter
    head_parts: tuple[str, ...]
    head_sources: tuple[str, ...]
    head_settings: HeadSettings = no_settings
    root: str = ''
    normalisation: str = 'half'
    adapter_is_used: bool = True
    scaling_shows: bool = True
    copies: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)

    @property
    def unscaled_vae(self) -> str:
        """Prefix of the autoencoder where the model does not scale latents."""
        return f'{self.root}encoder_vq.'

    @property
    def scaled_vae(self) -> str:
        """Prefix of the autoencoder where the model may scale latents."""
        return f'{self.root}sd_model.first_stage_model.'

    @property
    def text(self) -> str:
        """Prefix of the text encoder."""
        return f'{self.root}sd_model.cond_stage_model.transformer.'

    @property
    def adapter(self) -> str:
        """Prefix of the text adapter's layers."""
        return f'{self.root}text_adapter.fc.'

    def vae(self, tracker: TensorTracker) -> str:
        """Prefix of the autoencoder in a checkpoint."""
        return self.unscaled_vae if tracker.any_with(self.unscaled_vae) else self.scaled_vae


_DEPTH_UNET = 'encoder.unet.unet.diffusion_model.'
# Of either of the two layouts of Lightning modules, and of their heads that are not known here.
_LIGHTNING_HEADS = ('fpn.', 'decode_head.', 'decoder.')

# The first whose marker is there.
LAYOUTS = (
    Layout(
        name='depth',
        marker=_DEPTH_UNET,
        unet=_DEPTH_UNET,
        root='encoder.',
        head=vpd_depth_head,
        head_parts=('decode_head.',),
        head_sources=(
            'encoder.layer1.',
            'encoder.layer2.',
            'encoder.out_layer.',
            'decoder.',
            'last_layer_depth.',
        ),
        scaling_shows=False,
        copies={
            'encoder.sd_model.model.diffusion_model.': _DEPTH_UNET,
            'encoder.sd_model.first_stage_model.': 'encoder.encoder_vq.',
        },
    ),
    Layout(
        name='detection, with Faster R-CNN of torchvision',
        marker='decode_head.rpn.',
        unet='model.unet.diffusion_model.',
        head=torchvision_head,
        head_settings=torchvision_settings,
        normalisation='imagenet',
        head_parts=('neck.', 'rpn_head.', 'roi_head.'),
        head_sources=_LIGHTNING_HEADS,
        adapter_is_used=False,
        copies={'text_encoder.': 'sd_model.cond_stage_model.transformer.'},
        unused={'decode_head.backbone.': 'ResNet that the published code builds and never runs'},
    ),
    Layout(
        name='segmentation, with the FPN of segmentation_models_pytorch',
        marker='decode_head.decoder.p2.',
        unet='model.unet.diffusion_model.',
        head=smp_fpn_head,
        head_settings=smp_fpn_settings,
        head_parts=('neck.', 'decode_head.'),
        head_sources=_LIGHTNING_HEADS,
        adapter_is_used=False,
    ),
    Layout(
        name='segmentation, in mmseg 0.x',
        marker='unet.unet.diffusion_model.',
        unet='unet.unet.diffusion_model.',
        head=mmseg_head,
        head_parts=('neck.', 'decode_head.'),
        head_sources=('neck.', 'decode_head.'),
    ),
)

# What people may take for one of the above.
_OTHERS = {
    'backbone.unet.': 'is a checkpoint of mmtadp already',
    'model.diffusion_model.': 'is Stable Diffusion in CompVis layout: it goes into a config as it '
    'is, as `pretrained` or `unet`, or becomes a folder with compvis2diffusers.py',
    'model.unet.diffusion_model.': 'has a head that no stock head computes, such as DeepLabv3+: '
    '--backbone-only takes the rest',
}


def find_layout(tracker: TensorTracker, backbone_only: bool = False) -> Layout:
    """Tells which of the published models a checkpoint is of.

    Args:
        tracker (TensorTracker): Its tensors.
        backbone_only (bool): Its heads do not matter.

    Returns:
        Layout: The layout.

    Raises:
        CheckpointError: If it is of none.
    """
    for layout in LAYOUTS:
        if tracker.any_with(layout.marker):
            return layout
    for layout in LAYOUTS if backbone_only else ():
        if tracker.any_with(layout.unet):
            return layout
    for prefix, what in _OTHERS.items():
        if tracker.any_with(prefix):
            raise CheckpointError(f'{tracker.path} {what}.')
    known = identify(tracker.tensors)
    if known is not None:
        raise CheckpointError(f'{tracker.path} is none of the published models: {known}')
    example = next(iter(tracker.tensors))
    known = '; '.join(f'{layout.name}: {layout.marker}*' for layout in LAYOUTS)
    raise CheckpointError(
        f'{tracker.path} is none of the published models: it has {len(tracker.tensors)} tensors, '
        f"such as '{example}', and none of what tells them ({known})."
    )
