"""Load a text encoder without the rest of its diffusion model."""

from pathlib import Path

import torch
from transformers import CLIPTextModel, CLIPTokenizer

from mmtadp.utils.errors import RunError
from mmtadp.utils.model_folders import CONFIG, folder_content, read_model_config
from mmtadp.utils.pretrained import no_pretrained_weights

from .loading import CLASS_NAMES, load_component_folder, load_diffusion_model
from .single_file import load_component, read_single_file
from .tokenizer import TOKENIZER_FILES, check_vocabulary, clip_tokenizer, load_tokenizer


def load_text_encoder(
    pretrained: str, architecture: str | None = None
) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """Load a text encoder and its tokenizer in float32, without reading a U-Net.

    Args:
        pretrained (str): A diffusers folder, the folder of a CLIP text model by itself, a single
            ``.safetensors`` or ``.ckpt`` file in CompVis layout, or a hub id.
        architecture (str, optional): Of a single file; see :func:`load_diffusion_model`.

    Returns:
        tuple[CLIPTextModel, CLIPTokenizer]: Both.

    Raises:
        FileNotFoundError, ConnectionError: See :func:`load_diffusion_model`.
        RunError: If it does not hold a CLIP text model and its tokenizer, cannot be read, or
            weights are missing or not finite.
    """
    path = Path(pretrained).expanduser()
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        return _from_single_file(path, architecture)
    # Hub ids, and the messages for paths that do not exist.
    model = load_diffusion_model(pretrained, architecture)
    return model.text_model, model.tokenizer


def _from_folder(path: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    source = f"pretrained='{path}'"
    folder = path / 'text_encoder' if (path / 'text_encoder').is_dir() else path
    if not (folder / CONFIG).is_file():
        raise RunError(
            f'{source} has no text encoder: there should be text_encoder/config.json or, of a '
            f'text model by itself, config.json; it holds {folder_content(path)}.'
        )
    read_model_config(folder, source, 'text_encoder', CLASS_NAMES['text_encoder'])
    model = load_component_folder(folder, source, 'text_encoder')
    if folder != path or (path / 'tokenizer').is_dir():
        tokenizer = load_tokenizer(path / 'tokenizer', source)
    elif any((folder / name).is_file() for name in TOKENIZER_FILES):
        tokenizer = load_tokenizer(folder, source)
    else:
        tokenizer = clip_tokenizer()
    check_vocabulary(tokenizer, model, source)
    return model, tokenizer


def _from_single_file(path: Path, architecture: str | None) -> tuple[CLIPTextModel, CLIPTokenizer]:
    file = read_single_file(path, 'pretrained', ['text_encoder'])
    with torch.device('meta'), no_pretrained_weights():
        model = load_diffusion_model(None, architecture)
    text_model = CLIPTextModel(model.text_model.config)
    load_component('text_encoder', text_model, file)
    return text_model, model.tokenizer
