"""Stable Diffusion 1.5's own size. Takes 9 GB of memory, 8 GB of disk and two minutes on 2 cores.

Left out by default: `python -m pytest -m full_size`.
"""

import pytest
import torch
from safetensors.torch import save_file

from mmtadp.models import TADPUNetBackbone
from mmtadp.models.diffusion import load_diffusion_model
from tests.utils.compvis import compvis_state_dict
from tests.utils.seeded_weights import seeded_image
from tests.utils.tiny_model import save_pipeline

CAPTION = 'a cat on a mat next to a window'


def features(pretrained) -> list:
    backbone = TADPUNetBackbone(str(pretrained)).eval()
    backbone.set_prompts([CAPTION])
    with torch.no_grad():
        return list(backbone(seeded_image(1, 512)))


@pytest.mark.full_size
def test_folder_and_single_file_of_full_size_give_equal_features(tmp_path):
    torch.manual_seed(0)
    model = load_diffusion_model(None)
    save_pipeline(model, tmp_path / 'folder')
    state = {key: value.contiguous() for key, value in compvis_state_dict(model).items()}
    save_file(state, tmp_path / 'single.safetensors')
    del model, state
    from_folder = features(tmp_path / 'folder')
    from_file = features(tmp_path / 'single.safetensors')
    assert [tuple(f.shape) for f in from_folder] == [
        (1, 320, 64, 64),
        (1, 717, 32, 32),
        (1, 1357, 16, 16),
        (1, 1280, 8, 8),
    ]
    for one, other in zip(from_folder, from_file):
        assert one.std() > 0.01
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
