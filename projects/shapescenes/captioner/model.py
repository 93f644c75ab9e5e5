"""The captioner's network and its files."""

import copy
from pathlib import Path

import torch
from transformers import (
    DPTConfig,
    DPTModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    ResNetConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from mmtadp.utils.atomic_files import write_folder

from .wording import BOS, EOS, MAX_NEW_TOKENS, PAD

IMAGE_SIZE = 128
"""Height and width of the network's input in pixels."""

# Positions for all new tokens that generate.py allows, and for the start token.
_NUM_POSITIONS = MAX_NEW_TOKENS + 3
_WIDTH = 192
_STEM_CHANNELS, _CHANNELS = 16, (32, 64, 128)
_STRIDE = 16


def build_captioner(tokenizer: PreTrainedTokenizerFast, seed: int) -> VisionEncoderDecoderModel:
    """Build a captioner: a small ResNet and ViT as encoder, and a GPT-2 as decoder.

    The ViT reads the ResNet's features, as in DPT-Hybrid's encoder. It is transformers' only
    convolutional encoder whose output is a sequence, which the decoder needs.

    Args:
        tokenizer (PreTrainedTokenizerFast): Tokenizer of the captions.
        seed (int): Seed of the weights.

    Returns:
        VisionEncoderDecoderModel: Writes captions of images (N, 3, 128, 128) in [-1, 1].
    """
    resnet = ResNetConfig(
        embedding_size=_STEM_CHANNELS,
        hidden_sizes=_CHANNELS,
        depths=(1, 1, 1),
        layer_type='basic',
        out_features=['stage1', 'stage2', 'stage3'],
    )
    encoder = DPTConfig(
        is_hybrid=True,
        backbone_config=resnet,
        backbone_featmap_shape=(1, _CHANNELS[-1], IMAGE_SIZE // _STRIDE, IMAGE_SIZE // _STRIDE),
        image_size=IMAGE_SIZE,
        patch_size=_STRIDE,
        hidden_size=_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=6,
        intermediate_size=2 * _WIDTH,
    )
    start, end, pad = tokenizer.convert_tokens_to_ids([BOS, EOS, PAD])
    tokens = dict(bos_token_id=start, eos_token_id=end, pad_token_id=pad)
    decoder = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=_NUM_POSITIONS,
        n_embd=_WIDTH,
        n_layer=2,
        n_head=6,
        n_inner=2 * _WIDTH,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        add_cross_attention=True,
        is_decoder=True,
        **tokens,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, decoder, decoder_start_token_id=start, **tokens
    )
    # Modules draw their weights from torch's global generator: keep the caller's state.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = VisionEncoderDecoderModel(
            config, DPTModel(config.encoder), GPT2LMHeadModel(config.decoder)
        )
    model.generation_config.update(
        decoder_start_token_id=start, max_new_tokens=MAX_NEW_TOKENS, **tokens
    )
    return model


def build_image_processor() -> ViTImageProcessorPil:
    """Resize images, and scale them to [-1, 1], as in training."""
    return ViTImageProcessorPil(
        size=dict(height=IMAGE_SIZE, width=IMAGE_SIZE),
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


def write_captioner(
    model: VisionEncoderDecoderModel, tokenizer: PreTrainedTokenizerFast, folder: Path
) -> None:
    """Write a captioner's folder, whole or not at all.

    Args:
        model (VisionEncoderDecoderModel): The model, which is not changed. The file holds its
            weights in half precision.
        tokenizer (PreTrainedTokenizerFast): Its tokenizer.
        folder (Path): Destination.
    """

    def write(new: Path) -> None:
        copy.deepcopy(model).half().save_pretrained(new)
        tokenizer.save_pretrained(new)
        build_image_processor().save_pretrained(new)

    write_folder(folder, write)
