"""The captioner: train and evaluate an image-to-text model of ShapeScenes."""
