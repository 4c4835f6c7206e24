# A private Slurm below $work/slurm: munge, a controller, and two nodes on this machine.
# shellcheck shell=bash disable=SC2154
slurm_nodes=(node1 node2)

# Prints why Slurm cannot run here; false then.
slurm_is_missing() {
  local program
  if ((EUID != 0)); then echo "its daemons need root"; return 1; fi
  for program in munged slurmctld slurmd sbatch pgrep ps; do
    command -v "$program" >/dev/null || { echo "$program is not installed (Debian: slurm-wlm, procps)"; return 1; }
  done
}

# A port on which nothing listens, and the two after it.
free_ports() {
  local port
  for ((port = 20000 + RANDOM % 20000; ; port += 3)); do
    if ! { ss -Htln || netstat -tln; } 2>/dev/null | grep -qE ":($port|$((port + 1))|$((port + 2)))\b"; then
      echo "$port"
      return
    fi
  done
}

write_slurm_config() {
  local dir=$1 port host
  port=$(free_ports)
  host=$(hostname -s)
  # cred_expire, of at least 5 s: the delay before a requeued task may start again.
  cat >"$dir/slurm.conf" <<CONF
ClusterName=armorm-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$dir/munge/socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=5
MailProg=/bin/true
GresTypes=gpu
NodeName=node[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=4 RealMemory=4000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES State=UP
CONF
  # Any two devices stand in for GPUs: Slurm counts them and puts their numbers into CUDA_VISIBLE_DEVICES. Where no
  # device can be made, plain files are used, which Slurm only counts.
  if ! mknod "$dir/gpu0" c 1 3 2>/dev/null || ! mknod "$dir/gpu1" c 1 3; then touch "$dir/gpu0" "$dir/gpu1"; fi
  echo "NodeName=node[1-2] Name=gpu File=$dir/gpu[0-1]" >"$dir/gres.conf"
}

start_slurm() {
  local dir=$work/slurm node
  mkdir -p "$dir"/{state,log,spool-node1,spool-node2}
  mkdir -m 700 "$dir/munge"
  (umask 077 && head -c 128 /dev/urandom >"$dir/munge/key")
  write_slurm_config "$dir"
  export SLURM_CONF=$dir/slurm.conf
  munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" --log-file="$dir/log/munged" \
    --seed-file="$dir/munge/seed" --num-threads=2 2>/dev/null || return 1
  slurmctld >/dev/null 2>&1 || return 1
  for node in "${slurm_nodes[@]}"; do start_node "$node" || return 1; done
  wait_until 20 nodes_are_idle
}

nodes_are_idle() { [[ $(sinfo --noheader --format=%T) == idle ]]; }
start_node() { slurmd -N "$1" >/dev/null 2>&1; }
node_is_up() { [[ $(sinfo --noheader --nodes="$1" --format=%T) =~ ^(idle|mixed|allocated)$ ]]; }
daemon_of() { cat "$work/slurm/slurmd-$1.pid"; }

# The step daemon of a process and all processes between them; the step daemon outlives its slurmd. Nothing for a
# process without a task.
task_processes() {
  local process=$1 found=()
  until [[ $(cat "/proc/$process/comm" 2>/dev/null) == slurmstepd ]]; do
    if [[ -z $process || $process == 1 ]]; then return; fi
    found+=("$process")
    process=$(ps -o ppid= -p "$process" | tr -d ' ')
  done
  echo "${found[@]}" "$process"
}

state_of() { squeue --noheader --states=all --jobs="$1" --format=%T; }
state_is() { [[ $(state_of "$1") == "$2" ]]; }
# Every task of the array jobs and jobs.
all_are() {
  local state=$1
  shift
  [[ $(squeue --noheader --states=all --array --jobs="$(IFS=,; echo "$*")" --format=%T | sort -u) == "$state" ]]
}

# Ends everything that start_slurm() and the jobs began.
stop_slurm() {
  local file process
  scancel --user=root --quiet >/dev/null 2>&1 || true
  wait_until 10 no_steps || true
  # Programs that were stopped or whose node was lost; the arguments of all of them contain our folder.
  for process in $(pgrep -f "$work/(slurm/spool|demo/model)"); do
    # shellcheck disable=SC2046
    kill -KILL "$process" $(task_processes "$process") 2>/dev/null || true
  done
  for file in "$work"/slurm/slurmd-*.pid "$work"/slurm/slurmctld.pid "$work"/slurm/munge/pid; do
    process=$(cat "$file" 2>/dev/null) || continue
    if kill "$process" 2>/dev/null; then wait_until 10 is_gone "$process" || true; fi
  done
}

no_steps() { [[ -z $(squeue --noheader --states=running,completing) ]]; }
is_gone() { [[ ! -e /proc/$1 ]]; }
