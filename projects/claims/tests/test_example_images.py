from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes

from mmtadp.apis import init_model
from mmtadp.utils.launch import LAST_CHECKPOINT
from projects.claims.report.example_images import draw_examples
from projects.claims.runs.configuration import folder_of, runner_config
from projects.claims.runs.run_plan import PROMPTS, Run


def test_example_images(settings, tmp_path, monkeypatch):
    panels, imshow = [], Axes.imshow

    def record(axes, panel, **options):
        panels.append(panel)
        return imshow(axes, panel, **options)

    monkeypatch.setattr(Axes, 'imshow', record)
    out = tmp_path / 'examples.png'
    assert not draw_examples(settings, out) and not out.exists()
    for config in PROMPTS:
        run = Run(config, 0)
        model = init_model(runner_config(run, settings))
        folder = folder_of(run, settings)
        folder.mkdir(parents=True)
        torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'iter_2.pth')
        (folder / LAST_CHECKPOINT).write_text('iter_2.pth')
    assert draw_examples(settings, out)
    # Image, ground truth, a prediction for each prompt, and two maps for those that have words.
    assert cv2.imread(str(out)).shape[1] == round(9 * 135)
    day = Path(settings.data) / 'day'
    image = cv2.imread(str(day / 'images' / 'validation' / 'validation_000000.png'))
    assert np.array_equal(panels[0], image[..., ::-1])
    truth = cv2.imread(str(day / 'annotations/validation/validation_000000.png'), -1)
    assert len(np.unique(panels[1].reshape(-1, 3), axis=0)) == len(np.unique(truth))
