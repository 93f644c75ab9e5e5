"""What settings are called in tables and plots."""

from .plan import LEVELS, MODIFIERS, TARGETS, cross_domain_config, oracle_config

LABELS = {
    'null_shapescenes': 'null text',
    'average_eos_shapescenes': 'average EOS',
    'class_embeddings_shapescenes': 'class embeddings',
    'class_names_shapescenes': 'class names',
    'tadp_short_shapescenes': 'captions, short',
    'tadp_shapescenes': 'captions, long',
    'tadp_nouns_shapescenes': 'nouns of captions',
    'tadp_ta_shapescenes': 'captions, text adapter',
    'tadp_scratch_shapescenes': 'captions, U-Net from scratch',
    'tadp_no_latent_scaling_shapescenes': 'captions, no latent scaling',
    'null_shapescenes_depth': 'depth: null text',
    'tadp_shapescenes_depth': 'depth: captions',
    'null_shapescenes_detection': 'detection: null text',
    'tadp_shapescenes_detection': 'detection: captions',
    'oracle_shapescenes_detection': 'detection: oracle (from ground truth)',
    **{
        oracle_config(p, r): f'oracle, precision {p / 100:.2f}, recall {r / 100:.2f}'
        for p in LEVELS
        for r in LEVELS
    },
    'oracle_shapescenes': 'oracle (from ground truth)',
    **{
        cross_domain_config(modifier, target): f'day to {target}: ' + modifier.replace('_', ' ')
        for target in TARGETS
        for modifier in MODIFIERS
    },
}
"""Of each config."""

UNITS = {'segmentation': 'mIoU', 'depth': 'RMSE in m', 'detection': 'COCO AP'}
"""What :func:`.figure` gives for each task."""

DIGITS = {'segmentation': 1, 'depth': 3, 'detection': 1}
