"""Files and folders of weights that cannot be read, in every reader."""

import io
import os
import pickle
import random
import zipfile

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from mmtadp.utils.tensor_files import (
    TensorFileError,
    check_finite,
    explain_unreadable,
    read_tensors,
    read_weights,
)

WEIGHTS = {'a.weight': torch.ones(50, 2), 'b.bias': torch.zeros(3)}


class Payload:
    """What an attacker would put in a file of weights."""

    def __reduce__(self):
        return (os.mkdir, ('executed',))


def saved(content, **kwargs) -> bytes:
    """Return what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **kwargs)
    return buffer.getvalue()


def legacy(content) -> bytes:
    return saved(content, _use_new_zipfile_serialization=False)


def zipped(**files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8)).save(buffer, kind)
    return buffer.getvalue()


POINTER = """version https://git-lfs.github.com/spec/v1
oid sha256:1d6e1f1c3a2b
size 3438167534
"""
# Name, content, and what the message must name.
FILES = [
    ('x.safetensors', b'', ['empty (0 bytes)', 'Download']),
    ('x.ckpt', b'', ['empty (0 bytes)']),
    ('x.safetensors', POINTER, ['Git LFS pointer', '3,438,167,534 bytes', 'git lfs pull']),
    ('x.ckpt', POINTER, ['Git LFS pointer']),
    ('x.ckpt', '<!DOCTYPE html>\n<html><head>', ['web page (HTML)', '/resolve/']),
    ('x.bin', '\n  <HTML lang="en">', ['web page (HTML)']),
    ('x.pth', '<?xml version="1.0"?><Error>AccessDenied', ['XML', 'AccessDenied']),
    ('x.pth', '{"error": "Repository not found"}', ['JSON', 'Repository not found']),
    ('x.ckpt', 'Entry not found', ["text, not weights: 'Entry not found'"]),
    ('x.ckpt', '\ufeffzugriff verweigert für'.encode('utf-16'), ['text', 'zugriff']),
    ('x.ckpt', picture('PNG'), ['PNG image']),
    ('x.safetensors', picture('JPEG'), ['JPEG image']),
    ('x.ckpt', picture('WEBP'), ['WebP image']),
    ('x.ckpt', b'\x1f\x8b\x08' + bytes(90), ['gzip archive', 'Unpack']),
    ('x.ckpt', b'Rar!\x1a\x07' + bytes(90), ['RAR archive', 'Unpack']),
    ('x.ckpt', b'\x89HDF\r\n\x1a\n' + bytes(90), ['HDF5']),
    ('x.pth', zipped(**{'unet/config.json': '{}'}), ['zip archive', 'unet/config.json']),
    ('x.pth', zipped(**{'x/data.pkl': '', 'x/constants.pkl': ''}), ['TorchScript']),
    ('x.ckpt', bytes(2000), ['512 zero bytes', 'not written to its end']),
    ('x.ckpt', b'\x7f\x01\x02\xfe' * 90, ['neither', 'Is it complete']),
    ('x.safetensors', save(WEIGHTS)[:-30], ['truncated: it has', 'Download']),
    ('x.safetensors', save(WEIGHTS)[:60], ['truncated: its header alone']),
    ('x.safetensors', save(WEIGHTS)[:5], ['truncated: it ends after 5 bytes']),
    ('x.safetensors', save(WEIGHTS) + b'\0' * 9, ['damaged']),
    ('x.safetensors', b'\x05' + bytes(7) + b'{"a":', ['damaged header']),
    ('x.ckpt', saved(WEIGHTS)[:-300], ['truncated']),
    ('x.ckpt', legacy(WEIGHTS)[:-30], ['damaged or incomplete']),
    ('x.ckpt', legacy(WEIGHTS)[:60], ['damaged or incomplete']),
    ('x.ckpt', saved(dict(a=Payload())), ['posix.mkdir', 'ADVICE; mmtadp never executes']),
    ('x.ckpt', legacy(dict(a=Payload())), ['posix.mkdir', 'ADVICE; mmtadp never executes']),
    ('x.safetensors', saved(dict(a=Payload())), ['posix.mkdir', 'ADVICE']),
    ('x.ckpt', pickle.dumps(Payload()), ['a pickle that holds posix.mkdir', 'torch.save']),
    ('x.ckpt', pickle.dumps(Payload(), 0), ['a pickle that holds posix.mkdir']),
    ('x.pkl', pickle.dumps({'a': [1, 2]}), ['is a pickle, not a file of torch.save']),
]


@pytest.mark.parametrize(('name', 'content', 'names'), FILES, ids=[f[2][0] for f in FILES])
def test_files_that_hold_no_tensors(call, small_file, monkeypatch, tmp_path, name, content, names):
    monkeypatch.chdir(tmp_path)
    path = small_file(name, content)
    outcome = call(lambda: read_tensors(path, 'unet', 'ADVICE'))
    outcome.check(2, [f"unet='{path}' ", *names])
    assert not (tmp_path / 'executed').exists()
    # As any other reader's error is explained.
    told = explain_unreadable(path, _error(path), 'ADVICE')
    assert outcome.message.endswith(told)


def _error(path):
    try:
        torch.load(path, weights_only=True)
    except Exception as error:
        return error


def test_a_place_that_is_not_a_file(call, tmp_path):
    call(lambda: read_weights(tmp_path / 'gone', 'source', '')).check(2, ['source', 'gone'])
    call(lambda: read_weights(tmp_path, 'source', '')).check(2, ['source is a folder'])
    os.mkfifo(tmp_path / 'pipe')
    call(lambda: read_weights(tmp_path / 'pipe', 'it', '')).check(2, ['is not a regular file'])
    assert 'does not exist' in explain_unreadable(tmp_path / 'gone', None)


@pytest.mark.parametrize('name', ['x.safetensors', 'x.ckpt', 'x.SAFETENSORS', 'x', 'x.model'])
@pytest.mark.parametrize('write', [save, saved, legacy])
def test_the_content_decides_not_the_suffix(small_file, name, write):
    tensors = read_tensors(small_file(name, write(WEIGHTS)), 'unet', '')
    assert tensors.keys() == WEIGHTS.keys()
    assert all(torch.equal(tensors[key], WEIGHTS[key]) for key in WEIGHTS)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite(call, dtype, value):
    tensors = dict(WEIGHTS, **{'c.weight': torch.tensor([1, value], dtype=dtype)})
    outcome = call(lambda: check_finite("unet='x'", tensors))
    outcome.check(2, ["unet='x': 1 of 3 tensors", "'c.weight'", 'NaN or infinity'])


def test_finite_weights_of_every_type_are_taken():
    dtypes = [torch.float8_e4m3fn, torch.float16, torch.bfloat16, torch.int64, torch.complex64]
    check_finite('it', {str(dtype): torch.ones(2).to(dtype) for dtype in dtypes})
    check_finite('it', {'meta': torch.empty(2, device='meta')})


def test_files_with_random_damage(small_file):
    """Each is read, or refused in one sentence."""
    random.seed(0)
    wholes = [save(WEIGHTS), saved(dict(state_dict=WEIGHTS, epoch=3)), legacy(WEIGHTS)]
    refused = 0
    for number in range(300):
        content = bytearray(random.choice(wholes))
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(content))
            if random.random() < 0.3:
                del content[place + 1 :]
            else:
                content[place] = random.randrange(256)
        path = small_file(f'{number}.ckpt', bytes(content))
        try:
            read_weights(path, str(path), 'ADVICE')
        except TensorFileError as error:
            refused += 1
            assert str(error).startswith(str(path)) and '\n' not in str(error)
            assert 'weights_only' not in str(error)
    assert refused > 200
