"""Load the parts of a latent diffusion model from the ``pretrained`` argument."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from mmtadp.utils.errors import RunError
from mmtadp.utils.hub import hub_folder, model_files, similar_paths
from mmtadp.utils.model_folders import CONFIG, folder_content, load_part, read_model_config
from mmtadp.utils.pretrained import CONFIGS_ONLY, skipping_pretrained

from .compvis_layout import describe_inputs
from .single_file import SUFFIXES, load_component, read_single_file
from .tokenizer import DeferredTokenizer, check_vocabulary, clip_tokenizer, load_tokenizer
from .unet_loading import load_unet_weights

ARCHITECTURES = Path(__file__).parent / 'architectures'
DEFAULT_ARCHITECTURE = 'stable-diffusion-v1-5'
DEFAULT_HUB_ID = 'stable-diffusion-v1-5/stable-diffusion-v1-5'
# Hub ids whose architecture is known here, so that building them needs no network.
HUB_ARCHITECTURES = {
    DEFAULT_HUB_ID: 'stable-diffusion-v1-5',
    'CompVis/stable-diffusion-v1-4': 'stable-diffusion-v1-5',
}
CLASSES = {'unet': UNet2DConditionModel, 'vae': AutoencoderKL, 'text_encoder': CLIPTextModel}
COMPONENTS = tuple(CLASSES)
# Classes in configs whose weights these read. CLIP's own folder has an image encoder as well.
CLASS_NAMES = {
    'unet': ('UNet2DConditionModel',),
    'vae': ('AutoencoderKL',),
    'text_encoder': ('CLIPTextModel', 'CLIPTextModelWithProjection', 'CLIPModel'),
}


@dataclass
class DiffusionModel:
    """The parts of a text-to-image latent diffusion model.

    Attributes:
        unet (UNet2DConditionModel): epsilon_theta of the paper.
        vae (AutoencoderKL): E and D.
        text_model (CLIPTextModel): tau_theta.
        tokenizer (CLIPTokenizer): Its tokenizer.
        skip_pretrained (bool): The weights are placeholders; see
            :func:`mmtadp.utils.pretrained.no_pretrained_weights`.
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_model: CLIPTextModel
    tokenizer: CLIPTokenizer
    skip_pretrained: bool


def load_diffusion_model(
    pretrained: str | None, architecture: str | None = None, unet: str | None = None
) -> DiffusionModel:
    """Build a latent diffusion model in float32 and load its weights.

    Args:
        pretrained (str, optional): A hub id, a diffusers folder, or a single file in CompVis
            layout, which ``torch.save`` or safetensors wrote. None gives random weights.
        architecture (str, optional): For a single file or None, which hold no config: the name
            of an architecture that mmtadp ships, or a folder with ``unet/config.json``,
            ``vae/config.json`` and ``text_encoder/config.json``. Defaults to Stable Diffusion
            1.5.
        unet (str, optional): A U-Net that replaces that of ``pretrained``; see
            :func:`load_unet_weights`.

    Returns:
        DiffusionModel: The parts.

    Raises:
        FileNotFoundError: If ``pretrained``, ``architecture`` or ``unet`` is a path that does not
            exist.
        RunError: If it is not a pipeline, lacks a part or a weight, cannot be read or holds
            values that are not finite, or the U-Nets have different architectures.
        ConnectionError: If a hub id cannot be fetched.
    """
    skip = skipping_pretrained()
    try:
        model = _load(pretrained, architecture, skip)
    except (FileNotFoundError, ConnectionError) as error:
        if not skip:
            raise
        raise type(error)(f'{error} {CONFIGS_ONLY}') from error
    if unet is not None and not skip:
        load_unet_weights(model.unet, unet)
    return model


def _load(
    pretrained: str | PathLike | None, architecture: str | None, skip_pretrained: bool
) -> DiffusionModel:
    if pretrained is None:
        return _from_configs(_architecture_folder(architecture), skip_pretrained)
    pretrained = str(pretrained)
    path = Path(pretrained).expanduser()
    if path.is_dir():
        return _from_pipeline(path, f"pretrained='{path}'", skip_pretrained)
    is_file = path.suffix.lower() in SUFFIXES
    if skip_pretrained and (is_file or path.exists()):
        return _from_configs(_architecture_folder(architecture), skip_pretrained=True)
    if path.exists():
        return _from_single_file(path, _architecture_folder(architecture))
    if is_file or not is_hub_id(pretrained):
        raise FileNotFoundError(_not_found(pretrained, path))
    if skip_pretrained and pretrained in HUB_ARCHITECTURES:
        return _from_configs(ARCHITECTURES / HUB_ARCHITECTURES[pretrained], skip_pretrained=True)
    return _from_hub(pretrained, skip_pretrained)


def is_hub_id(pretrained: str) -> bool:
    """Return whether a text is a name on the hub rather than a path, by its form."""
    is_path = Path(pretrained).is_absolute() or pretrained.startswith(('.', '~'))
    return not is_path and pretrained.count('/') == 1


def _architecture_folder(architecture: str | None) -> Path:
    for folder in (
        ARCHITECTURES / (architecture or DEFAULT_ARCHITECTURE),
        Path(architecture or '').expanduser(),
    ):
        if (folder / 'unet' / CONFIG).is_file():
            return folder
    known = sorted(folder.name for folder in ARCHITECTURES.iterdir() if folder.is_dir())
    raise FileNotFoundError(
        f"architecture='{architecture}' is neither one of {known} nor a folder with "
        'unet/config.json, vae/config.json and text_encoder/config.json.'
    )


def _check_pipeline(folder: Path) -> None:
    missing = [part for part in COMPONENTS if not (folder / part / CONFIG).is_file()]
    if not (folder / 'tokenizer').is_dir():
        missing.append('tokenizer')
    if len(missing) == len(COMPONENTS) + 1:
        raise RunError(
            f"pretrained='{folder}' is not a diffusers pipeline: it should hold the folders unet, "
            f'vae, text_encoder and tokenizer, and holds {folder_content(folder)}.'
        )
    if missing:
        raise RunError(
            f"pretrained='{folder}' lacks {', '.join(missing)}. Download or copy the whole "
            'pipeline: unet, vae, text_encoder and tokenizer.'
        )


def _not_found(pretrained: str, path: Path) -> str:
    return (
        f"pretrained='{pretrained}' does not exist (looked at {path.absolute()})."
        f'{similar_paths(pretrained)} It should be a hub id such as '
        f"'{DEFAULT_HUB_ID}', a diffusers folder, a single .safetensors or .ckpt file in CompVis "
        'layout, or None for random weights.'
    )


def _from_hub(hub_id: str, skip_pretrained: bool) -> DiffusionModel:
    def choose(names: list[str]) -> list[str]:
        if skip_pretrained:
            files = [f'{part}/{CONFIG}' for part in COMPONENTS]
        else:
            files = [name for part in COMPONENTS for name in model_files(names, part)]
        return files + [name for name in names if name.startswith('tokenizer/')]

    source = f"pretrained='{hub_id}'"
    folder, _ = hub_folder(hub_id, source, choose, f'unet/{CONFIG}', "pretrained='DIR'")
    return _from_pipeline(folder, source, skip_pretrained)


def _from_pipeline(folder: Path, source: str, skip_pretrained: bool) -> DiffusionModel:
    _check_pipeline(folder)
    _read_configs(folder, source)
    tokenizer = load_tokenizer(folder / 'tokenizer', source)
    if skip_pretrained:
        model = _build(folder, source, tokenizer, skip_pretrained)
    else:
        parts = (load_component_folder(folder / part, source, part) for part in COMPONENTS)
        model = DiffusionModel(*parts, tokenizer, skip_pretrained=False)
    _check_fit(model, source)
    return model


def _read_configs(folder: Path, source: str) -> dict[str, dict]:
    return {
        part: read_model_config(folder / part, source, part, names)
        for part, names in CLASS_NAMES.items()
    }


def load_component_folder(folder: Path, source: str, part: str) -> nn.Module:
    """Load one part of a diffusers pipeline in float32.

    Args:
        folder (Path): The part's own folder.
        source (str): The argument that names it, for messages.
        part (str): One of :data:`COMPONENTS`.

    Raises:
        RunError: See :func:`mmtadp.utils.model_folders.load_part`.
    """
    kwargs = dict(torch_dtype=torch.float32, low_cpu_mem_usage=False)
    if part == 'text_encoder':
        kwargs = dict(dtype=torch.float32)
    return load_part(CLASSES[part], folder, source, part, strict=part == 'unet', **kwargs)


def _from_configs(folder: Path, skip_pretrained: bool) -> DiffusionModel:
    source = f"architecture='{folder}'"
    if (folder / 'tokenizer').is_dir():
        tokenizer = load_tokenizer(folder / 'tokenizer', source)
    else:
        tokenizer = DeferredTokenizer() if skip_pretrained else clip_tokenizer()
    model = _build(folder, source, tokenizer, skip_pretrained)
    _check_fit(model, source)
    return model


def _build(
    folder: Path, source: str, tokenizer: CLIPTokenizer, skip_pretrained: bool
) -> DiffusionModel:
    configs = _read_configs(folder, source)
    try:
        return DiffusionModel(
            UNet2DConditionModel.from_config(configs['unet']),
            AutoencoderKL.from_config(configs['vae']),
            CLIPTextModel(CLIPTextConfig(**configs['text_encoder'])),
            tokenizer,
            skip_pretrained,
        )
    except (ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError) as error:
        raise RunError(f'{source}: no model can be built from its configs ({error}).') from error


def _check_fit(model: DiffusionModel, source: str) -> None:
    """Refuse parts that do not fit each other."""
    config = model.unet.config
    width = config.cross_attention_dim
    problem = describe_inputs(
        config.in_channels,
        width if isinstance(width, int) else None,
        model.vae.config.latent_channels,
        model.text_model.config.hidden_size,
    )
    if problem:
        raise RunError(
            f'{source}: the parts do not fit each other. {problem} Take a text-to-image model of '
            'Stable Diffusion 1.x or 2.x.'
        )
    check_vocabulary(model.tokenizer, model.text_model, source)


def _from_single_file(path: Path, architecture: Path) -> DiffusionModel:
    file = read_single_file(path, 'pretrained', COMPONENTS)
    model = _from_configs(architecture, skip_pretrained=False)
    for component, module in zip(COMPONENTS, (model.unet, model.vae, model.text_model)):
        load_component(component, module, file)
    return model
