# NYUv2's room types as the published embeddings have them: the names of NYUDataset, in its order,
# with spaces, 'excercise' included.
# fmt: off
class_names = [
    'printer room', 'bathroom', 'living room', 'study', 'conference room', 'study room', 'kitchen',
    'home office', 'bedroom', 'dinette', 'playroom', 'indoor balcony', 'laundry room', 'basement',
    'excercise room', 'foyer', 'home storage', 'cafe', 'furniture store', 'office kitchen',
    'student lounge', 'dining room', 'reception room', 'computer lab', 'classroom', 'office',
    'bookstore',
]
# fmt: on
