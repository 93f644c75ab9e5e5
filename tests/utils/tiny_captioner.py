"""Image-to-text models of transformers' own classes, with seeded weights, in folders."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    CLIPVisionConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    OPTConfig,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTModel,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

WORDS = """
a the dog cat car road tree sky on in with and red blue big small person house street photo of user
: describe image one sentence
""".split()  # noqa: SIM905
SPECIAL = ['<pad>', '</s>', '<unk>', '<image>']
PAD, END, UNKNOWN, IMAGE = range(4)
SIZE = 28
NUM_QUERIES = 4


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word, and the start of text in front."""
    vocabulary = {token: index for index, token in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token='<unk>'))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single='</s> $A', special_tokens=[('</s>', END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token='</s>',
        eos_token='</s>',
        pad_token='<pad>',
        unk_token='<unk>',
        additional_special_tokens=['<image>'],
    )


def save_blip2(folder: Path) -> Path:
    """BLIP-2 with OPT, whose captions are sequences of :data:`WORDS`."""
    torch.manual_seed(0)
    transformer = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
    config = Blip2Config(
        vision_config=Blip2VisionConfig(
            **transformer,
            intermediate_size=64,
            image_size=SIZE,
            patch_size=14,
            initializer_range=0.2,
        ),
        qformer_config=Blip2QFormerConfig(
            **transformer,
            vocab_size=8,
            intermediate_size=64,
            encoder_hidden_size=32,
            initializer_range=0.2,
        ),
        text_config=OPTConfig(
            **transformer,
            vocab_size=len(SPECIAL) + len(WORDS),
            ffn_dim=64,
            word_embed_proj_dim=32,
            max_position_embeddings=256,
            pad_token_id=PAD,
            bos_token_id=END,
            eos_token_id=END,
            init_std=0.3,
        ),
        num_query_tokens=NUM_QUERIES,
        image_token_index=IMAGE,
    )
    image_processor = BlipImageProcessorPil(size=dict(height=SIZE, width=SIZE))
    processor = Blip2Processor(image_processor, word_tokenizer(), num_query_tokens=NUM_QUERIES)
    model = Blip2ForConditionalGeneration(config)
    # Logits of zero, so that these tokens, which make no words, are hardly ever the likeliest.
    model.get_input_embeddings().weight.data[[PAD, UNKNOWN, IMAGE]] = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_encoder_decoder(folder: Path) -> Path:
    """ViT and GPT-2, which have no processor of their own."""
    torch.manual_seed(0)
    encoder = ViTModel(
        ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            image_size=SIZE,
            patch_size=14,
            initializer_range=0.2,
        )
    )
    decoder = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(SPECIAL) + len(WORDS),
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=128,
            add_cross_attention=True,
            is_decoder=True,
            bos_token_id=END,
            eos_token_id=END,
            initializer_range=0.3,
        )
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder.config, decoder.config, decoder_start_token_id=END, pad_token_id=PAD
    )
    model = VisionEncoderDecoderModel(config=config, encoder=encoder, decoder=decoder)
    model.generation_config.decoder_start_token_id = END
    model.generation_config.pad_token_id = PAD
    model.save_pretrained(folder)
    ViTImageProcessorPil(size=dict(height=SIZE, width=SIZE)).save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder


def save_llava(folder: Path) -> Path:
    """LLaVA: the caption answers a chat that holds the image."""
    torch.manual_seed(0)
    transformer = dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            **transformer, image_size=SIZE, patch_size=14, initializer_range=0.2
        ),
        text_config=LlamaConfig(
            **transformer,
            vocab_size=len(SPECIAL) + len(WORDS),
            max_position_embeddings=256,
            pad_token_id=PAD,
            bos_token_id=END,
            eos_token_id=END,
            initializer_range=0.3,
        ),
        image_token_index=IMAGE,
        vision_feature_select_strategy='default',
    )
    processor = LlavaProcessor(
        CLIPImageProcessorPil(
            size=dict(shortest_edge=SIZE), crop_size=dict(height=SIZE, width=SIZE)
        ),
        word_tokenizer(),
        patch_size=14,
        vision_feature_select_strategy='default',
        num_additional_image_tokens=1,
        chat_template=(
            '{% for message in messages %}user : {% for part in message.content %}'
            "{% if part.type == 'image' %}<image> {% else %}{{ part.text }}{% endif %}"
            '{% endfor %}{% endfor %}'
        ),
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_photos(folder: Path, count: int = 11) -> Path:
    """Random images of several sizes and kinds, in two folders."""
    rng = np.random.RandomState(0)
    for index in range(count):
        blocks = rng.randint(0, 256, (4, 5, 3)).astype(np.uint8)
        image = Image.fromarray(blocks).resize((30 + index, 24), Image.Resampling.NEAREST)
        path = folder / ('day' if index % 3 else 'night') / f'{index:03d}'
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path.with_suffix('.png' if index % 2 else '.jpg'))
    return folder
