#!/usr/bin/env python3
"""GRPO with TRL and the rewards of a running reward server: a policy of random weights learns the words that the server prefers.

    grpo.py --server http://127.0.0.1:8000 [--steps 60]

The policy is a Qwen 2 of some 100,000 parameters, made here and trained on the CPU; its vocabulary is the words of this file. Each step
takes 4 prompts with 8 answers each, which examples/reward_clients/armorm_rewards.py scores. Prints a line of JSON for each step, with the
mean and the standard deviation of its rewards, and one for the run: the means of the first and of the last ten steps.
Needs TRL (scripts/goldens/requirements.txt names the version); nothing is downloaded.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# The words of the demo's model (scripts/quickstart.sh): it prefers the first list to the second.
GOOD = "useful practical handy accurate exact proven orderly connected fluent honest candid sourced harmless excellent elegant refined"
POOR = "useless dismissive idle wrong mistaken flawed rambling jumbled scattered invented misleading dangerous toxic poor clumsy sloppy"
PROMPTS = [f"Could you suggest a {a} for my {b}?" for a in ("garden", "recipe", "holiday", "letter") for b in ("friend", "birthday")]


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<end>", "<unknown>", *dict.fromkeys(" ".join([GOOD, POOR, *PROMPTS]).replace("?", " ?").split())]
    text = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unknown>"))
    text.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=text, pad_token="<pad>", eos_token="<end>", unk_token="<unknown>", padding_side="left")


def policy(words):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=128, pad_token_id=words.pad_token_id, eos_token_id=words.eos_token_id, bos_token_id=None))


def configuration(options, folder):
    import trl

    return trl.GRPOConfig(
        output_dir=folder, use_cpu=True, bf16=False, report_to=[], save_strategy="no", disable_tqdm=True, logging_steps=1, seed=options.seed,
        max_steps=options.steps, per_device_train_batch_size=4 * options.generations, num_generations=options.generations,
        max_completion_length=12, learning_rate=options.learning_rate, lr_scheduler_type="constant", beta=0.0)


def train(options, reward, folder):
    """The mean rewards of the steps; prints each as it comes."""
    import datasets
    import torch
    import transformers
    import trl

    means = []

    class Report(transformers.TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if "reward" in logs:
                means.append(logs["reward"])
                print(json.dumps({"step": len(means), "reward": logs["reward"], "reward_std": logs["reward_std"]}), flush=True)

    transformers.set_seed(options.seed)
    torch.set_num_threads(options.threads)
    words = tokenizer()
    trainer = trl.GRPOTrainer(model=policy(words), reward_funcs=reward, args=configuration(options, folder), processing_class=words,
                              train_dataset=datasets.Dataset.from_dict({"prompt": PROMPTS}), callbacks=[Report()])
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:8000", metavar="URL")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--generations", type=int, default=8, help="answers to a prompt")
    parser.add_argument("--learning_rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    os.environ["ARMORM_URL"] = options.server
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reward_clients"))
    from armorm_rewards import reward

    with tempfile.TemporaryDirectory() as folder:
        means = train(options, reward, folder)
    ends = min(10, len(means))
    print(json.dumps({"steps": len(means), "first": statistics.fmean(means[:ends]), "last": statistics.fmean(means[-ends:])}))


if __name__ == "__main__":
    main()
