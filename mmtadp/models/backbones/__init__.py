"""Backbones: ``unet_features`` is plain PyTorch, ``tadp_unet`` is the backbone for OpenMMLab."""
