"""ShapeScenes: a generated dataset of captioned scenes with masks, depth and boxes."""

from .captions import scene_captions
from .domains import DOMAINS
from .render import Rendering, render_scene, visible_boxes
from .scene import COLOURS, MAX_DEPTH, SETTINGS, SIZES, TEXTURES, Scene, SceneObject, sample_scene
from .shapes import GROUPS, OBJECT_CLASSES
from .writer import encode_png, write_dataset

CLASSES = ('background', *OBJECT_CLASSES)
"""Class names in the order of the labels in a mask."""

__all__ = [
    'CLASSES',
    'COLOURS',
    'DOMAINS',
    'GROUPS',
    'MAX_DEPTH',
    'OBJECT_CLASSES',
    'Rendering',
    'SETTINGS',
    'SIZES',
    'Scene',
    'SceneObject',
    'TEXTURES',
    'encode_png',
    'render_scene',
    'sample_scene',
    'scene_captions',
    'visible_boxes',
    'write_dataset',
]
