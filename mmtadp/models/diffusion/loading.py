"""Load the parts of a latent diffusion model from the ``pretrained`` argument."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from mmtadp.utils.pretrained import CONFIGS_ONLY, skipping_pretrained

from .compvis_keys import PREFIXES
from .single_file import load_component, read_single_file
from .state_dicts import check_keys, load_strictly
from .tokenizer import DeferredTokenizer, clip_tokenizer

ARCHITECTURES = Path(__file__).parent / 'architectures'
DEFAULT_ARCHITECTURE = 'stable-diffusion-v1-5'
DEFAULT_HUB_ID = 'stable-diffusion-v1-5/stable-diffusion-v1-5'
# Hub ids whose architecture is known here, so that building them needs no network.
HUB_ARCHITECTURES = {
    DEFAULT_HUB_ID: 'stable-diffusion-v1-5',
    'CompVis/stable-diffusion-v1-4': 'stable-diffusion-v1-5',
}
COMPONENTS = ('unet', 'vae', 'text_encoder')
_UNET_WEIGHTS = (
    'diffusion_pytorch_model.safetensors',
    'diffusion_pytorch_model.bin',
    'diffusion_pytorch_model.fp16.safetensors',
)


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
    """Build a latent diffusion model in float32 and loads its weights.

    Args:
        pretrained (str, optional): A hub id, a diffusers folder, or a single ``.safetensors`` or
            ``.ckpt`` file in CompVis layout. None gives random weights.
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
        ValueError: If it is not a pipeline, or lacks a part or a weight, or the U-Nets have
            different architectures.
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
    pretrained: str | None, architecture: str | None, skip_pretrained: bool
) -> DiffusionModel:
    if pretrained is None:
        return _from_configs(_architecture_folder(architecture), skip_pretrained)
    path = Path(pretrained).expanduser()
    if path.is_dir():
        _check_pipeline(path)
        return _from_pipeline(str(path), skip_pretrained)
    if path.suffix in ('.safetensors', '.ckpt'):
        if skip_pretrained:
            return _from_configs(_architecture_folder(architecture), skip_pretrained=True)
        if not path.is_file():
            raise FileNotFoundError(_not_found(pretrained, path))
        return _from_single_file(path, _architecture_folder(architecture))
    if path.is_absolute() or pretrained.startswith(('.', '~')) or pretrained.count('/') != 1:
        raise FileNotFoundError(_not_found(pretrained, path))
    if skip_pretrained and pretrained in HUB_ARCHITECTURES:
        return _from_configs(ARCHITECTURES / HUB_ARCHITECTURES[pretrained], skip_pretrained=True)
    return _from_hub(pretrained, skip_pretrained)


def _architecture_folder(architecture: str | None) -> Path:
    for folder in (
        ARCHITECTURES / (architecture or DEFAULT_ARCHITECTURE),
        Path(architecture or '').expanduser(),
    ):
        if (folder / 'unet' / 'config.json').is_file():
            return folder
    known = sorted(folder.name for folder in ARCHITECTURES.iterdir() if folder.is_dir())
    raise FileNotFoundError(
        f"architecture='{architecture}' is neither one of {known} nor a folder with "
        'unet/config.json, vae/config.json and text_encoder/config.json.'
    )


def _check_pipeline(folder: Path) -> None:
    missing = [part for part in COMPONENTS if not (folder / part / 'config.json').is_file()]
    if not (folder / 'tokenizer').is_dir():
        missing.append('tokenizer')
    if len(missing) == len(COMPONENTS) + 1:
        found = sorted(entry.name for entry in folder.iterdir())[:8]
        raise ValueError(
            f"pretrained='{folder}' is not a diffusers pipeline: it should hold the folders unet, "
            f'vae, text_encoder and tokenizer, and holds {found or "nothing"}.'
        )
    if missing:
        raise ValueError(
            f"pretrained='{folder}' lacks {', '.join(missing)}. Download or copy the whole "
            'pipeline: unet, vae, text_encoder and tokenizer.'
        )


def _not_found(pretrained: str, path: Path) -> str:
    return (
        f"pretrained='{pretrained}' does not exist (looked at {path.absolute()}). It should be a "
        f"hub id such as '{DEFAULT_HUB_ID}', a diffusers folder, a "
        'single .safetensors or .ckpt file in CompVis layout, or None for random weights.'
    )


def _from_hub(hub_id: str, skip_pretrained: bool) -> DiffusionModel:
    files = [f'{component}/config.json' for component in COMPONENTS] + ['tokenizer/*']
    if not skip_pretrained:
        files += [f'{component}/*.safetensors*' for component in COMPONENTS]
    try:
        folder = snapshot_download(
            hub_id, allow_patterns=files, ignore_patterns=['*.fp16.*', '*.non_ema.*']
        )
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise ConnectionError(
            f"pretrained='{hub_id}' is not a local folder or file, and cannot be fetched from the "
            f'hub ({str(error).splitlines()[0]}). On a machine with a network run `hf download '
            f"{hub_id} --local-dir DIR`, copy DIR here and set pretrained='DIR'."
        ) from error
    _check_pipeline(Path(folder))
    return _from_pipeline(folder, skip_pretrained)


def _from_pipeline(source: str, skip_pretrained: bool) -> DiffusionModel:
    tokenizer = CLIPTokenizer.from_pretrained(source, subfolder='tokenizer')
    if skip_pretrained:
        unet = UNet2DConditionModel.from_config(
            UNet2DConditionModel.load_config(source, subfolder='unet')
        )
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(source, subfolder='vae'))
        text_model = CLIPTextModel(
            CLIPTextConfig.from_pretrained(source, subfolder='text_encoder')
        )
        return DiffusionModel(unet, vae, text_model, tokenizer, skip_pretrained=True)
    parts = []
    for cls, component in zip((UNet2DConditionModel, AutoencoderKL, CLIPTextModel), COMPONENTS):
        if cls is CLIPTextModel:
            kwargs = dict(dtype=torch.float32)
        else:
            kwargs = dict(torch_dtype=torch.float32, low_cpu_mem_usage=False)
        part, info = cls.from_pretrained(
            source, subfolder=component, output_loading_info=True, **kwargs
        )
        # Published pipelines carry buffers that newer versions no longer have: those may be left.
        check_keys(f"pretrained='{source}'", component, set(info['missing_keys']))
        parts.append(part)
    return DiffusionModel(*parts, tokenizer, skip_pretrained=False)


def _from_configs(folder: Path, skip_pretrained: bool) -> DiffusionModel:
    def config(component: str) -> dict:
        return json.loads((folder / component / 'config.json').read_text())

    if (folder / 'tokenizer').is_dir():
        tokenizer = CLIPTokenizer.from_pretrained(folder / 'tokenizer')
    else:
        tokenizer = DeferredTokenizer() if skip_pretrained else clip_tokenizer()
    return DiffusionModel(
        UNet2DConditionModel.from_config(config('unet')),
        AutoencoderKL.from_config(config('vae')),
        CLIPTextModel(CLIPTextConfig(**config('text_encoder'))),
        tokenizer,
        skip_pretrained,
    )


def _from_single_file(path: Path, architecture: Path) -> DiffusionModel:
    checkpoint = read_single_file(path)
    model = _from_configs(architecture, skip_pretrained=False)
    for component, module in zip(COMPONENTS, (model.unet, model.vae, model.text_model)):
        load_component(f"pretrained='{path}'", component, module, checkpoint)
    return model


def load_unet_weights(unet: UNet2DConditionModel, source: str) -> None:
    """Load the weights of another U-Net of the same architecture, such as DreamBooth's.

    Args:
        unet (UNet2DConditionModel): The pipeline's U-Net; its weights are replaced.
        source (str): A diffusers folder of a U-Net (``config.json`` and weights), the folder of a
            pipeline (its ``unet`` is read), or a single ``.safetensors`` or ``.ckpt`` file in
            CompVis layout (its U-Net is read).

    Raises:
        FileNotFoundError: If ``source`` does not exist.
        ValueError: If it does not hold a U-Net, or its architecture differs.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"unet='{source}' does not exist (looked at {path.absolute()}). It should be the unet "
            'folder that DreamBooth has saved, the folder of its pipeline, or a single '
            '.safetensors or .ckpt file in CompVis layout.'
        )
    if path.is_dir():
        load_strictly(f"unet='{source}'", 'unet', unet, _read_unet_folder(path, unet))
        return
    if path.suffix not in ('.safetensors', '.ckpt'):
        raise ValueError(f"unet='{path}' should be a folder, a .safetensors or a .ckpt file.")
    checkpoint = read_single_file(path, argument='unet')
    if not any(key.startswith(PREFIXES['unet']) for key in checkpoint):
        example = next(iter(checkpoint), 'nothing')
        raise ValueError(
            f"unet='{path}' has no U-Net in CompVis layout: no key begins with "
            f"'{PREFIXES['unet']}' (the file holds {len(checkpoint)} keys, e.g. '{example}'). If "
            'it is a U-Net of diffusers, give its folder, which also holds its config.json.'
        )
    load_component(f"unet='{path}'", 'unet', unet, checkpoint)


def _read_unet_folder(path: Path, unet: UNet2DConditionModel) -> dict[str, Tensor]:
    folder = path / 'unet' if (path / 'unet' / 'config.json').is_file() else path
    weights = [folder / name for name in _UNET_WEIGHTS if (folder / name).is_file()]
    if not (folder / 'config.json').is_file() or not weights:
        found = sorted(entry.name for entry in folder.iterdir())[:8]
        raise ValueError(
            f"unet='{path}' is not a U-Net of diffusers: {folder} should hold config.json and "
            f'{_UNET_WEIGHTS[0]} (or .bin), and holds {found or "nothing"}.'
        )
    _check_architecture(folder, unet)
    return read_single_file(weights[0], argument='unet')


def _check_architecture(folder: Path, unet: UNet2DConditionModel) -> None:
    config = UNet2DConditionModel.load_config(folder)
    # Only a built model knows the values that its config leaves out.
    with torch.device('meta'):
        theirs = _unet_architecture(UNet2DConditionModel.from_config(config))
    ours = _unet_architecture(unet)
    different = [
        f'{key} is {theirs.get(key)!r} in {folder / "config.json"} and {ours.get(key)!r} in '
        '`pretrained`'
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]
    if different:
        raise ValueError(
            f"unet='{folder}' has another architecture: {'; '.join(different)}. DreamBooth keeps "
            'the architecture: set `pretrained` to the model that it started from.'
        )


def _unet_architecture(unet: UNet2DConditionModel) -> dict[str, Any]:
    """Return the config entries that a U-Net's features depend on."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in unet.config.items()
        # The size of generated images is only a default.
        if not key.startswith('_') and key != 'sample_size'
    }
