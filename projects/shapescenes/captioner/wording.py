"""Training texts of the captioner, and its tokenizer.

BLIP-2 writes longer captions if ``min_new_tokens`` forbids the end of a short one. The captioner
imitates this. A training text is a short caption, then either the end of the text or :data:`MORE`
and the long caption. The end is much more likely, so captions are short by default. If
``min_new_tokens`` forbids it, :data:`MORE` and the long caption follow, and the decoder of the
tokenizer removes everything before the long caption. All short captions have fewer than
:data:`LONG_MIN_NEW_TOKENS` tokens, so this value of ``min_new_tokens`` gives the long caption.
"""

from collections.abc import Sequence

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast

from projects.shapescenes.generator import Scene, scene_captions
from projects.shapescenes.tinysd.clip_tokenizer import shapescenes_words

LONG_MIN_NEW_TOKENS = 20
"""``min_new_tokens`` that gives the long caption."""

MAX_NEW_TOKENS = 77
"""Largest number of tokens of a text, its end included."""

MORE = '<more>'
"""Separator of a short caption and the long one."""

BOS, EOS, PAD, UNKNOWN = '<s>', '</s>', '<pad>', '<unk>'
IGNORED = -100
"""Label that the loss ignores."""


def build_word_tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer with one token per word of ShapeScenes' captions, and per comma.

    Decoding removes everything up to :data:`MORE`, and the white space before a comma.
    """
    tokens = [PAD, BOS, EOS, UNKNOWN, MORE, ',', *shapescenes_words()]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(',', 'isolated')]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(cleanup=True),
            decoders.Fuse(),
            decoders.Replace(Regex(f'^.*{MORE} ?'), ''),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=MAX_NEW_TOKENS,
    )


class Wording:
    """Write training texts of scenes.

    Args:
        tokenizer (PreTrainedTokenizerFast): Result of :func:`build_word_tokenizer`.
        long_share (float): Share of the texts that have :data:`MORE` as the label at the end of
            the short caption, instead of the end of the text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, long_share: float = 0.1) -> None:
        self.tokenizer, self.long_share = tokenizer, long_share
        self._start, self._end, self._more = tokenizer.convert_tokens_to_ids([BOS, EOS, MORE])

    def batch(self, scenes: Sequence[Scene], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the texts of a batch; the loss covers both captions of each scene.

        Args:
            scenes (Sequence[Scene]): N scenes.
            generator (torch.Generator): Chooses the texts with :data:`MORE` as a label.

        Returns:
            dict[str, Tensor]: ``decoder_input_ids`` and ``labels`` of the tokens that follow, (N,
            L) int64.
        """
        is_long = (torch.rand(len(scenes), generator=generator) < self.long_share).tolist()
        texts = [self._text(scene, more) for scene, more in zip(scenes, is_long)]
        inputs, labels = ([torch.tensor(part) for part in parts] for parts in zip(*texts))
        return dict(
            # The loss ignores these positions. For <pad>, transformers would warn.
            decoder_input_ids=pad_sequence(inputs, True, self._end),
            labels=pad_sequence(labels, True, IGNORED),
        )

    def _text(self, scene: Scene, more: bool) -> tuple[list[int], list[int]]:
        long, short = self.tokenizer(scene_captions(scene), add_special_tokens=False).input_ids
        inputs = [self._start, *short, self._more, *long]
        return inputs, [*short, self._more if more else self._end, *long, self._end]
