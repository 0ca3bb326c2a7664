"""Makes `tiny-qwen3`, the model that real vLLM serves where there is no GPU and no hub: random weights, 1.5 MB.

This file is executed by the *engine's* Python, never imported by ours: `bin/python tiny_model.py DIRECTORY RECIPE`,
where RECIPE is a word that is kept in the directory, to tell later by which version of this file it was made.

It is a true Qwen3 in miniature (2 layers, hidden 64, grouped-query attention, 4096 BPE tokens, ChatML template), so
the engine loads, schedules, streams and aborts as with any model. Only the text is noise.

Nothing is downloaded. The tokenizer learns from the engine's own sources and the weights come from a fixed seed, so
the same locked engine makes the same model everywhere. The directory appears in one step: either whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

SEED = 0
LEARNED_TOKENS = 4096
CONTEXT_TOKENS = 2048
PAD, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
# Qwen3's markup, as tokens of their own: the engine's reasoning and tool parsers look these up
MARKUP = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
CHAT_TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\n# Tools\\n' }}
    {%- for tool in tools %}
        {{- tool | tojson + '\\n' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- elif message.content %}
        {%- for part in message.content if part.type == 'text' %}
            {{- part.text }}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def corpus() -> list[str]:
    """What the tokenizer learns from: 1.6 MB of text that every installation of the locked engine has."""
    import vllm

    sources = Path(vllm.__file__).parent / "entrypoints"
    return [str(file) for file in sorted(sources.rglob("*.py"))]


def make_tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LEARNED_TOKENS,
        special_tokens=[PAD, TURN_START, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train(corpus(), trainer)
    bpe.add_tokens(MARKUP)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=TURN_END, pad_token=PAD, model_max_length=CONTEXT_TOKENS
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_weights(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    torch.manual_seed(SEED)
    config = Qwen3Config(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.pad_token_id,
        dtype=torch.bfloat16,
    )
    model = Qwen3ForCausalLM(config)
    spread(model)
    return model.to(torch.bfloat16)


def spread(model: Qwen3ForCausalLM) -> None:
    """Widens the initial weights: with the usual deviation of 0.02 all logits are nearly equal, and greedy decoding
    would break ties instead of choosing."""
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() == 2:
                weights.normal_(0, 1.0 if "embed" in name else weights.shape[1] ** -0.5)


def write(directory: Path, recipe: str) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        unfinished.chmod(0o755)
        tokenizer = make_tokenizer()
        make_weights(tokenizer).save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        (unfinished / "recipe.sha256").write_text(f"{recipe}\n")
        for file in unfinished.iterdir():
            file.chmod(0o644)  # weights are saved as 0600; the engine may run as another user
        if directory.exists():  # an older recipe's; a rename cannot replace a directory that has files
            shutil.rmtree(directory)
        unfinished.rename(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
