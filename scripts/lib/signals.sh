# Runs programs as children that can be asked to stop: the script forwards its signals to them, and restarts a shard when
# its program asks for that.
# shellcheck shell=bash

readonly exit_locked=5        # another process works on the shard
readonly exit_interrupted=75  # stopped on request: the same command resumes
exit_by_signal=$((128 + $(kill -l USR1)))  # of a program that does not catch SIGUSR1
readonly exit_by_signal
stop_signal=                  # the first signal that asked this script to stop
signals_seen=0
children=()

pass_on() {
  stop_signal=${stop_signal:-$1}
  signals_seen=$((signals_seen + 1))
  printf '%s: asked to stop (SIG%s)\n' "${0##*/}" "$1" >&2
  if ((${#children[@]})); then kill -USR1 "${children[@]}" 2>/dev/null || true; fi
}

# From here on SIGTERM, SIGUSR1 and SIGINT do not end the script: its children get SIGUSR1, and stop_signal is set.
watch_signals() {
  local name
  # shellcheck disable=SC2064
  for name in TERM USR1 INT; do trap "pass_on $name" "$name"; done
}

# Waits for a child and returns its exit code; a signal that only interrupted the wait does not count.
wait_for() {
  local before status
  while :; do
    before=$signals_seen status=0
    wait "$1" || status=$?
    if ((signals_seen == before)); then return "$status"; fi
  done
}

# run_child COMMAND...: returns its exit code; if a signal killed it, 128 plus the signal.
run_child() {
  local status=0
  "$@" &
  children=($!)
  # A signal between the test and this line found no child.
  if [[ -n $stop_signal ]]; then kill -USR1 "${children[@]}" 2>/dev/null || true; fi
  wait_for "${children[0]}" || status=$?
  children=()
  # The signal met a program that was still being loaded and had done nothing yet.
  if [[ -n $stop_signal ]] && ((status == exit_by_signal)); then status=$exit_interrupted; fi
  return "$status"
}

# Whether the same command may succeed if repeated: it was interrupted or killed.
may_go_on() { (($1 == exit_interrupted || $1 > 128)); }

# finish_shard COMMAND...: repeats it while it is interrupted or killed, at most max_restarts times and not after a
# signal to this script. Returns the last exit code.
finish_shard() {
  local status restarts=0
  while :; do
    status=0
    if [[ -n $stop_signal ]]; then return "$exit_interrupted"; fi
    run_child "$@" || status=$?
    if [[ -n $stop_signal ]] || ! may_go_on "$status" || ((restarts >= ${max_restarts:-10})); then return "$status"; fi
    restarts=$((restarts + 1))
    printf '%s: ended with %d; again (%d of at most %d restarts)\n' "${1##*/}" "$status" "$restarts" "${max_restarts:-10}" >&2
  done
}

# What to do after an exit code of a prepare stage.
advice() {
  case $1 in
    "$exit_interrupted") echo "was asked to stop; the same command resumes" ;;
    "$exit_locked") echo "another process is at work on it; wait for that one, or end it" ;;
    2) echo "cannot be run like this; fix the flags" ;;
    3) echo "a file is missing or cannot be written; mend that and give the same command again" ;;
    4) echo "bad data; fix it (or --on_bad_row skip, or --restart where the message says so) and give the command again" ;;
    *) if (($1 > 128)); then echo "killed by signal $(($1 - 128)); is there enough memory?"; else echo "see its message"; fi ;;
  esac
}
