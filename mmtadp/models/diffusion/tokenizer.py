"""CLIP's tokenizer without a download."""

from transformers import CLIPTokenizer

MAX_LENGTH = 77


def clip_tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer, built from the byte-pair merges that mmseg ships.

    A single-file Stable Diffusion checkpoint holds no tokenizer. mmseg's own CLIP tokenizer
    reads ``bpe_simple_vocab_16e6.txt.gz``; its vocabulary gives the same ids as the tokenizer
    of ``openai/clip-vit-large-patch14``.

    Returns:
        CLIPTokenizer: 49,408 tokens, padded with ``<|endoftext|>``, at most 77 per text.
    """
    from mmseg.utils.tokenizer import SimpleTokenizer

    source = SimpleTokenizer(special_tokens=None)
    # mmseg names the two special tokens differently; ids and order are the same.
    renamed = {'<start_of_text>': '<|startoftext|>', '<end_of_text>': '<|endoftext|>'}
    vocab = {renamed.get(token, token): index for token, index in source.encoder.items()}
    merges = sorted(source.bpe_ranks, key=source.bpe_ranks.get)
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=MAX_LENGTH)
