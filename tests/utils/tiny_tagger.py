"""A perceptron tagger in the files that NLTK's own comes in."""

import json
import random
from pathlib import Path

# Word and tag, in sentences. Repeated, so that each word gets its tag whatever stands around it.
SENTENCES = (
    'a/DT black/JJ cat/NN sits/VBZ on/IN the/DT dogs/NNS ./.',
    'Paris/NNP is/VBZ white/JJ ,/, and/CC sleeps/VBZ ;/: it/PRP barks/VBZ !/. T-shirt/NN',
)
REPEATS = 25


def write_tagger(root: Path) -> Path:
    """Train a tagger on :data:`SENTENCES`.

    Args:
        root: Where to write ``taggers/averaged_perceptron_tagger_eng``.

    Returns:
        Path: ``root``, for ``NLTK_DATA`` or ``nltk.data.path``.
    """
    from nltk.tag import PerceptronTagger

    state = random.getstate()
    random.seed(0)
    tagger = PerceptronTagger(load=False)
    tagger.train([[tuple(w.split('/')) for w in s.split()] for s in SENTENCES] * REPEATS)
    random.setstate(state)
    folder = root / 'taggers' / 'averaged_perceptron_tagger_eng'
    folder.mkdir(parents=True)
    for name, content in zip(('weights', 'tagdict', 'classes'), tagger.encode_json_obj()):
        (folder / f'{folder.name}.{name}.json').write_text(json.dumps(content))
    return root
