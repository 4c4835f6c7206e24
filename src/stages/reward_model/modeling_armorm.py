"""ArmoRM, an interpretable reward model (https://arxiv.org/abs/2406.12845), for transformers.

A frozen decoder reads a conversation. The final hidden state of its last token gives K rewards, one for each attribute;
that of the token where the last prompt ends gives the gate, K weights that say how much each attribute counts. With the
debiasing matrix T the score is sum_k gate_k * (rewards T)_k.

    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForSequenceClassification.from_pretrained(path, trust_remote_code=True)
    inputs = tokenizer.apply_chat_template(conversations, padding=True, return_tensors="pt", return_dict=True)
    scores = model(**inputs).score

Only this file, transformers and PyTorch are needed. Made by armorm; Apache-2.0.
"""

from dataclasses import dataclass
from typing import Optional

import torch
from torch import nn
from transformers import (
    Gemma2Model,
    Gemma2PreTrainedModel,
    LlamaModel,
    LlamaPreTrainedModel,
    MistralModel,
    MistralPreTrainedModel,
    Phi3Model,
    Phi3PreTrainedModel,
    Qwen2Model,
    Qwen2PreTrainedModel,
)
from transformers.utils import ModelOutput

# The tokens that end a prompt and open the answer, where config.json does not name them: of the published tokenizers.
PUBLISHED_PATTERNS = {"llama": [128009, 128006, 78191, 128007, 271], "gemma2": [107, 108, 106, 2516, 108]}


@dataclass
class RewardModelOutput(ModelOutput):
    """What the model says of B conversations.

    rewards [B, K]: of each attribute, before debiasing. gating_output [B, K]: weight of each attribute, given the prompt.
    score [B] and logits [B]: the same. contributions [B, K]: of each debiased attribute; their sum is the score.
    hidden_state [B, D] and prompt_embedding [B, D]: what rewards and gate were computed from.
    """

    loss: Optional[torch.FloatTensor] = None
    rewards: Optional[torch.FloatTensor] = None
    hidden_state: Optional[torch.FloatTensor] = None
    prompt_embedding: Optional[torch.FloatTensor] = None
    gating_output: Optional[torch.FloatTensor] = None
    score: Optional[torch.FloatTensor] = None
    logits: Optional[torch.FloatTensor] = None
    contributions: Optional[torch.FloatTensor] = None


class GatingNetwork(nn.Module):
    """A prompt's hidden state [B, D] to the weights of the attributes [B, K]: logit_scale * softmax(mlp(x) / temperature)."""

    def __init__(self, in_features, out_features, hidden_dim, n_hidden, temperature):
        super().__init__()
        sizes = [in_features] + [hidden_dim] * n_hidden + [out_features]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.logit_scale = nn.Parameter(torch.ones(1))
        self.temperature = temperature

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = nn.functional.relu(layer(x))
        weights = nn.functional.softmax(self.layers[-1](x) / self.temperature, dim=-1)
        return weights * self.logit_scale


class RewardModelWithGating:
    """What the reward models of all decoders share; the decoder's own PreTrainedModel is the other base."""

    decoder_class = None
    # The head was trained in float32 and is small; the decoder may run in bfloat16.
    _keep_in_fp32_modules_strict = ["regression_layer", "reward_transform_matrix", "gating"]
    # Linked weights may hold a head of the model that the decoder was taken from.
    _keys_to_ignore_on_load_unexpected = [
        r"^(score|lm_head|v_head|classifier|value_head|reward_head|rm_head|regression_head|score_head|output)\."
    ]

    def __init__(self, config):
        super().__init__(config)
        k = getattr(config, "num_objectives", 19)
        self.attributes = list(getattr(config, "attributes", None) or [f"attribute-{i}" for i in range(k)])
        self.model = self.decoder_class(config)
        self.regression_layer = nn.Linear(config.hidden_size, k, bias=getattr(config, "regression_bias", False))
        self.reward_transform_matrix = nn.Parameter(torch.eye(k), requires_grad=False)
        self.gating = GatingNetwork(
            config.hidden_size,
            k,
            hidden_dim=getattr(config, "gating_hidden_dim", 1024),
            n_hidden=getattr(config, "gating_n_hidden", 3),
            temperature=getattr(config, "gating_temperature", 10.0),
        )
        pattern = getattr(config, "gating_token_pattern", None) or PUBLISHED_PATTERNS.get(config.model_type)
        if not pattern:
            raise ValueError("config.json names no gating_token_pattern: the tokens that end a prompt and open the answer")
        self.gating_token_pattern = list(pattern)
        # None, or the Bradley-Terry scale of the training: sigmoid(scale * (score_a - score_b)) is P(a is preferred).
        self.bradley_terry_scale = getattr(config, "bradley_terry_scale", None)
        self.post_init()

    def last_positions(self, input_ids, attention_mask):
        """Index [B] of each conversation's last token, whichever side is padded."""
        if attention_mask is None:
            pad = self.config.pad_token_id
            if input_ids.shape[0] > 1 and (pad is None or (input_ids == pad).any()):
                found = "config.json names no pad_token_id" if pad is None else f"the batch contains the padding token {pad}"
                raise ValueError(f"several conversations need an attention_mask, as {found}; the tokenizer returns one")
            return input_ids.new_full((input_ids.shape[0],), input_ids.shape[1] - 1)
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        return (places * (attention_mask != 0)).argmax(dim=-1)

    def gating_positions(self, input_ids, attention_mask):
        """Index [B] at which the last occurrence of the gating pattern starts."""
        size = len(self.gating_token_pattern)
        if input_ids.shape[1] < size:
            raise ValueError("the conversations are too short to hold the start of an answer (the gating pattern)")
        pattern = input_ids.new_tensor(self.gating_token_pattern)
        found = (input_ids.unfold(1, size, 1) == pattern).all(dim=-1)
        if attention_mask is not None:
            found &= attention_mask.unfold(1, size, 1).ne(0).all(dim=-1)
        missing = (~found.any(dim=-1)).nonzero().flatten().tolist()
        if missing:
            raise ValueError(
                f"conversations {missing} of the batch hold no start of an answer (the gating pattern); end each with an "
                "assistant's message and render it with the chat template"
            )
        places = torch.arange(found.shape[1], device=input_ids.device)
        return (places * found).argmax(dim=-1)

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, labels=None, return_dict=None, **kwargs):
        """input_ids [B, L]; attention_mask [B, L], 0 for padding on either side. labels [B]: scores to regress on."""
        if input_ids is None:
            raise ValueError("input_ids are needed: the gate is found by its tokens")
        if position_ids is None and attention_mask is not None:
            position_ids = (attention_mask.long().cumsum(dim=-1) - 1).clamp(min=0)
        kwargs.setdefault("use_cache", False)
        states = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, return_dict=True, **kwargs
        ).last_hidden_state
        rows = torch.arange(states.shape[0], device=states.device)
        last = self.last_positions(input_ids, attention_mask).to(states.device)
        prompt_end = self.gating_positions(input_ids, attention_mask).to(states.device)
        output = self.score_states(states[rows, last], states[rows, prompt_end])
        if labels is not None:
            output.loss = nn.functional.mse_loss(output.score, labels.to(output.score).flatten())
        return output if return_dict is not False else output.to_tuple()

    def score_states(self, hidden_state, prompt_embedding):
        """From the final hidden states [B, D] of the last token and of the prompt's end."""
        weight = self.regression_layer.weight
        rewards = self.regression_layer(hidden_state.to(weight))
        gate = self.gating(prompt_embedding.to(weight))
        contributions = gate * (rewards @ self.reward_transform_matrix.to(rewards))
        score = contributions.sum(dim=-1)
        return RewardModelOutput(
            rewards=rewards,
            hidden_state=hidden_state,
            prompt_embedding=prompt_embedding,
            gating_output=gate,
            score=score,
            logits=score,
            contributions=contributions,
        )


class LlamaForRewardModelWithGating(RewardModelWithGating, LlamaPreTrainedModel):
    decoder_class = LlamaModel


class Gemma2ForRewardModelWithGating(RewardModelWithGating, Gemma2PreTrainedModel):
    decoder_class = Gemma2Model
    # Only the plain attention caps its logits, as Gemma 2 was trained.
    _supports_sdpa = False
    _supports_flash_attn = False


class MistralForRewardModelWithGating(RewardModelWithGating, MistralPreTrainedModel):
    decoder_class = MistralModel


class Qwen2ForRewardModelWithGating(RewardModelWithGating, Qwen2PreTrainedModel):
    decoder_class = Qwen2Model


class Phi3ForRewardModelWithGating(RewardModelWithGating, Phi3PreTrainedModel):
    decoder_class = Phi3Model


try:  # younger than the other classes
    from transformers import Gemma3PreTrainedModel, Gemma3TextConfig, Gemma3TextModel, Qwen3Model, Qwen3PreTrainedModel
except ImportError:
    pass  # transformers before 4.51, which cannot load these decoders
else:

    class Qwen3ForRewardModelWithGating(RewardModelWithGating, Qwen3PreTrainedModel):
        decoder_class = Qwen3Model

    class Gemma3TextForRewardModelWithGating(RewardModelWithGating, Gemma3PreTrainedModel):
        config_class = Gemma3TextConfig
        config: Gemma3TextConfig
        decoder_class = Gemma3TextModel
