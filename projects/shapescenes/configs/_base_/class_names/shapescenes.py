# ShapeScenes' classes, in the order of their labels, background first.
# fmt: off
class_names = [
    'background', 'ball', 'wheel', 'plate', 'clock', 'cookie', 'button', 'star', 'flower', 'gear',
    'sun', 'crate', 'door', 'window', 'gift', 'tree', 'mushroom', 'lamp', 'umbrella', 'tent',
    'cone', 'pyramid', 'tower', 'rocket', 'bottle',
]
# fmt: on
