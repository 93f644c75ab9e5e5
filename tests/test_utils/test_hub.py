"""Models of the hub, from a server on this machine."""

import hashlib
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest

from mmtadp.captioning import Captioner
from mmtadp.models.diffusion import load_diffusion_model, no_pretrained_weights
from mmtadp.utils.errors import RunError
from mmtadp.utils.hub import model_files, similar_paths
from mmtadp.utils.model_folders import choose_weights
from tests.utils.tiny_captioner import save_blip2

COMMIT = 'a' * 40
MODEL = 'org/tiny'


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Serve a folder as the repository :data:`MODEL`; yield the folder and what was asked for."""
    folder, asked = tmp_path / 'repository', []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(True)

        def do_HEAD(self):
            self.answer(False)

        def answer(self, with_body):
            path = self.path.partition('?')[0]
            names = [p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()]
            if path.startswith(f'/api/models/{MODEL}/tree/'):
                content = [
                    dict(type='file', path=name, size=(folder / name).stat().st_size, oid='0')
                    for name in names
                ]
            elif path.startswith(f'/api/models/{MODEL}'):
                siblings = [dict(rfilename=name) for name in names]
                content = dict(id=MODEL, sha=COMMIT, siblings=siblings)
            elif path.startswith(f'/{MODEL}/resolve/{COMMIT}/'):
                name = path.removeprefix(f'/{MODEL}/resolve/{COMMIT}/')
                asked.append(name)
                content = (folder / name).read_bytes()
            else:
                self.send_error(404)
                return
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(body)))
            self.send_header('ETag', f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header('X-Repo-Commit', COMMIT)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)
    url = f'http://127.0.0.1:{server.server_port}'
    monkeypatch.setattr(constants, 'ENDPOINT', url)
    template = f'{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}'
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', template)
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'cache'))
    yield folder, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pipeline_of_the_hub(hub, tinysd, monkeypatch):
    folder, asked = hub
    shutil.copytree(tinysd, folder)
    for name in ('diffusion_pytorch_model.bin', 'diffusion_pytorch_model.fp16.safetensors'):
        (folder / 'unet' / name).write_bytes(b'not to be fetched')
    with no_pretrained_weights():
        load_diffusion_model(MODEL)
    assert not any(name.endswith('.safetensors') for name in asked)
    model = load_diffusion_model(MODEL)
    assert len(model.tokenizer) == 909
    assert not {name for name in asked if name.endswith(('.bin', '.fp16.safetensors', '.png'))}
    asked.clear()
    # From the cache.
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    load_diffusion_model(MODEL)
    assert not asked


def test_a_captioner_of_the_hub(hub):
    folder, asked = hub
    save_blip2(folder)
    (folder / 'pytorch_model.bin').write_bytes(b'not to be fetched')
    assert Captioner.load(MODEL).commit == COMMIT
    assert 'model.safetensors' in asked and 'pytorch_model.bin' not in asked


def test_a_repository_without_the_model(hub):
    hub[0].mkdir()
    with pytest.raises(RunError, match='has no unet/config.json, and holds nothing'):
        load_diffusion_model(MODEL)
    with pytest.raises(ConnectionError, match="pretrained='org/other' is not a local.*404"):
        load_diffusion_model('org/other')


STEM = 'diffusion_pytorch_model'
SHARDS = [f'{STEM}-0000{i}-of-00002.safetensors' for i in (1, 2)]
CASES = [
    ([f'{STEM}.safetensors', f'{STEM}.bin', f'{STEM}.fp16.safetensors'], f'{STEM}.safetensors'),
    ([f'{STEM}.bin', f'{STEM}.fp16.safetensors'], f'{STEM}.bin'),
    ([f'{STEM}.fp16.bin', f'{STEM}.fp16.safetensors'], f'{STEM}.fp16.safetensors'),
    ([f'{STEM}.non_ema.safetensors', f'{STEM}.bf16.safetensors'], f'{STEM}.bf16.safetensors'),
    (['model.safetensors', 'pytorch_model.bin'], 'model.safetensors'),
    (['model.onnx', 'flax_model.msgpack', 'model.ckpt'], None),
]


@pytest.mark.parametrize(('names', 'expected'), CASES)
def test_the_file_that_is_read(names, expected):
    found = choose_weights(names)
    assert (found and found.names[0]) == expected


@pytest.mark.parametrize('variant', ['', '.fp16'])
def test_shards(variant):
    index = f'{STEM}.safetensors.index{variant}.json'
    shards = [f'{STEM}{variant}-0000{i}-of-00002.safetensors' for i in (1, 2)]
    others = ['config.json', f'{STEM}-00001-of-00002.bin', *(SHARDS if variant else [])]
    found = choose_weights([*others, index, *shards])
    assert found.names == tuple(shards) and found.index == index
    assert found.variant == (variant[1:] or None)
    files = model_files([f'unet/{name}' for name in (*others, index, *shards)], 'unet')
    assert files == [f'unet/{name}' for name in ('config.json', *shards, index)]


def test_similar_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'sd' / 'night').mkdir(parents=True)
    assert similar_paths('sd/nights') == ' Similar names: sd/night.'
    assert similar_paths('gone/nights') == '' and similar_paths('else') == ''
