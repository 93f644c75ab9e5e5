import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from mmtadp.captioning import Captioner, CaptioningSummary, Decoding
from mmtadp.captions import CaptionStore
from mmtadp.captions.merge import merge_files
from mmtadp.captions.write import ResultFiles
from mmtadp.utils.errors import RunError
from mmtadp.utils.image_files import open_rgb
from tests.utils.captioning_runs import (
    captions_of,
    change_logits,
    change_models,
    names_beside,
    run,
    spy_on_batches,
)
from tests.utils.tiny_captioner import END, UNKNOWN


def test_captions_of_a_folder(task, photos):
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=11)
    assert names_beside(task) == ['captions.json', 'captions.provenance.json']
    captions, store = captions_of(task), CaptionStore([task.out])
    assert list(captions) == sorted(captions) and len(captions) == 11
    for key, caption in captions.items():
        assert store.find(str(photos / key)) == [caption]
    # The last image of the last batch, which is not full: its caption is whole.
    captioner = Captioner.load(task.model, task.decoding)
    image = captioner.inputs.prepare(open_rgb(str(photos / 'night/009.png')))
    assert list(captions.items())[-1] == ('night/009.png', captioner.caption([image])[0])


def test_one_entry_a_line_and_json_all_the_same(task):
    run(task)
    lines = Path(task.out).read_text().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ('{', '}', 13)
    assert json.loads('{' + lines[1].rstrip(',') + '}')


def test_provenance(task):
    run(replace(task, key='stem', decoding=Decoding(2, 8, 3)))
    provenance = json.loads(ResultFiles(task.out).provenance.read_text())
    assert provenance['settings'] == dict(
        model=os.path.relpath(task.model, Path(task.out).parent),
        revision=None,
        prompt=None,
        min_new_tokens=2,
        max_new_tokens=8,
        num_beams=3,
        dtype='fp32',
        input=os.path.relpath(task.source, Path(task.out).parent),
        root=None,
        key='stem',
        part=None,
    )
    assert provenance['versions']['torch'] == torch.__version__
    assert {'mmtadp', 'transformers', 'tokenizers', 'pillow'} <= provenance['versions'].keys()
    assert (provenance['images'], provenance['captions'], provenance['batch_size']) == (11, 11, 4)
    assert provenance['date'].startswith('20') and len(provenance['sha256']) == 64


def test_workers_change_nothing(task):
    run(task)
    ahead = replace(task, out=task.out.replace('captions', 'ahead'), workers=2)
    run(ahead)
    assert Path(ahead.out).read_bytes() == Path(task.out).read_bytes()


def test_broken_and_huge_images_are_listed(task, photos, tmp_path, capsys):
    folder = shutil.copytree(photos, tmp_path / 'images')
    (folder / 'day/001.png').write_bytes(b'no image')
    (folder / 'night/000.jpg').write_bytes((folder / 'night/000.jpg').read_bytes()[:300])
    Image.new('RGB', (100, 100)).save(folder / 'day/huge.png')
    task = replace(task, source=str(folder), max_pixels=9999)
    assert run(task) == CaptioningSummary(captions=9, skipped=3, new=12)
    said = capsys.readouterr().err
    lines = ResultFiles(task.out).skipped.read_text().splitlines()
    skipped = dict(line.split('\t') for line in lines)
    names = ['day/001.png', 'day/huge.png', 'night/000.jpg']
    assert list(skipped) == [str(folder / name) for name in names]
    assert skipped[str(folder / names[1])].startswith('100 x 100 is 10,000 pixels, more than')
    assert all(f'skipped {path}: {reason}' in said for path, reason in skipped.items())
    assert len(captions_of(task)) == 9 and not captions_of(task).keys() & set(names)


def test_the_list_of_skipped_images_can_be_captioned(task, photos, tmp_path):
    folder = shutil.copytree(photos, tmp_path / 'images')
    whole = (folder / 'day/001.png').read_bytes()
    (folder / 'day/001.png').write_bytes(b'no image')
    task = replace(task, source=str(folder))
    run(task)
    (folder / 'day/001.png').write_bytes(whole)
    listed = str(ResultFiles(task.out).skipped)
    rest = replace(task, source=listed, root=str(folder), out=str(tmp_path / 'rest.json'))
    run(rest)
    assert list(captions_of(rest)) == ['day/001.png']
    # And so can the folder: only that image is new, and the list goes.
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=1)
    assert not ResultFiles(task.out).skipped.exists()


def test_nothing_but_broken_images(task, tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images/a.png').write_bytes(b'no image')
    with pytest.raises(RunError, match=r'none of 1 images has a caption.*a\.png: not an image'):
        run(replace(task, source=str(tmp_path / 'images')))
    assert names_beside(task) == ['images']


def test_an_empty_caption_is_tried_again(task, monkeypatch):
    change_logits(monkeypatch, lambda logits: logits[..., END].add_(1000))
    batches = spy_on_batches(monkeypatch)
    assert run(task) == CaptioningSummary(captions=11, skipped=0, new=11)
    other = Decoding(5, 8, 5)
    assert batches == [(4, None), (4, other), (4, None), (4, other), (3, None), (3, other)]
    assert all(0 < len(caption.split()) <= 5 for caption in captions_of(task).values())


def test_a_caption_that_stays_empty_is_listed(task, monkeypatch):
    def say_nothing(logits):
        # The first image of each batch, and all beams of the second try.
        rows = logits if len(logits) == 5 else logits[:1]
        rows[..., UNKNOWN] += 1000

    change_logits(monkeypatch, say_nothing)
    batches = spy_on_batches(monkeypatch)
    assert run(task) == CaptioningSummary(captions=8, skipped=3, new=11)
    assert [size for size, _ in batches] == [4, 1, 4, 1, 3, 1]
    lines = ResultFiles(task.out).skipped.read_text().splitlines()
    assert [line.split('\t')[1] for line in lines] == ['the caption is empty'] * 3
    CaptionStore.load(task.out)


def test_out_of_memory_in_the_model(task, monkeypatch):
    run(task)
    sizes = []

    def allocate(module, args, kwargs):
        sizes.append(len(args[0]))
        if len(args[0]) > 3:
            raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')

    change_models(
        monkeypatch,
        lambda captioner: captioner.model.vision_model.register_forward_pre_hook(
            allocate, with_kwargs=True
        ),
    )
    small = replace(task, batch_size=8, out=task.out.replace('captions', 'small'))
    assert run(small) == CaptioningSummary(captions=11, skipped=0, new=11)
    # Eight, four, then two at a time; of the second batch's three, two and one.
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    assert Path(small.out).read_bytes() == Path(task.out).read_bytes()
    assert json.loads(ResultFiles(small.out).provenance.read_text())['batch_size'] == 2


def test_parts_make_the_whole(task, tmp_path):
    run(task)
    parts = [replace(task, out=str(tmp_path / f'part{i}.json'), part=(i, 2)) for i in range(2)]
    assert [run(part).captions for part in parts] == [7, 4]
    merge_files([part.out for part in parts], str(tmp_path / 'merged.json'))
    assert (tmp_path / 'merged.json').read_bytes() == Path(task.out).read_bytes()
    with pytest.raises(RunError, match='expected 0 <= index < count'):
        run(replace(task, part=(2, 2), out=str(tmp_path / 'x.json')))
    with pytest.raises(RunError, match='fewer batches than parts'):
        run(replace(task, part=(3, 4), out=str(tmp_path / 'x.json')))


def test_name_of_the_result(task):
    with pytest.raises(RunError, match='captions.txt: .*json'):
        run(replace(task, out='captions.txt'))


def test_real_photographs(task, shared):
    task = replace(task, source=str(shared / 'camvid/images/validation'), batch_size=16)
    assert run(task) == CaptioningSummary(captions=26, skipped=0, new=26)
    assert len(set(captions_of(task).values())) > 3
    store = CaptionStore([task.out])
    assert store.find(str(shared / 'camvid/images/validation/0016E5_08103.png'))
