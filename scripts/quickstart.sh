#!/usr/bin/env bash
# From a fresh checkout to a trained reward model, with a small model and data sets that it generates: sets up, builds,
# runs the four stages (two shards in each prepare stage), prints the tables and the locations of all files.
#   scripts/quickstart.sh [FOLDER]   (default demo-run; recreated)
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh
out=${1:-demo-run}
scripts/setup.sh
say "building"
build release stage1-prepare stage1-train stage2-prepare stage2-train score armorm-make-demo
bin=build/release/bin
started=$SECONDS

say "making the model and the data sets in $out"
rm -rf "$out/demo" "$out/data" "$out/demo-rm"
"$bin/armorm-make-demo" --output "$out/demo"
flags=(--model_path "$out/demo/model" --multi_objective_dataset "$out/demo/multi-objective"
  --preference_dataset "$out/demo/preference" --reference_dataset "$out/demo/reference"
  --reward_bench_dataset "$out/demo/reward-bench" --reward_bench_2_dataset "$out/demo/reward-bench-2"
  --data_root "$out/data" --devices -1 --config configs/demo.json)
say "prepare_embeddings: both prepare stages, two shards each"
scripts/prepare_embeddings.sh "${flags[@]}" --n_shards 2
say "train: ridge, debiasing, gate, evaluation; and the complete model as a folder"
scripts/train.sh "${flags[@]}" --export "$out/demo-rm"
say "score: a helpful answer, a poor one, and the helpful one with padding"
"$bin/score" --model_path "$out/demo-rm" --device -1 --precision fp32 --fields score,contributions <<'JSON'
{"id": "helpful", "prompt": "Could you suggest a holiday for my recipe?", "response": "Here is a useful holiday and a excellent garden. You get a handy recipe and a orderly letter."}
{"id": "poor", "prompt": "Could you suggest a holiday for my recipe?", "response": "Here is a useless holiday and a wrong garden. You get a toxic recipe and a clumsy letter."}
{"id": "padded", "prompt": "Could you suggest a holiday for my recipe?", "response": "Here is a useful holiday and a excellent garden. You get a handy recipe and a orderly letter. Moreover, as mentioned above, there are various other aspects to consider. In addition, it is worth noting that many further remarks could follow."}
JSON
say "the same gate trained as the Python scripts do it (softmax over the pair, no debiasing), for comparison"
build/release/bin/stage2-train --compat upstream --output_dir "$out/upstream" --model_path "$out/demo/model" --device -1 \
  --config configs/demo.json --data_root "$out/data" --multi_objective_dataset "$out/demo/multi-objective" \
  --preference_dataset "$out/demo/preference" --reference_dataset "$out/demo/reference" --eval_reward_bench \
  --reward_bench_dataset "$out/demo/reward-bench" --log_level warn | sed -n '/^validation/,$p'
say "the four stages took $((SECONDS - started)) s; reports: $out/data/regression_weights/*.json and $out/data/gating_network_*.json"
