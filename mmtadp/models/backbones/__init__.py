"""Backbones."""

from .neck_check import install_neck_check
from .tadp_unet import TADPUNetBackbone

install_neck_check()

__all__ = ['TADPUNetBackbone']
