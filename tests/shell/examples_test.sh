#!/usr/bin/env bash
# The examples, run as their READMEs say on small models and data: own_ratings, helpsteer_qwen3, evaluate, and the snippets
# of reading_the_report.
set -euo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
examples=$root/examples
make_demo
demo_model=$work/demo/model

# run_example NAME ARGUMENT...: its output goes to $work/said; DEVICE is the CPU.
run_example() {
  status=0
  DEVICE=-1 OMP_NUM_THREADS=1 "$examples/$1" "${@:2}" >"$work/said" 2>&1 || status=$?
  check "$1: status $status: $(tail -n 1 "$work/said")" test "$status" = 0
}
# json FILE EXPRESSION: of `d`, the document.
json() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

python3 "$examples/own_ratings/make_sample.py" "$work/own" 60
MODEL=$demo_model run_example own_ratings/run.sh "$work/own"
check "two scores" test "$(wc -l <"$work/own/scores.jsonl")" = 2
check "attributes" grep -q '"polite":' "$work/own/scores.jsonl"
check "the rude answer is less polite" python3 - "$work/own/scores.jsonl" <<'PY'
import json, sys
good, rude = map(json.loads, open(sys.argv[1]))
assert good["id"] == "good" and good["rewards"]["polite"] > rude["rewards"]["polite"]
PY
result "examples/own_ratings: from two CSV files to scored answers"

# Rows with the columns of HelpSteer2's two files.
python3 - "$work/helpsteer" <<'PY'
import gzip, json, os, random, sys
chance, folder = random.Random(3), sys.argv[1]
os.makedirs(folder)
def answer(quality):
    return " ".join(f"This is a {chance.choice(['useful', 'handy'] if chance.random() < quality else ['wrong', 'useless'])} garden." for _ in range(4))
ratings, pairs = [], []
for i in range(80):
    prompt = f"Could you suggest a garden? ({i})" + ("\n<extra_id_1>Assistant\nWhich one?\n<extra_id_1>User\nAny." if i % 5 == 0 else "")
    good, bad = answer(0.9), answer(0.1)
    for text, level in ((good, 4), (bad, 1)):
        ratings.append({"prompt": prompt, "response": text, "helpfulness": level, "correctness": level, "coherence": 3,
                        "complexity": chance.randint(0, 4), "verbosity": len(text) % 5})
    first = chance.random() < 0.5
    pairs.append({"prompt": prompt, "response_1": good if first else bad, "response_2": bad if first else good,
                  "preference_strength": 0 if i % 20 == 7 else -2 if first else 2, "preference_statement": None,
                  "split": "train"})
open(f"{folder}/train.jsonl", "w").writelines(json.dumps(row) + "\n" for row in ratings)
with gzip.open(f"{folder}/preference.jsonl.gz", "wt") as file:
    file.writelines(json.dumps(row) + "\n" for row in pairs)
PY
python=${ARMORM_DEPS:-$HOME/.cache/armorm/deps}/dev/bin/python
if [[ -x $python ]]; then
  "$python" "$root/scripts/goldens/make_family_model.py" qwen3 "$demo_model" "$root/tests/goldens/text/gating/thinking.jinja" \
    "$work/qwen3" >/dev/null 2>&1
  MODEL=$work/qwen3 RATINGS=$work/helpsteer/train.jsonl PAIRS=$work/helpsteer/preference.jsonl.gz \
    GATE="--n_steps 40 --batch_size 32 --hidden_size 16" run_example helpsteer_qwen3/run.sh "$work/helpsteer/out"
  check "five attributes" test "$(json "$work/helpsteer/out/data/gating_network_qwen3.json" 'len(d["attributes"])')" = 5
  check "ties are named" grep -q "4 pairs of answers are ties" "$work/said"
  check "a Qwen 3 model" grep -q '"model_type": "qwen3"' "$work/helpsteer/out/reward-model/config.json"
  result "examples/helpsteer_qwen3: HelpSteer2's columns on a Qwen 3 backbone"
else
  echo "skipped: examples/helpsteer_qwen3: the Python of scripts/setup.sh --dev is not here"
fi

# A finished model: that of the demo.
n_shards=1
make_reference multi-objective preference reward-bench
train_reference --eval_reward_bench --reward_bench_dataset "$reward_bench" --export "$work/reward-model"
python3 - "$work/pairs.jsonl" <<'PY'
import json, sys
pair = {"prompt": "A garden?", "chosen": "A useful garden.", "rejected": "A wrong garden.", "subset": "own"}
open(sys.argv[1], "w").write((json.dumps(pair) + "\n") * 2)
PY
SETS="$reward_bench:filtered $work/demo/reward-bench-2:test" run_example evaluate/run.sh "$work/reward-model" "$work/reports" "$work/pairs.jsonl"
for name in reward-bench reward-bench-2 pairs.jsonl; do
  check "report of $name" test -s "$work/reports/$name.json"
  check "rows of $name" test -s "$work/reports/$name.jsonl"
done
check "Chat Hard" grep -q "Chat Hard" "$work/said"
check "RewardBench 2" grep -q "Precise IF" "$work/said"
check "own pairs by subset" grep -Eq "^own +2 " "$work/said"
check "four sections" test "$(json "$work/reports/reward-bench.json" 'len(d["reward_bench"][0]["sections"])')" = 4
check "the accuracies of the training" test "$(json "$work/reports/reward-bench.json" 'd["all"]["n"]')" = 46
result "examples/evaluate: RewardBench 1 and 2 and own pairs of an exported model"

# The snippets, in a folder with the names of scripts/quickstart.sh.
mkdir -p "$work/run"
cp -r "$work/reference" "$work/run/data"
cp "$work/reports/reward-bench.jsonl" "$work/run/evaluation.jsonl"
"$bin/score" --model_path "$work/reward-model" --device -1 --input "$work/own/answers.jsonl" --output "$work/run/scores.jsonl" --log_level error
python3 - "$examples/reading_the_report/README.md" "$work/run" <<'PY' >"$work/said" 2>&1 || problem="snippets: $(tail -n 1 "$work/said")"
import os, pathlib, re, subprocess, sys
text = pathlib.Path(sys.argv[1]).read_text()
os.chdir(sys.argv[2])
blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
assert len(blocks) == 5, len(blocks)
for block in blocks:
    out = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert out.returncode == 0 and out.stdout.strip(), (block, out.stderr)
    print(out.stdout)
PY
check "attributes" grep -q "helpsteer-verbosity .*R²" "$work/said"
check "scorers" grep -q "uniform gate" "$work/said"
result "examples/reading_the_report: the Python snippets run on the demo's files"
if command -v jq >/dev/null; then
  # shellcheck disable=SC2016  # back quotes of Markdown
  commands=$(sed -n '/^```sh/,/^```/p' "$examples/reading_the_report/README.md" | grep '^jq')
  check "jq" bash -euc "cd '$work/run'; { $commands
  } >/dev/null"
  result "examples/reading_the_report: the jq commands run on the demo's files"
else
  echo "skipped: examples/reading_the_report: jq is not installed (Debian: jq)"
fi
