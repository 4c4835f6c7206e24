# Divides items of work among devices, some of which may be unusable. A device that fails before it has finished anything is
# suspected, and another device tries its item. If that one finishes it, the first device was at fault and gets no more work;
# if it fails too, the item was at fault, and the first device continues. The caller sets n_items and device_list, sources
# signals.sh and defines a function `work_on ITEM DEVICE`, run in a process of its own. Items and devices are numbered by
# their position in the list.
# shellcheck shell=bash disable=SC2034,SC2154
next_item=0        # the first untried item
made=0             # finished items
failed=()          # item -> exit code
put_back=()        # item -> the device that failed on it, for another to try
taken_again=()     # item -> the second device
first_status=()    # item -> exit code of the first attempt
worker_of=()       # device -> its worker process
item_of=()         # device -> the item of its worker
proven=()          # device -> yes: it has finished an item
suspected=()       # device -> yes: it waits for the result of another device
retired=()         # device -> yes

# take DEVICE: sets `item` to the device's next item; false when there is none.
take() {
  for item in "${!put_back[@]}"; do
    if [[ ${put_back[item]} != "$1" && -z ${taken_again[item]:-} ]]; then
      taken_again[item]=$1
      return 0
    fi
  done
  if [[ -n ${suspected[$1]:-} ]] || ((next_item >= n_items)); then return 1; fi
  item=$next_item
  next_item=$((next_item + 1))
}

work_apart() {  # ITEM DEVICE
  children=()
  watch_signals
  work_on "$@"
}

begin_work() {  # DEVICE
  local item
  take "$1" || return 0
  work_apart "$item" "${device_list[$1]}" &
  worker_of[$1]=$!
  item_of[$1]=$item
  children=("${worker_of[@]}")
  # A signal between the test and this line did not know the worker.
  if [[ -n $stop_signal ]]; then kill -USR1 "${worker_of[$1]}" 2>/dev/null || true; fi
}

assign_work() {
  local device
  for device in "${!device_list[@]}"; do
    if [[ -z ${worker_of[device]:-}${retired[device]:-}${suspected[device]:-} ]]; then begin_work "$device"; fi
  done
  if ((${#worker_of[@]})); then return; fi
  # Only suspected devices are left: they try the items on which others failed.
  for device in "${!suspected[@]}"; do begin_work "$device"; done
}

# Waits for any worker; sets `device` and `status`.
wait_for_any() {
  while :; do
    for device in "${!worker_of[@]}"; do
      if ! kill -0 "${worker_of[device]}" 2>/dev/null; then
        status=0
        wait "${worker_of[device]}" || status=$?
        return
      fi
    done
    wait -n "${worker_of[@]}" 2>/dev/null || true  # a signal ends the wait too
  done
}

# Whether another device is left to try the item on which this one failed.
has_other() {
  local other
  for other in "${!device_list[@]}"; do
    if [[ $other != "$1" && -z ${retired[other]:-} ]]; then return 0; fi
  done
  return 1
}

# judge ITEM DEVICE STATUS: decides what follows from a worker's exit code.
judge() {
  local item=$1 device=$2 status=$3 first=${put_back[$1]:-}
  unset "put_back[$item]"
  if ((status == 0)); then
    made=$((made + 1))
    proven[device]=yes
    unset "suspected[$device]"
    if [[ -n $first && -z ${proven[first]:-} ]]; then retire "$first" "${device_list[device]}"; fi
  elif [[ -z $first$stop_signal && -z ${proven[device]:-} ]] && has_other "$device"; then
    echo "$0: device ${device_list[device]} failed ($status) before it finished anything; another device tries the same" >&2
    put_back[item]=$device
    first_status[item]=$status
    suspected[device]=yes
  else
    failed[item]=$status
    if [[ -n $first ]]; then unset "suspected[$first]"; fi
  fi
}

retire() {
  retired[$1]=yes
  unset "suspected[$1]"
  echo "$0: device ${device_list[$1]} gets no more work: it failed on what device $2 then finished" >&2
}

# Works until every item is made or has failed, or a signal arrives.
work_all() {
  local device status
  watch_signals
  while :; do
    if [[ -z $stop_signal ]]; then assign_work; fi
    ((${#worker_of[@]})) || break
    wait_for_any
    unset "worker_of[$device]"
    children=("${worker_of[@]}")
    judge "${item_of[device]}" "$device" "$status"
  done
  for item in "${!put_back[@]}"; do failed[item]=${first_status[item]}; done
}
