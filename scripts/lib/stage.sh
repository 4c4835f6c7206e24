# Runs the steps of a script, each with a line of its own on stderr and its output in a log file.
# Set before: `logs`, an existing folder; `n_stages`; `verbose`, not empty to show the output too.
# shellcheck shell=bash disable=SC2154
stage_number=0
stage_ticker=
readonly shown_log_lines=15

on_terminal() { [[ -t 2 && ${TERM:-} != dumb ]]; }

terminal_columns() {
  local rows columns
  read -r rows columns < <(stty size <&2 2>/dev/null) || true
  [[ ${rows:-0} != 0 && ${columns:-0} != 0 ]] || columns=80
  echo "$columns"
}

# seconds_text SECONDS: "12 s", "3 min 05 s"
seconds_text() { if (($1 < 60)); then echo "$1 s"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi; }

# tick LABEL LOG BEGAN: redraws the line with the time and the last line of the log, until it is killed.
tick() {
  local line most
  while sleep 0.5; do
    most=$(terminal_columns)
    line="$1 $(seconds_text $((SECONDS - $3)))  $(tail -c 500 "$2" 2>/dev/null | tr '\r' '\n' | tail -n 1 | tr -cd '[:print:]')"
    printf '\r\033[K%s' "${line:0:most-1}" >&2
  done
}

end_ticker() {
  [[ -n $stage_ticker ]] || return 0
  kill "$stage_ticker" 2>/dev/null || true
  wait "$stage_ticker" 2>/dev/null || true
  stage_ticker=
}
trap end_ticker EXIT

# run_stage NAME TITLE COMMAND...: runs it with its output in $logs/NAME.log. If it fails, shows the end of the log, and exits with its
# status. In a function that is the command, 'set -e' has no effect: join its steps with &&.
run_stage() {
  local name=$1 log=$logs/$1.log began=$SECONDS status=0 label
  stage_number=$((stage_number + 1))
  label=$(printf '[%d/%d] %s' "$stage_number" "$n_stages" "$2")
  shift 2
  if [[ -n $verbose ]]; then
    say "$label"
    ("$@") 2>&1 | tee "$log" >&2 || status=$?
    printf '%s:' "$label" >&2
  else
    printf '%s' "$label ..." >&2
    : >"$log"
    if on_terminal; then
      tick "$label" "$log" "$began" &
      stage_ticker=$!
    fi
    ("$@") >"$log" 2>&1 || status=$?
    end_ticker
    if on_terminal; then printf '\r\033[K%s' "$label:" >&2; fi
  fi
  if ((status != 0)); then
    printf ' failed after %s\n' "$(seconds_text $((SECONDS - began)))" >&2
    if [[ -z $verbose ]]; then tail -n "$shown_log_lines" "$log" | sed 's/^/  | /' >&2; fi
    printf 'error: %s: exit code %d; the complete log is %s\n' "$name" "$status" "$log" >&2
    exit "$status"
  fi
  printf ' %s\n' "$(seconds_text $((SECONDS - began)))" >&2
}
