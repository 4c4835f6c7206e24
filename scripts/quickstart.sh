#!/usr/bin/env bash
# From a fresh checkout to a trained reward model, with a small model and data sets that it generates: sets up, builds, runs the four stages
# (two shards in each prepare stage), scores three answers, and trains a gate as by the Python scripts, for comparison. Each stage has one
# line on stderr and a log in FOLDER/logs; the results are ten lines on stdout.
#   scripts/quickstart.sh [-v] [FOLDER]   (-v: show the logs too; FOLDER: default demo-run; what an earlier run made there is replaced)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=lib/common.sh
source scripts/lib/common.sh
# shellcheck source=lib/stage.sh
source scripts/lib/stage.sh
usage() { echo "usage: $0 [-v] [FOLDER]" >&2; }
verbose=
out=
for argument in "$@"; do
  case $argument in
    -v) verbose=yes ;;
    -h | --help) usage; exit 0 ;;
    -* | '') usage; echo "error: unknown flag '$argument'" >&2; exit 2 ;;
    *) [[ -z $out ]] || { usage; echo "error: '$argument' is a second folder; give one" >&2; exit 2; }
      out=$argument ;;
  esac
done
out=${out:-demo-run}
logs=$out/logs
n_stages=7
bin=build/release/bin
export ARMORM_BIN=$PWD/$bin
programs=(stage1-prepare stage1-train stage2-prepare stage2-train score serve)
sets=(--model_path "$out/demo/model" --multi_objective_dataset "$out/demo/multi-objective" --preference_dataset "$out/demo/preference"
  --reference_dataset "$out/demo/reference" --reward_bench_dataset "$out/demo/reward-bench" --data_root "$out/data"
  --config configs/demo.json)
everything=("${sets[@]}" --reward_bench_2_dataset "$out/demo/reward-bench-2" --devices -1)

score_answers() {
  "$bin/score" --model_path "$out/demo-rm" --device -1 --precision fp32 --fields score,contributions \
    --input "$out/answers.jsonl" --output "$out/scores.jsonl"
}
train_as_python() {
  "$bin/stage2-train" --compat upstream --output_dir "$out/upstream" --device -1 "${sets[@]}" --eval_reward_bench
}

# figure REPORT SECTION NAME KEY: a number of the scorer NAME in the list SECTION of stage2-train's report, as the program indents it.
figure() {
  awk -v section="  \"$2\": [" -v name="      \"name\": \"$3\"," -v key="      \"$4\": " '
    $0 == section { inside = 1 }
    !inside { next }
    $0 == "    {" { found = 0; value = "" }
    $0 == name || $0 "," == name { found = 1 }
    index($0, key) == 1 { value = substr($0, length(key) + 1); sub(/,$/, "", value) }
    $0 ~ /^    },?$/ && found { print value; exit }
    $0 ~ /^  \]/ { exit }' "$1"
}
# member REPORT KEY: a whole number of the report.
member() { sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" "$1" | head -n 1; }

gate_report=$out/data/gating_network_model.json
ridge_report=$out/data/regression_weights/model_multi-objective.json
table_line() { # table_line TITLE REPORT SCORER
  printf '%-39s %14.1f %% %13.1f\n' "$1" "$(awk -v x="$(figure "$2" validation "$3" accuracy)" 'BEGIN { print 100 * x }')" \
    "$(figure "$2" reward_bench "$3" score)"
}
print_results() {
  printf 'Trained in %s: a gate over %d attributes, from %d ratings and %d preference pairs.\n' \
    "$(seconds_text "$1")" "$(grep -c '^      "best_alpha": ' "$ridge_report")" "$(member "$ridge_report" rows)" \
    $(($(member "$gate_report" train) + $(member "$gate_report" validation)))
  printf '%-39s %16s %13s\n' "Accuracy of" "validation pairs" RewardBench
  table_line "  the gate" "$gate_report" "gate"
  table_line "  uniform weights" "$gate_report" "uniform gate"
  table_line "  the gate, rewards not debiased" "$gate_report" "gate, rewards not debiased"
  table_line "  gate trained as by the Python scripts" "$out/upstream/gating_network_model.json" "gate"
  printf 'Report:  %s.html (why: docs/demo.md)\n' "${gate_report%.json}"
  printf 'Score:   %s/score --device -1 --model_path %s < %s\n' "$bin" "$out/demo-rm" "$out/answers.jsonl"
  printf 'Serve:   %s/serve --device -1 --model_path %s\n' "$bin" "$out/demo-rm"
  printf 'My data: stage1-prepare --dry_run --dataset_path FILE.csv --attributes A,B (see docs/data.md)\n'
}

rm -rf "$out/demo" "$out/data" "$out/demo-rm" "$out/upstream" "$logs"
mkdir -p "$logs"
run_stage setup "setting up: packages, LibTorch, Arrow" scripts/setup.sh
run_stage build "building the programs" build release "${programs[@]}" armorm-make-demo
began=$SECONDS
run_stage demo "making a small model and data sets" "$bin/armorm-make-demo" --output "$out/demo"
run_stage prepare "computing embeddings" scripts/prepare_embeddings.sh "${everything[@]}" --n_shards 2
run_stage train "training: ridge, debiasing, gate; evaluation, export" scripts/train.sh "${everything[@]}" --export "$out/demo-rm"
cat >"$out/answers.jsonl" <<'JSON'
{"id": "helpful", "prompt": "Could you suggest a holiday for my recipe?", "response": "Here is a useful holiday and a excellent garden. You get a handy recipe and a orderly letter."}
{"id": "poor", "prompt": "Could you suggest a holiday for my recipe?", "response": "Here is a useless holiday and a wrong garden. You get a toxic recipe and a clumsy letter."}
{"id": "padded", "prompt": "Could you suggest a holiday for my recipe?", "response": "Here is a useful holiday and a excellent garden. You get a handy recipe and a orderly letter. Moreover, as mentioned above, there are various other aspects to consider. In addition, it is worth noting that many further remarks could follow."}
JSON
run_stage score "scoring three answers" score_answers
run_stage compare "training a gate as by the Python scripts" train_as_python
print_results $((SECONDS - began))
