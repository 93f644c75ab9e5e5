"""Find the folder of a captioning model, and complete one that an older release wrote."""

from pathlib import Path
from typing import Any

from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from mmtadp.utils.errors import RunError
from mmtadp.utils.hub import hub_folder, model_files, similar_paths
from mmtadp.utils.model_folders import CONFIG, folder_content, read_model_config, read_model_json

AGAIN = 'Download the folder again.'
# Files of tokenizers, one of which a folder has.
_TOKENIZERS = (
    'tokenizer.json',
    'vocab.json',
    'vocab.txt',
    'tokenizer.model',
    'spiece.model',
    'sentencepiece.bpe.model',
)
_IMAGE_TOKEN = '<image>'
# Entries of a processor that older folders lack, and that follow from the model's config.
_OF_VISION = ('patch_size',)
_OF_MODEL = ('num_query_tokens', 'vision_feature_select_strategy')


def source_of(model: str, revision: str | None = None) -> str:
    """Return the name of a model for messages."""
    return f'model {model!r}' + (f' at revision {revision!r}' if revision else '')


def find_folder(model: str, revision: str | None = None) -> tuple[Path, str | None]:
    """Return the local folder of a model, and the commit that a hub id resolved to.

    Args:
        model (str): Hub id or folder.
        revision (str, optional): Branch, tag or commit of a hub id.

    Raises:
        RunError: If it is neither a folder nor a hub id that can be fetched.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path, None
    if path.exists():
        raise RunError(f'{source_of(model)} is a file. Give the folder that holds {CONFIG}.')
    if path.is_absolute() or model.startswith(('.', '~')) or model.count('/') > 1:
        raise RunError(
            f'{source_of(model)} does not exist (looked at {path.absolute()}).'
            f'{similar_paths(model)}'
        )
    try:
        return hub_folder(model, source_of(model), model_files, CONFIG, '--model DIR', revision)
    except ConnectionError as error:
        raise RunError(str(error)) from error


def check_folder(folder: Path, source: str) -> None:
    """Refuse a folder whose configs or tokenizer are damaged, before transformers reads it.

    Args:
        folder (Path): The folder.
        source (str): The model's name in messages.

    Raises:
        RunError: If ``config.json`` or the tokenizer is missing, a JSON file is damaged, or the
            model does not turn images into text.
    """
    if not (folder / CONFIG).is_file():
        raise RunError(
            f'{source} cannot be loaded as an image-to-text model: {folder} has no {CONFIG} and '
            f'holds {folder_content(folder)}.'
        )
    config = read_model_config(folder, source, 'captioning model')
    kind = config.get('model_type')
    if kind not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and 'auto_map' not in config:
        raise RunError(
            f'{source} cannot be loaded as an image-to-text model: its {CONFIG} names the '
            f'model_type {kind!r}. Take a model such as BLIP-2, whose type is blip-2.'
        )
    for path in sorted(folder.glob('*.json')):
        read_model_json(path, source)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise RunError(
            f'{source}: the tokenizer lacks {_TOKENIZERS[0]} (or {", ".join(_TOKENIZERS[1:])}): '
            f'{folder} holds {folder_content(folder)}. {AGAIN}'
        )


def check_tokenizer(tokenizer: Any, folder: Path, source: str) -> None:
    """Refuse a tokenizer without its files: transformers makes an empty vocabulary of them.

    Args:
        tokenizer: The tokenizer.
        folder (Path): The model's folder.
        source (str): The model's name in messages.

    Raises:
        RunError: If its files are missing, or its vocabulary is empty.
    """
    names = dict(tokenizer.vocab_files_names)
    whole = names.pop('tokenizer_file', 'tokenizer.json')
    missing = [name for name in names.values() if not (folder / name).is_file()]
    if (missing or not names) and not (folder / whole).is_file():
        raise RunError(
            f'{source}: the tokenizer lacks {whole}'
            f'{" or " if missing else ""}{" and ".join(missing)}: {folder} holds '
            f'{folder_content(folder)}. {AGAIN}'
        )
    special = set(tokenizer.all_special_tokens)
    if not tokenizer.get_vocab().keys() - special:
        raise RunError(f'{source}: the tokenizer in {folder} has an empty vocabulary. {AGAIN}')


def complete_processor(processor: Any, folder: Path) -> None:
    """Set what older folders leave out of a processor, and the model's config has.

    Args:
        processor: A processor of transformers; it is changed.
        folder (Path): The model's folder.
    """
    config = read_model_config(folder, str(folder), 'captioning model')
    vision = config.get('vision_config') or {}
    no_patches = getattr(processor, 'patch_size', 0) is None
    for names, values in ((_OF_MODEL, config), (_OF_VISION, vision)):
        for name in names:
            if getattr(processor, name, 0) is None and values.get(name) is not None:
                setattr(processor, name, values[name])
    if no_patches and vision.get('model_type') == 'clip_vision_model':
        # CLIP has one token next to those of the patches.
        processor.num_additional_image_tokens = 1


def complete_model(model: nn.Module, tokenizer: Any, source: str) -> None:
    """Set the image token of a BLIP-2 or InstructBLIP model from before the end of 2024.

    Its pixels stood before the text without a token; now the model asks where they stand. The
    embedding of that token is never used.

    Args:
        model (nn.Module): The model; its config is changed.
        tokenizer: Its tokenizer, to which the processor has added the token.
        source (str): The model's name in messages.

    Raises:
        RunError: If the model has no room for the token.
    """
    config = model.config
    has_queries = getattr(config, 'num_query_tokens', None) is not None
    if not has_queries or getattr(config, 'image_token_index', 0) is not None:
        return
    token = tokenizer.get_vocab().get(_IMAGE_TOKEN)
    rows = model.get_input_embeddings().weight.shape[0]
    if token is None or token >= rows:
        raise RunError(
            f'{source} is from before the end of 2024: its {CONFIG} has no image_token_index, and '
            f'its {rows:,} embeddings have no place for the token. {AGAIN}'
        )
    config.image_token_index = token
