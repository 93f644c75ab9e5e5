"""A small vocabulary for CLIP's tokenizer: one token per word of ShapeScenes' captions.

Any other text falls apart into the bytes of its letters, as in CLIP's own vocabulary, so there
is no unknown token.
"""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from transformers.convert_slow_tokenizer import bytes_to_unicode

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

Merges = List[Tuple[str, str]]


def shapescenes_words() -> List[str]:
    """Every word that a caption or a class name of ShapeScenes can hold, and common ones.

    Returns:
        list[str]: Distinct lower-case words in alphabetical order.
    """
    phrases = [_COMMON_WORDS, *shapescenes.CLASSES, *shapescenes.COLOURS]
    phrases += [*shapescenes.TEXTURES, *shapescenes.SIZES, *shapescenes.DOMAINS]
    for setting in shapescenes.SETTINGS.values():
        phrases += [setting.ground_phrase, setting.backdrop_phrase]
    return sorted(set(re.findall('[a-z]+', ' '.join(phrases))))


def build_vocabulary(words: Iterable[str]) -> Tuple[Dict[str, int], Merges]:
    """Byte-pair merges that make one token of each word.

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
    """Byte-pair encoding, continued until each word is a single token.

    Merging to the end, and in the order in which the tokenizer will merge, is what guarantees
    the single token; merges of each word on its own would spoil one another.
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


def _merge(symbols: List[str], pair: Tuple[str, str]) -> List[str]:
    merged: List[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged


def write_tokenizer(folder: Path, vocab: Dict[str, int], merges: Merges) -> None:
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
