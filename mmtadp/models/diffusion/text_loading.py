"""Load a text encoder without the rest of its diffusion model."""

from pathlib import Path

import torch
from transformers import CLIPTextModel, CLIPTokenizer

from mmtadp.utils.pretrained import no_pretrained_weights

from .loading import load_diffusion_model
from .single_file import load_component, read_single_file
from .state_dicts import check_keys
from .tokenizer import clip_tokenizer

_TOKENIZER_FILES = ('tokenizer.json', 'vocab.json')


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
        ValueError: If it does not hold a CLIP text model, or weights are missing.
    """
    path = Path(pretrained).expanduser()
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return _from_single_file(path, architecture)
    # Hub ids, and the messages for paths that do not exist.
    model = load_diffusion_model(pretrained, architecture)
    return model.text_model, model.tokenizer


def _from_folder(path: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    folder = path / 'text_encoder' if (path / 'text_encoder').is_dir() else path
    if not (folder / 'config.json').is_file():
        found = sorted(entry.name for entry in path.iterdir())[:8]
        raise ValueError(
            f"pretrained='{path}' has no text encoder: there should be text_encoder/config.json "
            f'or, of a text model by itself, config.json; it holds {found or "nothing"}.'
        )
    model, info = CLIPTextModel.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    check_keys(f"pretrained='{path}'", 'text_encoder', set(info['missing_keys']))
    for candidate in (path / 'tokenizer', folder):
        if any((candidate / name).is_file() for name in _TOKENIZER_FILES):
            return model, CLIPTokenizer.from_pretrained(candidate)
    return model, clip_tokenizer()


def _from_single_file(path: Path, architecture: str | None) -> tuple[CLIPTextModel, CLIPTokenizer]:
    with torch.device('meta'), no_pretrained_weights():
        model = load_diffusion_model(None, architecture)
    text_model = CLIPTextModel(model.text_model.config)
    load_component(f"pretrained='{path}'", 'text_encoder', text_model, read_single_file(path))
    return text_model, model.tokenizer
