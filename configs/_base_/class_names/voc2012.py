# Pascal VOC's classes as the prompts spell them; mmseg has VOC's own spelling (aeroplane,
# diningtable, motorbike, pottedplant, tvmonitor). Same order, background first.
# fmt: off
class_names = [
    'background', 'airplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair',
    'cow', 'dining table', 'dog', 'horse', 'motorcycle', 'person', 'potted plant', 'sheep', 'sofa',
    'train', 'television',
]
# fmt: on
