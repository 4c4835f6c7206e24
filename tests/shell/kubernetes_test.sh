#!/usr/bin/env bash
# scripts/kubernetes: the manifests against Kubernetes' rules and this project's exit codes, what submit.sh asks of a
# kubectl that only records, and the complete pipeline in pods that are processes of this machine (fake_cluster.py): they
# are killed, evicted and stopped, and the files must be those of an uninterrupted run.
# Python's expressions and Kubernetes' variables are in single quotes:
# shellcheck disable=SC2016
set -euo pipefail
source "$(dirname "$0")/support.sh"
trap end_all EXIT
export LC_ALL=C.UTF-8  # of the pods, too: how bash quotes depends on it

for python in python3 /usr/bin/python3 none; do
  if "$python" -c 'import yaml' 2>/dev/null; then break; fi
done
if [[ $python == none ]]; then
  echo "skipped: kubernetes: Python's yaml is not installed (Debian: python3-yaml)"
  exit 0
fi
fake() { "$python" "$root/tests/shell/fake_cluster.py" "$@"; }

# A new cluster, and a kubectl that is its own.
mkdir -p "$work/path" "$work/data"
printf '#!/bin/sh\nexec %q %q kubectl "$@"\n' "$python" "$root/tests/shell/fake_cluster.py" >"$work/path/kubectl"
chmod +x "$work/path/kubectl"
export PATH=$work/path:$PATH
unset "${!ARMORM_@}"
export ARMORM_BIN=$bin
new_cluster() {
  export FAKE_CLUSTER=$work/$1
  mkdir -p "$FAKE_CLUSTER/status" "$FAKE_CLUSTER/disrupted"
  : >"$FAKE_CLUSTER/calls"
}

# Ends what an error has left: first what would start something else.
end_all() {
  local file
  if [[ -n ${script:-} ]]; then kill -KILL "$script" 2>/dev/null || true; fi
  for file in "$work"/*/controllers/* "$work"/*/pods/*; do
    if [[ -e $file ]]; then kill -KILL "$(<"$file")" 2>/dev/null || true; fi
  done
  remove_work
}

# begin FLAG...: runs submit.sh in the background, as `script`; its output goes to $work/said and $work/errors.
begin() {
  "$root/scripts/kubernetes/submit.sh" --image armorm:1 --claim data --mount "$work/data" --poll_seconds 1 "$@" >"$work/said" 2>"$work/errors" &
  script=$!
}
# end: waits for it and sets `status`; its errors follow in $work/said, and its output alone is in $work/manifests.
end() {
  status=0
  wait "$script" || status=$?
  script=
  cp "$work/said" "$work/manifests"
  cat "$work/errors" >>"$work/said"
}
submit() {
  begin "$@"
  end
}
value() { fake value "$work/manifests" "$1"; }
value_is() { [[ $(value "$1") == "$2" ]] || { echo "$1: $(value "$1")" >&2 && return 1; }; }

# --- The manifests.
submit --dry_run --reward_bench_2_dataset rb2 --node_selector gpu=h200,zone=a --labels kueue.x-k8s.io/queue-name=q --secret hf --max_parallel 3
check "status $status: $(tail -n 1 "$work/said")" test "$status" = 0
check "the Jobs" value_is '" ".join(m["metadata"]["name"] for m in all)' "armorm-stage1-prepare armorm-stage2-prepare-preference \
armorm-stage2-prepare-reference armorm-stage2-prepare-reward-bench armorm-stage2-prepare-reward-bench-2 armorm-stage1-train armorm-stage2-train"
check "pods" value_is '[m["spec"]["completions"] for m in all]' "[8, 8, 8, 1, 1, 1, 1]"
check "at once" value_is '[m["spec"]["parallelism"] for m in all]' "[3, 3, 3, 3, 3, 1, 1]"
check "Indexed, and pods that fail are replaced once they have ended" value_is \
  '{(m["spec"]["completionMode"], m["spec"]["podReplacementPolicy"], m["spec"]["template"]["spec"]["restartPolicy"]) for m in all}' "{('Indexed', 'Failed', 'Never')}"
check "restarts per index" value_is '{m["spec"]["backoffLimitPerIndex"] for m in all}' "{20}"
check "time for a checkpoint" value_is '{m["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] for m in all}' "{120}"
check "GPUs" value_is '[m["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu") for m in all]' \
  "['1', '1', '1', '1', '1', None, '1']"
check "CPUs and memory" value_is 'sorted({(r["cpu"], r["memory"]) for m in all for r in m["spec"]["template"]["spec"]["containers"][0]["resources"].values()})' \
  "[('16', '64Gi'), ('8', '64Gi')]"
check "node selector" value_is 'all[0]["spec"]["template"]["spec"]["nodeSelector"]' "{'gpu': 'h200', 'zone': 'a'}"
check "labels of the Job" value_is 'all[0]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]' q
check "the Secret" value_is 'all[0]["spec"]["template"]["spec"]["containers"][0]["envFrom"]' "[{'secretRef': {'name': 'hf'}}]"
check "the user" value_is 'all[0]["spec"]["template"]["spec"]["securityContext"]["runAsUser"]' 1000
submit --dry_run --user "" --gpus 0 --prefix "abcdefghijklmnopqrstuvwxy" --reward_bench_2_dataset rb2
check "status $status: $(tail -n 1 "$work/said")" test "$status" = 0
check "the image's user" value_is '"runAsUser" in all[0]["spec"]["template"]["spec"]["securityContext"]' False
check "no GPU" value_is '["nvidia.com/gpu" in str(m) for m in all]' "[False, False, False, False, False, False, False]"
check "names of pods" value_is 'max(len(m["metadata"]["name"] + "-999998") for m in all) <= 63' True
result "kubernetes: the manifests have the settings"

# action CODE EXPECTED [CONDITION]
action() { check "exit code $1 ${3:-}: not $2" test "$(fake action "$work/manifests" armorm-stage1-prepare "$1" "${@:3}")" = "$2"; }
submit --dry_run
declare -A expected=([internal]=FailJob [usage]=FailJob [io]=FailJob [data]=FailJob [locked]=Count [interrupted]=Ignore)
while read -r kind code; do
  action "$code" "${expected[$kind]:-a decision about $kind}"
  action "$code" Ignore DisruptionTarget
  unset "expected[$kind]"
done < <(sed -n 's/^  \([a-z]*\) = \([0-9]*\),.*/\1 \2/p' "$root/include/armorm/error.h")
check "not in error.h: ${!expected[*]}" test "${#expected[@]}" = 0
for code in 126 127 128 137 139 143; do action "$code" Count; done
check "all Jobs alike" value_is 'len({str(m["spec"]["podFailurePolicy"]) for m in all})' 1
check "the order, and sorted codes" value_is '[(r["action"], r.get("onExitCodes", {}).get("values")) for r in all[0]["spec"]["podFailurePolicy"]["rules"]]' \
  "[('Ignore', None), ('Ignore', [75]), ('FailJob', [1, 2, 3, 4])]"
result "kubernetes: the failure policy has the exit codes of error.h"

# --- What a pod runs.
make_stubs
# Among others a letter with an accent, U+0085, U+2028, U+2029, U+FEFF, DEL, a control and an emoji.
strange=$' "quoted" \'single\' $(HOME) ${image} $$ $1 `id` & \\n \\ : #x %s *\xc3\xa9\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\x7f\x01\xf0\x9f\x98\x80- '
set=" - ${strange}2"
pod() { run_stubs "exit 0" fake pod "$work/manifests" "$@"; }
submit --dry_run --n_shards 3 --model_path "$strange" --data_root "$work/data/\$(HOME)" --multi_objective_dataset "$set" --cpus 5 --prepare_flags "--precision fp32"
check "status $status: $(tail -n 1 "$work/said")" test "$status" = 0
pod armorm-stage1-prepare 2
check "status $status: $(tail -n 1 "$work/said")" test "$status" = 0
shared="'--model_path' ${strange@Q} '--data_root' '$work/data/\$(HOME)'"
check "its shard: $(cat "$stub_log")" test "$(cat "$stub_log")" = "stage1-prepare $shared '--dataset_path' ${set@Q} '--dataset_split' 'train' \
'--n_shards' '3' '--device' '0' '--threads' '5' '--precision' 'fp32' '--shard_idx' '3'"
pod armorm-stage1-prepare 0
check "the first shard: $(cat "$stub_log")" was_run "'--shard_idx' '1'$"
pod armorm-stage2-train 0
check "stage2-train: $(cat "$stub_log")" test "$(grep -cF "stage2-train $shared '--device' '0' '--model_family' 'auto' '--multi_objective_dataset' " "$stub_log")" = 1
check "no shard" test "$(grep -c shard_idx "$stub_log")" = 0
result "kubernetes: a pod gets every value as it was given, and its shard"

submit --dry_run --n_shards 2 --image "a b"
check "an image with a blank: status $status" test "$status" = 2
for wrong in "image " "claim Data" "mount data" "prefix armorm-" "prefix $(printf 'a%.0s' {1..26})" "mem 64GB" "train_mem lots" \
  "labels a" "node_selector =b" "gpus 2" "cpus 500m" "max_restarts x" "user 0" "secret a_b" "data_root /elsewhere" \
  "data_root $work/data/../elsewhere" "export /tmp/x" "n_shards 0" "stages prepare3" "array 3" "max_parallel none"; do
  submit --dry_run "--${wrong%% *}" "${wrong#* }"
  check "--$wrong: status $status" test "$status" = 2
  check "--$wrong is not named: $(tail -n 1 "$work/said")" says "error: .*--${wrong%% *}"
done
status=0
"$root/scripts/kubernetes/submit.sh" --dry_run --claim data >"$work/said" 2>&1 || status=$?
check "without an image: status $status" test "$status" = 2
submit --dry_run --manifest "$work/none"
check "a missing manifest: status $status" test "$status" = 3
sed 's/\${mount}/${moun}/' "$root/scripts/kubernetes/job.yaml" >"$work/job.yaml"
submit --dry_run --manifest "$work/job.yaml"
check "a wrong field: status $status" test "$status" = 2
check "it is named: $(tail -n 1 "$work/said")" says 'error: .*job.yaml: ${moun} is none of the fields '
sed 's/^      restartPolicy: Never/&\n      priorityClassName: low/' "$root/scripts/kubernetes/job.yaml" >"$work/job.yaml"
submit --dry_run --manifest "$work/job.yaml"
check "a field of one's own" value_is '{m["spec"]["template"]["spec"]["priorityClassName"] for m in all}' "{'low'}"
result "kubernetes: settings that cannot be are refused"

# --- What submit.sh asks of Kubernetes.
made() { sed -n 's/^armorm-\([^	]*\)	.*	submitted$/\1/p' "$work/said" | paste -sd' '; }
everything="stage1-prepare stage2-prepare-preference stage2-prepare-reward-bench stage1-train stage2-train"
some=(--reference_dataset "" --n_shards 2)
starts_as() { printf '%s' "$2" >"$FAKE_CLUSTER/status/armorm-$1"; }  # JOB STATUS
finish() { fake status "armorm-$1" "$2"; }
exists() { [[ -e $FAKE_CLUSTER/objects/job-armorm-$1 ]]; }
waits_for() { grep -q "^wait .*job/armorm-$1" "$FAKE_CLUSTER/calls"; }
running='{}'
complete='{"conditions": [{"type": "Complete", "status": "True"}]}'
failed='{"conditions": [{"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": "Container armorm for pod x/y failed with exit code 4 matching FailJob rule at index 2"}]}'

new_cluster once
submit "${some[@]}"
check "status $status: $(tail -n 1 "$work/said")" test "$status" = 0
check "made: $(made)" test "$(made)" = "$everything"
submit "${some[@]}"
check "again: status $status: $(tail -n 1 "$work/said")" test "$status" = 0
check "nothing is made again: $(made)" test -z "$(made)"
check "it is told" test "$(grep -c 'is complete; to run it again: kubectl delete job armorm-' "$work/said")" = 5
submit "${some[@]}" --prepare_flags "--seq_len 9"
check "other flags: status $status: $(tail -n 1 "$work/said")" test "$status" = 0
check "made with other flags: $(made)" test "$(made)" = "$everything"
kubectl delete job armorm-stage1-prepare
submit "${some[@]}" --prepare_flags "--seq_len 9"
check "what follows a Job that is made again: $(made)" test "$(made)" = "stage1-prepare stage1-train stage2-train"
submit "${some[@]}" --prepare_flags "--seq_len 9" --stages train1 --namespace lab --kubectl_flags "--context=c"
check "one stage: status $status, $(made)" test "$status$(made)" = 0
check "namespace and flags: $(tail -n 1 "$FAKE_CLUSTER/calls")" grep -q "^--namespace=lab --context=c get job " "$FAKE_CLUSTER/calls"
result "kubernetes: submit.sh makes every Job once, and again when its settings or inputs are others"

new_cluster order
for job in $everything; do starts_as "$job" "$running"; done
begin "${some[@]}"
check "it waits for stage 1" wait_until 20 waits_for stage1-prepare
check "both prepare stages" exists stage2-prepare-reward-bench
check "stage1-train is too early" test ! -e "$FAKE_CLUSTER/objects/job-armorm-stage1-train"
finish stage1-prepare "$complete"
check "stage1-train" wait_until 20 exists stage1-train
finish stage1-train "$complete"
finish stage2-prepare-preference "$complete"
check "it waits for stage 2" wait_until 20 waits_for stage2-prepare-reward-bench
check "stage2-train is too early" test ! -e "$FAKE_CLUSTER/objects/job-armorm-stage2-train"
kill -TERM "$script"
end
check "after SIGTERM: status $status" test "$status" = 75
check "it is told: $(tail -n 1 "$work/said")" says "the Jobs continue, and the same command takes them up"
: >"$FAKE_CLUSTER/calls"
begin "${some[@]}"
check "it takes up what runs" wait_until 20 grep -q 'stage2-prepare-reward-bench.*is running' "$work/said"
check "it waits again" wait_until 20 waits_for stage2-prepare-reward-bench
finish stage2-prepare-reward-bench "$complete"
check "stage2-train" wait_until 20 exists stage2-train
finish stage2-train "$complete"
end
check "status $status" test "$status" = 0
check "this one alone: $(made)" test "$(made)" = stage2-train
result "kubernetes: train Jobs follow the Jobs that they need, and the wait can be taken up"

new_cluster failing
starts_as stage1-prepare "$failed"
submit "${some[@]}"
check "status $status" test "$status" = 1
check "why: $(cat "$work/said")" says "error: Job armorm-stage1-prepare failed: PodFailurePolicy: Container armorm .* exit code 4"
check "what to do" says "exit code 4: bad data; fix it"
check "its log" says "kubectl logs .*job-name=armorm-stage1-prepare"
check "no train Job: $(made)" test "$(made)" = "stage1-prepare stage2-prepare-preference stage2-prepare-reward-bench"
starts_as stage1-prepare "$running"
begin "${some[@]}"
check "it is repeated" wait_until 20 waits_for stage1-prepare
finish stage1-prepare '{"conditions": [{"type": "Failed", "status": "True", "reason": "FailedIndexes", "message": "Job has failed indexes"}], "failedIndexes": "0,3-5"}'
end
check "a failure during the wait: status $status" test "$status" = 1
check "indexes: $(cat "$work/said")" says "failed: FailedIndexes: Job has failed indexes; indexes 0,3-5, each a shard less 1"
starts_as stage1-prepare "$complete"
submit "${some[@]}"
check "repeated: status $status" test "$status" = 0
check "only what failed, and what follows: $(made)" test "$(made)" = "stage1-prepare stage1-train stage2-train"
result "kubernetes: a failed Job ends the wait, and the same command repeats it"

new_cluster changing
starts_as stage2-prepare-preference "$running"
begin "${some[@]}" --stages prepare2
check "it waits" wait_until 20 waits_for stage2-prepare-preference
submit_again() { "$root/scripts/kubernetes/submit.sh" --image armorm:2 --claim data --mount "$work/data" "${some[@]}" --stages prepare2 >"$work/again" 2>&1; }
status=0
submit_again || status=$?
check "a running Job with another image: status $status" test "$status" = 5
check "it is told: $(cat "$work/again")" grep -q \
  "error: Job armorm-stage2-prepare-preference is running with other settings .* kubectl delete job armorm-stage2-prepare-preference" "$work/again"
echo 3 >"$FAKE_CLUSTER/unreachable"
check "it asks again" wait_until 20 grep -qx 0 "$FAKE_CLUSTER/unreachable"
kubectl delete job armorm-stage2-prepare-preference
end
check "the Job is deleted: status $status" test "$status" = 1
check "it is told: $(tail -n 1 "$work/said")" says "error: Job armorm-stage2-prepare-preference was deleted"
echo 1 >"$FAKE_CLUSTER/unreachable"
submit "${some[@]}"
check "no server at the start: status $status" test "$status" = 3
check "kubectl's reason: $(cat "$work/said")" says "the server cannot be reached"
result "kubernetes: a deleted Job ends the wait, a server that is away does not, and what runs is not changed"

# --- The pipeline in pods.
export ARMORM_BIN=$bin
n_shards=2
make_demo
make_reference multi-objective preference reward-bench &
reference_run=$!
new_cluster cluster
touch "$FAKE_CLUSTER/run"
run=$work/data
pipeline+=(--reward_bench_dataset "$reward_bench" --reward_bench_shards "$n_shards" --n_shards "$n_shards" --gpus 0 --max_restarts 1)
# end_pod JOB-INDEX SIGNAL COMMAND...: signals the pod once COMMAND succeeds.
end_pod() {
  local pod=$FAKE_CLUSTER/pods/armorm-$1 name=$2
  shift 2
  wait_until 90 "$@" && kill "-$name" "$(<"$pod")"
}
ended() { grep -qx "armorm-$1" "$FAKE_CLUSTER/events"; }

begin "${pipeline[@]}"
check "SIGTERM of an index" end_pod stage1-prepare-0 TERM has_chunks "$(target "$run" multi-objective 1)" 3
check "SIGKILL of an index" end_pod stage1-prepare-1 KILL has_chunks "$(target "$run" multi-objective 2)" 3
touch "$FAKE_CLUSTER/disrupted/armorm-stage2-prepare-preference-0"
check "eviction of an index" end_pod stage2-prepare-preference-0 KILL has_chunks "$(target "$run" preference-train 1)" 3
kill -TERM "$script"
end
check "submit.sh is ended: status $status" test "$status" = 75
begin "${pipeline[@]}"
check "SIGTERM of stage2-train" end_pod stage2-train-0 TERM test -e "$run/gating_network_model.checkpoint"
end
check "status $status: $(tail -n 3 "$work/said")" test "$status" = 0
for line in "stage1-prepare 0 75 Ignore" "stage1-prepare 1 137 Count" "stage2-prepare-preference 0 137 Ignore" "stage2-train 0 75 Ignore"; do
  check "no '$line'" ended "$line"
  check "${line% * *} does not succeed" ended "${line% * *} 0 Succeeded"
done
for pod in stage1-prepare-{0,1} stage2-prepare-preference-0 stage2-train-0; do
  check "$pod does not resume" grep -q "resuming an interrupted" "$FAKE_CLUSTER/logs/armorm-$pod"
done
check "other pods end once: $(cat "$FAKE_CLUSTER/events")" test "$(wc -l <"$FAKE_CLUSTER/events")" = 12
result "kubernetes: pods that are stopped, killed and evicted resume"

wait "$reference_run"
train_reference --eval_reward_bench --reward_bench_dataset "$reward_bench"
check "embeddings" same_embeddings "$run"
check "regression weights" same_files regression_weights/model_multi-objective.pt "$run"
check "gate" same_files gating_network_model.pt "$run"
result "kubernetes: the files are those of an uninterrupted run"

submit "${pipeline[@]}" --prepare_flags "--seq_len -1" --stages prepare1
check "status $status" test "$status" = 1
check "the reason: $(cat "$work/said")" says "exit code 2: cannot be run like this; fix the flags"
check "no other try" test "$(grep -c "stage1-prepare . 2 " "$FAKE_CLUSTER/events")" -le 2
result "kubernetes: wrong flags fail the Job at once"
