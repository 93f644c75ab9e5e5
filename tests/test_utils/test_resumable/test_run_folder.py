import json

import pytest
import torch

from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import RunFolder


def test_a_run_is_continued(tmp_path):
    folder = RunFolder(str(tmp_path), dict(seed=1, sizes=(2, 3)), overwrite=False)
    assert folder.load() is None and folder.log() == []
    folder.start(0)
    for step in (1, 2, 3):
        folder.append(step=step, loss=0.5)
    folder.save(dict(step=2, weights=torch.ones(3)))
    with (tmp_path / 'log.jsonl').open('a') as file:
        file.write('{"step": 4, "lo')  # what a kill leaves behind

    again = RunFolder(str(tmp_path), dict(seed=1, sizes=(2, 3)), overwrite=False)
    state = again.load()
    assert state['step'] == 2 and state['weights'].tolist() == [1, 1, 1]
    again.start(state['step'])
    assert [line['step'] for line in again.log()] == [1, 2]
    assert json.loads((tmp_path / 'settings.json').read_text()) == dict(seed=1, sizes=[2, 3])


def test_another_run_is_not_continued(tmp_path):
    folder = RunFolder(str(tmp_path), dict(seed=1), overwrite=False)
    folder.start(0)
    folder.save(dict(step=2))
    with pytest.raises(RunError, match=r'settings\.json .* seed was 1 and is 2.* --overwrite'):
        RunFolder(str(tmp_path), dict(seed=2), overwrite=False)
    assert RunFolder(str(tmp_path), dict(seed=2), overwrite=True).load() is None


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'out').touch()
    with pytest.raises(RunError, match='out is a file; name a folder'):
        RunFolder(str(tmp_path / 'out'), {}, overwrite=False)
