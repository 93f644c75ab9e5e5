"""A real OpenAI-compatible server on this machine: `transformers serve` with a tiny model."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ANSWER = ['{', '"1"', ':', '"a', 'dog"', '}']
_LOOP, _START, _END, _UNKNOWN = '<loop>', '<start>', '</s>', '<unk>'
_VOCABULARY = [_UNKNOWN, _END, _START, _LOOP, *ANSWER]
# A prompt with the word "forever" is answered until the longest length.
_TEMPLATE = (
    '{% for message in messages %}{{ message.content }} {% endfor %}'
    "{% if 'forever' in messages[-1].content %}" + _LOOP + '{% else %}' + _START + '{% endif %}'
)
_PATIENCE = 120  # seconds


def save_chat_model(folder: Path) -> Path:
    """Save a model whose answer is ``{ "1" : "a dog" }`` to any prompt.

    Each token determines the next: the layers add nothing to the embedding, which has a dimension
    per token.
    """
    size = len(_VOCABULARY)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8192,
        bos_token_id=None,
        eos_token_id=_VOCABULARY.index(_END),
        pad_token_id=_VOCABULARY.index(_END),
    )
    model = LlamaForCausalLM(config)
    chain = [_START, *ANSWER, _END]
    following = dict(zip(chain, chain[1:], strict=False)) | {_LOOP: _LOOP}
    with torch.no_grad():
        for parameter in (model.model.layers[0].self_attn.o_proj.weight, model.lm_head.weight):
            parameter.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size, config.hidden_size))
        for token, after in following.items():
            model.lm_head.weight[_VOCABULARY.index(after), _VOCABULARY.index(token)] = 9
    model.save_pretrained(folder)
    tokenizer = Tokenizer(
        models.WordLevel({token: i for i, token in enumerate(_VOCABULARY)}, unk_token=_UNKNOWN)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_END,
        pad_token=_END,
        unk_token=_UNKNOWN,
        chat_template=_TEMPLATE,
    ).save_pretrained(folder)
    return folder


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the model of a folder; yield the base of the URL, without /chat/completions."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    main = 'from transformers.cli.transformers import main; main()'
    options = ['--host', '127.0.0.1', '--port', str(port), '--device', 'cpu']
    log = folder.with_suffix('.log')
    with log.open('w') as output:
        process = subprocess.Popen(
            [sys.executable, '-c', main, 'serve', str(folder), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, HF_HUB_OFFLINE='1', OMP_NUM_THREADS='1'),
        )
    try:
        _wait(process, f'http://127.0.0.1:{port}/health', log)
        yield f'http://127.0.0.1:{port}/v1'
    finally:
        process.kill()  # It would first wait for the end of its answers.
        process.wait()


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            opener.open(url, timeout=5).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
