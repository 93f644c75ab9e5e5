"""A small vocabulary for CLIP's tokenizer: one token per word of ShapeScenes' captions.

As in CLIP's own vocabulary, any other text is split into the bytes of its letters, so there is
no unknown token.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from mmtadp.utils.atomic_files import write_folder
from projects.shapescenes import generator as shapescenes

MAX_LENGTH = 77
BOS, EOS = '<|startoftext|>', '<|endoftext|>'
_END_OF_WORD = '</w>'

# Words of caption templates, of domain modifiers and of everyday captions.
_COMMON_WORDS = """
a an the and or of in on at by with without to from into over under above below behind before
front next near beside between against along around left right top bottom middle side there is
are it its this that some another other one two three four five six many several few no not
photo picture image painting drawing style watercolor watercolour comic cartoon dark night day
light bright constructivism foggy dashcam sunny rainy view scene shot close up large little tall
old new outside inside sitting standing lying shows background ground street floor wall
"""

Merges = list[tuple[str, str]]


def shapescenes_words() -> list[str]:
    """Return every word of ShapeScenes' captions and class names, and common words.

    Returns:
        list[str]: Distinct lower-case words in alphabetical order.
    """
    phrases = [_COMMON_WORDS, *shapescenes.CLASSES, *shapescenes.COLOURS]
    phrases += [*shapescenes.TEXTURES, *shapescenes.SIZES, *shapescenes.DOMAINS]
    for setting in shapescenes.SETTINGS.values():
        phrases += [setting.ground_phrase, setting.backdrop_phrase]
    return sorted(set(re.findall('[a-z]+', ' '.join(phrases))))


def build_vocabulary(words: Iterable[str]) -> tuple[dict[str, int], Merges]:
    """Return a byte-pair vocabulary in which each word is one token.

    Args:
        words (Iterable[str]): Lower-case words of letters.

    Returns:
        tuple: Vocabulary (token to id, in CLIP's order: bytes, bytes that end a word, merges,
        start and end of text) and merges in order of priority.
    """
    merges = _train_merges(words)
    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(letter + _END_OF_WORD for letter in letters)]
    tokens += [*(first + second for first, second in merges), BOS, EOS]
    return {token: index for index, token in enumerate(tokens)}, merges


def _train_merges(words: Iterable[str]) -> Merges:
    """Continue byte-pair encoding until each word is a single token.

    All words are merged together, in the order in which the tokenizer merges. Merges found for
    each word on its own would break other words.
    """
    spelled = [[*word[:-1], word[-1] + _END_OF_WORD] for word in words]
    merges: Merges = []
    while True:
        pairs = Counter(pair for symbols in spelled for pair in pairwise(symbols))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = [_merge(symbols, best) for symbols in spelled]


def _merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged


def write_tokenizer(folder: Path, vocab: dict[str, int], merges: Merges) -> None:
    """Write the files that ``CLIPTokenizer.from_pretrained`` reads."""
    folder.mkdir(parents=True)
    lines = ['#version: 0.2', *(' '.join(pair) for pair in merges)]
    (folder / 'merges.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    config = {
        'tokenizer_class': 'CLIPTokenizer',
        'model_max_length': MAX_LENGTH,
        'bos_token': BOS,
        'eos_token': EOS,
        'pad_token': EOS,
        'unk_token': EOS,
        'do_lower_case': True,
    }
    for name, content in (('vocab.json', vocab), ('tokenizer_config.json', config)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False) + '\n', 'utf-8')


def build_clip_tokenizer(folder: Path) -> CLIPTokenizer:
    """Build CLIP's tokenizer with ShapeScenes' vocabulary.

    Args:
        folder (Path): Receives the tokenizer's files.
    """
    vocab, merges = build_vocabulary(shapescenes_words())
    write_folder(folder, lambda new: write_tokenizer(new, vocab, merges))
    return CLIPTokenizer.from_pretrained(folder)
