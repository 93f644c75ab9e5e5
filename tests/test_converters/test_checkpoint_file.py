import os

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.converters import read_checkpoint
from mmtadp.utils.tensor_files import TensorFileError

WEIGHTS = {'a.weight': torch.ones(2), 'b.bias': torch.zeros(3)}


@pytest.mark.parametrize(
    ('content', 'wrappers', 'beside'),
    [
        (WEIGHTS, [], {}),
        # Lightning
        (
            dict(
                state_dict=WEIGHTS,
                hyper_parameters=dict(lr=1e-5),
                optimizer_states=[dict(state={0: dict(exp_avg=torch.ones(2))})],
                epoch=3,
            ),
            ['state_dict'],
            {'optimizer_states': 1},
        ),
        # mmcv
        (
            dict(
                meta=dict(config='model = dict()', CLASSES=('a', 'b')),
                state_dict=WEIGHTS,
                optimizer=dict(state={0: dict(exp_avg=torch.ones(2), step=torch.ones(()))}),
            ),
            ['state_dict'],
            {'optimizer': 2},
        ),
        # The depth models, from a distributed run
        (
            dict(model={f'module.{k}': v for k, v in WEIGHTS.items()}, optimizer={}),
            ['model', 'module.'],
            {},
        ),
    ],
)
def test_wrappers_are_taken_off(tmp_path, content, wrappers, beside):
    torch.save(content, tmp_path / 'x.pth')
    file = read_checkpoint(tmp_path / 'x.pth')
    assert file.wrappers == wrappers and file.other_entries == beside
    assert file.tensors.keys() == WEIGHTS.keys()
    assert all(torch.equal(file.tensors[key], WEIGHTS[key]) for key in WEIGHTS)
    assert file.meta == content.get('meta', {})


def test_safetensors(tmp_path):
    save_file(WEIGHTS, tmp_path / 'x.safetensors')
    assert read_checkpoint(tmp_path / 'x.safetensors').tensors.keys() == WEIGHTS.keys()


class Payload:
    """What an attacker would put in a checkpoint."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize('zipped', [True, False])
def test_code_is_refused_with_its_name(tmp_path, zipped):
    content = dict(state_dict=WEIGHTS, callbacks=Payload(tmp_path / 'executed'))
    torch.save(content, tmp_path / 'x.ckpt', _use_new_zipfile_serialization=zipped)
    with pytest.raises(TensorFileError, match=r'posix.mkdir.*--allow'):
        read_checkpoint(tmp_path / 'x.ckpt')
    assert not (tmp_path / 'executed').exists()
    file = read_checkpoint(tmp_path / 'x.ckpt', allow_pickle=True)
    assert (tmp_path / 'executed').exists()
    assert file.tensors.keys() == WEIGHTS.keys()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({}, 'holds nothing'),
        ([torch.ones(1)], 'holds a list'),
        ({'b': 'text', 'c': 3}, "entry 'b' is a str"),
    ],
)
def test_no_weights(tmp_path, content, message):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(TensorFileError, match=message):
        read_checkpoint(tmp_path / 'x.pth')


@pytest.mark.parametrize('name', ['x.pth', 'x.safetensors'])
def test_half_a_file(tmp_path, name):
    if name.endswith('pth'):
        torch.save(WEIGHTS, tmp_path / name)
    else:
        save_file(WEIGHTS, tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-30])
    with pytest.raises(TensorFileError, match='is truncated'):
        read_checkpoint(tmp_path / name)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='looked at'):
        read_checkpoint(tmp_path / 'x.pth')
