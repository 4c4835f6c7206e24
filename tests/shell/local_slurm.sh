# A Slurm of its own below $work/slurm: munge, a controller, and two nodes of this machine.
# shellcheck shell=bash disable=SC2154
slurm_nodes=(node1 node2)

# Prints why there can be no Slurm here; false then.
slurm_is_missing() {
  local program
  if ((EUID != 0)); then echo "its daemons need root"; return 1; fi
  for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || { echo "$program is not installed (Debian: slurm-wlm)"; return 1; }
  done
}

# A port that nothing listens on, and the two after it.
free_ports() {
  local port
  for ((port = 20000 + RANDOM % 20000; ; port += 3)); do
    if ! (ss -Htln 2>/dev/null || netstat -tln) | grep -qE ":($port|$((port + 1))|$((port + 2)))\b"; then
      echo "$port"
      return
    fi
  done
}

write_slurm_config() {
  local dir=$1 port host
  port=$(free_ports)
  host=$(hostname -s)
  # cred_expire: how soon a requeued task may start again.
  cat >"$dir/slurm.conf" <<CONF
ClusterName=armorm-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$dir/munge/socket,cred_expire=3
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
  # Any two device files do: Slurm counts them and numbers them in CUDA_VISIBLE_DEVICES.
  echo 'NodeName=node[1-2] Name=gpu File=/dev/tty[0-1]' >"$dir/gres.conf"
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
node_is() { [[ $(sinfo --noheader --nodes="$1" --format=%T) == "$2" ]]; }
daemon_of() { cat "$work/slurm/slurmd-$1.pid"; }

# Processes below one, itself included.
family() {
  local child
  echo "$1"
  for child in $(pgrep -P "$1" || true); do family "$child"; done
}

# The step daemons of a node, which outlive its slurmd; they are known by their spool folder's name, in their title.
steps_of() { pgrep -f "^slurmstepd: \[" | while read -r step; do
    if grep -qz "^SLURMD_NODENAME=$1$" "/proc/$step/environ" 2>/dev/null; then echo "$step"; fi
  done; }

stop_slurm() {
  local file
  scancel --user=root --quiet >/dev/null 2>&1 || true
  for file in "$work"/slurm/slurmd-*.pid "$work"/slurm/slurmctld.pid "$work"/slurm/munge/pid; do
    [[ ! -s $file ]] || kill "$(cat "$file")" 2>/dev/null || true
  done
}
