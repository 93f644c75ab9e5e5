import json
import multiprocessing

import pytest
import torch

from mmtadp.utils.errors import RunError
from mmtadp.utils.resumable import RunFolder


def test_a_run_is_continued(tmp_path):
    settings = dict(seed=1, sizes=(2, 3))
    with RunFolder(str(tmp_path), settings, overwrite=False) as folder:
        assert folder.load() is None and folder.log() == []
        folder.start(0)
        for step in (1, 2, 3):
            folder.append(step=step, loss=0.5)
        folder.save(dict(step=2, weights=torch.ones(3)))
    with (tmp_path / 'log.jsonl').open('a') as file:
        file.write('{"step": 4, "lo')  # what a kill leaves behind
    (tmp_path / '.checkpoint.0123abcd.pt').touch()

    with RunFolder(str(tmp_path), settings, overwrite=False) as again:
        state = again.load(['weights'])
        assert state['step'] == 2 and state['weights'].tolist() == [1, 1, 1]
        again.start(state['step'])
        assert [line['step'] for line in again.log()] == [1, 2]
    assert json.loads((tmp_path / 'settings.json').read_text()) == dict(seed=1, sizes=[2, 3])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {'checkpoint.pt', 'settings.json', 'log.jsonl', '.lock'}


@pytest.fixture
def done(tmp_path):
    """Return the folder of a run of two steps."""
    with RunFolder(str(tmp_path), dict(seed=1), overwrite=False) as folder:
        folder.start(0)
        folder.append(step=2, loss=0.5)
        folder.save(dict(step=2))
    return tmp_path


def test_another_run_is_not_continued(done):
    pattern = r'settings\.json .* seed was 1 and is 2.* --overwrite'
    with (
        pytest.raises(RunError, match=pattern),
        RunFolder(str(done), dict(seed=2), overwrite=False),
    ):
        pass
    with RunFolder(str(done), dict(seed=2), overwrite=True) as folder:
        assert folder.load() is None


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'out').touch()
    with (
        pytest.raises(RunError, match='out is a file; name a folder'),
        RunFolder(str(tmp_path / 'out'), {}, overwrite=False),
    ):
        pass


@pytest.mark.parametrize(
    ('name', 'content', 'found'),
    [
        ('settings.json', None, 'is missing'),
        ('settings.json', '{"seed": 1', 'is damaged: not JSON'),
        ('settings.json', b'\xff', 'it is not UTF-8'),
        ('settings.json', '[]', 'it holds a list, not an object'),
        ('log.jsonl', '{"loss": 0.5}\n', "line 1 is damaged: it has no entry 'step'"),
        ('log.jsonl', '{"step": "2"}\n', "'step' is '2', not a whole number"),
        ('log.jsonl', '3\n', 'it holds a int'),
        ('checkpoint.pt', dict(step=2), "has no entry 'weights'"),
        ('checkpoint.pt', [2], 'it holds a list'),
        ('checkpoint.pt', b'', 'checkpoint.pt'),
    ],
)
def test_damaged_files_name_themselves_and_the_way_out(done, name, content, found):
    path = done / name
    path.unlink()
    if isinstance(content, (str, bytes)):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(RunError) as error:  # noqa: SIM117
        with RunFolder(str(done), dict(seed=1), overwrite=False) as folder:
            folder.load(['weights'] if name == 'checkpoint.pt' else [])
            folder.start(2)
    for part in (str(path), found, '--overwrite'):
        assert part in str(error.value)


def test_state_that_does_not_fit_names_the_checkpoint(done):
    folder = RunFolder(str(done), dict(seed=1), overwrite=False)
    pattern = r'checkpoint\.pt does not fit .*lacks weight.*--overwrite'
    with pytest.raises(RunError, match=pattern), folder.restoring():
        raise KeyError('lacks weight')


def _second_run(out, overwrite, pipe):
    try:
        with RunFolder(out, dict(seed=1), overwrite):
            pipe.send('entered')
    except RunError as error:
        pipe.send(str(error))


@pytest.mark.parametrize('overwrite', [False, True])
def test_a_second_run_is_refused_and_changes_nothing(done, overwrite):
    context = multiprocessing.get_context('fork')
    pipe, other = context.Pipe()

    def second():
        process = context.Process(target=_second_run, args=(str(done), overwrite, other))
        process.start()
        assert pipe.poll(60)
        process.join()
        return pipe.recv()

    with RunFolder(str(done), dict(seed=1), overwrite=False) as folder:
        assert f'another process is at work in {done}' in second()
        assert folder.load() == dict(step=2)
    assert second() == 'entered'
