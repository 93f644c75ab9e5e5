import logging
import warnings
from pathlib import Path

import mmengine.logging
import pytest
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn

from mmtadp.utils.quiet import QuietRunner, silence_harmless_warnings


@pytest.fixture(autouse=True)
def put_print_log_back(monkeypatch):
    monkeypatch.setattr(mmengine.logging, 'print_log', mmengine.logging.print_log)


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        return self.layer(inputs)


def test_the_config_is_in_the_log_file_only(tmp_path, capfd):
    config = Config(dict(answer=42))
    runner = QuietRunner(Line(), str(tmp_path), cfg=config, experiment_name='quiet')
    runner.logger.warning('a real warning')
    runner.logger.warning('"FileClient" will be deprecated in future.')
    shown = ''.join(capfd.readouterr())
    (log,) = tmp_path.rglob('*.log')
    kept = Path(log).read_text()
    for text in ('Config:', 'answer', 'Hooks will be executed', '"FileClient" will be deprecated'):
        assert text in kept and text not in shown
    for text in ('System environment', 'a real warning'):
        assert text in kept and text in shown


def test_only_the_listed_warnings_are_silent(capsys):
    messages = [
        'faster_coco_eval is not installed, metrics will not be computed.',
        'The draw is False, it means that the hook for visualization will not take effect.',
        'Default ``avg_non_ignore`` is False, if you would like to',
        'This DataLoader will create 4 worker processes in total. Our suggested max is 2',
        'the loss is not finite',
        'a real one: The draw is False',
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        silence_harmless_warnings()
        silence_harmless_warnings()
        for message in messages:
            warnings.warn(message, UserWarning)  # noqa: B028
        warnings.warn(messages[1], RuntimeWarning)  # noqa: B028
    assert [str(w.message) for w in caught] == [*messages[-2:], messages[1]]

    mmengine.logging.print_log('Could not import OneDL', level=logging.DEBUG)
    mmengine.logging.print_log('Could not import OneDL. Skipping.', logger=None)
    mmengine.logging.print_log('Could not import anything', level=logging.DEBUG)
    assert capsys.readouterr().out == 'Could not import anything\n'
