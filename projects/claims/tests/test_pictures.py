import cv2
import torch

from mmtadp.apis import init_model
from mmtadp.utils.launch import LAST_CHECKPOINT
from projects.claims.report.pictures import draw_pictures
from projects.claims.runs.configuration import folder_of, runner_config
from projects.claims.runs.run_plan import PROMPTS, Run


def test_pictures(settings, tmp_path):
    out = tmp_path / 'pictures.png'
    assert not draw_pictures(settings, out) and not out.exists()
    for config in PROMPTS:
        run = Run(config, 0)
        model = init_model(runner_config(run, settings))
        folder = folder_of(run, settings)
        folder.mkdir(parents=True)
        torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'iter_2.pth')
        (folder / LAST_CHECKPOINT).write_text('iter_2.pth')
    assert draw_pictures(settings, out)
    picture = cv2.imread(str(out))
    # Image, ground truth, a prediction for each prompt, and two maps for those that have words.
    assert picture.shape[1] == round(9 * 135) and picture.std() > 30
