"""What becomes of each tensor; ``test_predictions.py`` has the numbers."""

from pathlib import Path

import pytest
import torch

from mmtadp.converters import CheckpointError
from mmtadp.converters.published import convert_published
from mmtadp.utils.tensor_files import WeightsFile
from tests.utils.published import published_layout, published_weights
from tests.utils.published_runs import small_config


def file_of(name, state=None, **kwargs):
    state = published_weights(published_layout(name)) if state is None else state
    return WeightsFile(Path('published.pth'), state, **kwargs)


class TestAccounting:
    def rows(self, rows):
        return {row.what: row.count for row in rows.values()}

    def test_segmentation(self, architecture):
        layout = published_layout('ade20k_captions')
        file = file_of('ade20k_captions', other_entries=dict(optimizer=12))
        report = convert_published(file, small_config('ade20k_captions', architecture)).report
        assert self.rows(report.taken) == {
            'U-Net': 682,
            "autoencoder's encoder": 106,
            'text encoder': 36,
            'neck': 16,
            'decode_head': 44,
        }
        assert self.rows(report.dropped) == {
            'output layers of the U-Net, which has no noise to predict': 4,
            'decoding half of the autoencoder': 2,
            'noise schedule': 12,
            'positions, which transformers counts itself': 1,
        }
        assert report.num_taken + report.num_dropped == len(layout) == 903
        assert 'not weights, left out: optimizer (12)' in report.lines()

    def test_depth_holds_much_twice(self, architecture):
        layout = published_layout('nyu_class_embeddings')
        file = file_of('nyu_class_embeddings')
        report = convert_published(file, small_config('nyu_class_embeddings', architecture)).report
        dropped = self.rows(report.dropped)
        assert dropped.pop('second copy of encoder.unet.unet.diffusion_model.*, equal') == 682
        assert dropped.pop('second copy of encoder.encoder_vq.*, equal') == 108
        assert dropped == {'decoding half of the autoencoder': 2, 'noise schedule': 12}
        assert self.rows(report.taken)['text adapter'] == 5
        assert report.num_taken + report.num_dropped == len(layout)

    def test_detection(self, architecture):
        pytest.importorskip('mmdet', reason='needs mmdet')
        layout = published_layout('voc2watercolor')
        file = file_of('voc2watercolor')
        report = convert_published(file, small_config('voc2watercolor', architecture)).report
        dropped = self.rows(report.dropped)
        assert dropped['ResNet that the published code builds and never runs'] == 104
        assert dropped['text adapter, not used by this run'] == 5
        assert dropped['class embeddings, not used by this prompt'] == 1
        assert report.num_taken + report.num_dropped == len(layout) == 983
        assert len(report.notes) == 2 and 'background' in report.notes[0]

    def test_unknown_tensor(self, architecture):
        state = published_weights(published_layout('ade20k_captions'))
        state['auxiliary_head.conv_seg.weight'] = torch.zeros(1)
        with pytest.raises(CheckpointError, match=r'1 tensors have no place .*auxiliary_head'):
            convert_published(file_of('', state), small_config('ade20k_captions', architecture))

    def test_missing_tensor(self, architecture):
        state = published_weights(published_layout('ade20k_captions'))
        del state['neck.lateral_convs.2.conv.bias']
        with pytest.raises(CheckpointError, match=r'lacks 1 tensors .*neck.lateral_convs.2'):
            convert_published(file_of('', state), small_config('ade20k_captions', architecture))

    def test_copies_that_differ(self, architecture):
        state = published_weights(published_layout('nyu_captions'))
        key = 'encoder.sd_model.model.diffusion_model.input_blocks.0.0.bias'
        state[key] = state[key] + 1
        with pytest.raises(CheckpointError, match=f"'{key}' should be the same tensor"):
            convert_published(file_of('', state), small_config('nyu_captions', architecture))

    def test_other_number_of_classes(self, architecture):
        config = small_config('ade20k_captions', architecture)
        config.model.decode_head.num_classes = 7
        file = file_of('ade20k_captions')
        with pytest.raises(ValueError, match=r'conv_seg.weight. is \(5, 16, 1, 1\) in the'):
            convert_published(file, config)


class TestPrompts:
    def test_captions_of_a_file_without_text_encoder(self, architecture):
        with pytest.raises(CheckpointError, match='was not trained with captions'):
            convert_published(
                file_of('ade20k_class_embeddings'), small_config('ade20k_captions', architecture)
            )

    def test_class_embeddings_of_a_file_without_them(self, architecture):
        config = small_config('ade20k_class_embeddings', architecture)
        config.model.backbone.prompt.text_adapter = None
        with pytest.raises(CheckpointError, match=r"lacks 1 tensors .*'class_embeddings'"):
            convert_published(file_of('ade20k_captions'), config)

    def test_adapter_on_one_side_only(self, architecture):
        config = small_config('ade20k_class_embeddings', architecture)
        config.model.backbone.prompt.text_adapter = None
        with pytest.raises(CheckpointError, match=r'has a text adapter .*text_adapter=dict\(\)'):
            convert_published(file_of('ade20k_class_embeddings'), config)
        config = small_config('ade20k_captions', architecture)
        config.model.backbone.prompt.text_adapter = dict()
        with pytest.raises(CheckpointError, match=r'has no text adapter .*text_adapter=None'):
            convert_published(file_of('ade20k_captions'), config)

    def test_class_names_are_computed(self, architecture):
        """The published code does not keep the embeddings of Eq. 2 in its checkpoints."""
        config = small_config('voc2012_captions', architecture)
        names = ['cat', 'dining table']
        config.model.backbone.prompt = dict(type='ClassEmbeddingsPrompt', class_names=names)
        state = published_weights(published_layout('voc2012_captions'))
        for stride in (3, 4):  # the head takes fewer maps
            key = f'decode_head.decoder.p{stride}.skip_conv.weight'
            state[key] = state[key][:, : (64, 96)[stride - 3] + 4].clone()
        conversion = convert_published(file_of('', state), config)
        embeddings = conversion.checkpoint['state_dict']['backbone.prompt.embeddings']
        # 'cat', 'dining', 'table', and in front the start of the text, as in the published code.
        assert conversion.overrides['backbone']['prompt'] == dict(keep_first_bos=True)
        assert conversion.overrides['neck']['in_channels'] == [32, 68, 100, 96]
        assert embeddings.shape == (4, 48) and embeddings.std() > 0.1
        assert 'computed by the text encoder' in conversion.report.notes[-1]
        dropped = {row.what: row.count for row in conversion.report.dropped.values()}
        assert dropped['text encoder, not used by this prompt'] == 37

    def test_what_is_written_down(self, architecture):
        conversion = convert_published(
            file_of('ade20k_class_embeddings'),
            small_config('ade20k_class_embeddings', architecture),
        )
        (described,) = conversion.checkpoint['meta']['mmtadp']
        assert described['normalisation']['mean'] == [127.5] * 3
        description = described['prompt']
        assert description['type'] == 'AverageEOSPrompt' and description['text_adapter'] is True
        assert description['class_names'] == ['wall', 'sky', 'cat', 'dog', 'car']


class TestBackboneOnly:
    def test_heads_stay_behind(self, architecture):
        file = file_of('voc2012_captions')
        config = small_config('voc2012_captions', architecture)
        conversion = convert_published(file, config, backbone_only=True)
        keys = conversion.checkpoint['state_dict']
        assert len(keys) == 682 + 106 + 36 and all(key.startswith('backbone.') for key in keys)
        assert conversion.report.dropped['head, as asked for'].count == 31
        assert 'decode_head' not in conversion.overrides

    def test_of_a_head_that_is_not_known(self, architecture):
        state = published_weights(published_layout('voc2012_captions'))
        state = {k.replace('decode_head.decoder', 'decoder.aspp'): v for k, v in state.items()}
        config = small_config('voc2012_captions', architecture)
        with pytest.raises(CheckpointError, match='DeepLabv3.*--backbone-only'):
            convert_published(file_of('', state), config)
        convert_published(file_of('', state), config, backbone_only=True)
