"""What settings are called in tables and plots."""

from .plan import LEVELS, MODIFIERS, TARGETS, cross_domain_config, oracle_config

LABELS = {
    'null_shapes': 'null text',
    'average_eos_shapes': 'average EOS',
    'class_embeddings_shapes': 'class embeddings',
    'class_names_shapes': 'class names',
    'tadp_short_shapes': 'captions, short',
    'tadp_shapes': 'captions, long',
    'tadp_nouns_shapes': 'nouns of captions',
    'tadp_ta_shapes': 'captions, text adapter',
    'tadp_scratch_shapes': 'captions, U-Net from scratch',
    'tadp_no_latent_scaling_shapes': 'captions, no latent scaling',
    'null_shapes_depth': 'depth: null text',
    'tadp_shapes_depth': 'depth: captions',
    'null_shapes_detection': 'detection: null text',
    'tadp_shapes_detection': 'detection: captions',
    'oracle_shapes_detection': 'detection: oracle (from ground truth)',
    **{
        oracle_config(p, r): f'oracle, precision {p / 100:.2f}, recall {r / 100:.2f}'
        for p in LEVELS
        for r in LEVELS
    },
    'oracle_shapes': 'oracle (from ground truth)',
    **{
        cross_domain_config(modifier, target): f'day to {target}: '
        + ('null modifier' if modifier == 'plain' else modifier.replace('_', ' '))
        for target in TARGETS
        for modifier in MODIFIERS
    },
}
"""Of each config."""

UNITS = {'segmentation': 'mIoU', 'depth': 'RMSE in m', 'detection': 'COCO AP'}
"""What :func:`.figure` gives for each task."""

DIGITS = {'segmentation': 1, 'depth': 3, 'detection': 1}
