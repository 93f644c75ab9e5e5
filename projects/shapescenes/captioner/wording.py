"""What the captioner says: a short caption, and when that may not be the end, a long one.

BLIP-2 gives longer captions where ``min_new_tokens`` forbids the end of a short one. Here a text
is a short caption and either its end or :data:`MORE` with the long caption behind. The end is much
the likelier, so captions are short; where it is forbidden :data:`MORE` follows, and the
tokenizer's decoder leaves out what stands in front of it. No short caption has
:data:`LONG_MIN_NEW_TOKENS` tokens, so that many new tokens are what asks for the long one.
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
"""Tokens that a text has at most, its end included."""

MORE = '<more>'
"""What stands between a short caption and the long one."""

BOS, EOS, PAD, UNKNOWN = '<s>', '</s>', '<pad>', '<unk>'
IGNORED = -100
"""Label of what is not learned."""


def build_word_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word that a caption of ShapeScenes can hold, and per comma.

    Decoding leaves out what stands in front of :data:`MORE`, and the white space in front of a
    comma.
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
    """Makes training texts of scenes.

    Args:
        tokenizer (PreTrainedTokenizerFast): As :func:`build_word_tokenizer` makes it.
        long_share (float): How often :data:`MORE` is learned at the end of a short caption
            instead of the end of the text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, long_share: float = 0.1) -> None:
        self.tokenizer, self.long_share = tokenizer, long_share
        self._start, self._end, self._more = tokenizer.convert_tokens_to_ids([BOS, EOS, MORE])

    def batch(self, scenes: Sequence[Scene], generator: torch.Generator) -> dict[str, Tensor]:
        """Texts of a batch, in which both captions of each scene are learned.

        Args:
            scenes (Sequence[Scene]): N scenes.
            generator (torch.Generator): RandomStream where :data:`MORE` is learned.

        Returns:
            dict[str, Tensor]: ``decoder_input_ids`` and ``labels`` of the tokens that follow, (N,
            L) int64.
        """
        is_long = (torch.rand(len(scenes), generator=generator) < self.long_share).tolist()
        texts = [self._text(scene, more) for scene, more in zip(scenes, is_long)]
        inputs, labels = ([torch.tensor(part) for part in parts] for parts in zip(*texts))
        return dict(
            # Any word will do behind the last one; of <pad>, transformers warns.
            decoder_input_ids=pad_sequence(inputs, True, self._end),
            labels=pad_sequence(labels, True, IGNORED),
        )

    def _text(self, scene: Scene, more: bool) -> tuple[list[int], list[int]]:
        long, short = self.tokenizer(scene_captions(scene), add_special_tokens=False).input_ids
        inputs = [self._start, *short, self._more, *long]
        return inputs, [*short, self._more if more else self._end, *long, self._end]
