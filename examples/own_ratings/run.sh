#!/usr/bin/env bash
# From your own ratings and pairs to scored answers.
#   run.sh FOLDER     reads FOLDER/ratings.csv, FOLDER/pairs.csv and FOLDER/answers.jsonl; writes FOLDER/scores.jsonl and
#                     the model FOLDER/reward-model. The same command resumes what was interrupted.
# Environment: MODEL (backbone), ATTRIBUTES (columns of ratings.csv), DEVICE (-1 = CPU), ARMORM_BIN (folder of programs).
set -euo pipefail
folder=${1:?a folder with ratings.csv, pairs.csv and answers.jsonl; make_sample.py FOLDER writes samples}
model=${MODEL:-Skywork/Skywork-Reward-V2-Qwen3-0.6B}
attributes=${ATTRIBUTES:-useful,polite,brief}
device=${DEVICE:--1}
[[ -z ${ARMORM_BIN:-} ]] || PATH=$ARMORM_BIN:$PATH
common=(--model_path "$model" --data_root "$folder/data")

# Embeddings of the rated answers, and a regression for each attribute.
stage1-prepare "${common[@]}" --dataset_path "$folder/ratings.csv" --attributes "$attributes" --device "$device"
stage1-train "${common[@]}" --dataset_path "$folder/ratings.csv"
# Embeddings of the pairs, and the gate that weighs the attributes so that the chosen answers win. No debiasing: `brief`
# falls with the length and is a merit here; debiasing subtracts an attribute that rises with the length.
stage2-prepare "${common[@]}" --dataset_path "$folder/pairs.csv" --device "$device"
stage2-train "${common[@]}" --multi_objective_dataset "$folder/ratings.csv" --preference_dataset "$folder/pairs.csv" \
  --verbosity_attribute none --n_hidden 1 --hidden_size 64 --n_steps 300 --batch_size 128 --temperature 1 --logit_scale 10 \
  --split_by prompt --select best --device "$device" --export "$folder/reward-model"
# Scores of new answers, one line each.
score --model_path "$folder/reward-model" --input "$folder/answers.jsonl" --output "$folder/scores.jsonl" \
  --device "$device"
echo "scores: $folder/scores.jsonl"
