"""The captioner: an image-to-text model of ShapeScenes, and how it is trained and tested."""

from .captioner_card import write_captioner_card
from .captioner_training import CaptionerSettings, train_captioner
from .name_scores import captioner_scores, score_captions, true_scores
from .wording import LONG_MIN_NEW_TOKENS

__all__ = [
    'LONG_MIN_NEW_TOKENS',
    'CaptionerSettings',
    'captioner_scores',
    'score_captions',
    'train_captioner',
    'true_scores',
    'write_captioner_card',
]
