# Manifests from templates. All values are written as JSON, which is YAML too and leaves nothing to be guessed from a value.
# shellcheck shell=bash disable=SC2154
declare -A field=()  # name in a template -> its value, as JSON

# Characters that YAML does not take as they are, or reads as line ends: controls, U+0085, U+2028, U+2029, the byte order mark.
declare -A escapes=([$'\xe2\x80\xa8']='\u2028' [$'\xe2\x80\xa9']='\u2029' [$'\xef\xbb\xbf']='\ufeff')
name_escapes() {
  local i character
  for i in {1..31} {127..159}; do
    # shellcheck disable=SC2059
    printf -v character "$(printf '%s\\x%02x' "$( ((i < 128)) || printf '\\xc2')" "$i")"
    escapes[$character]=$(printf '\\u%04x' "$i")
  done
  escapes[$'\n']='\n'
}
name_escapes

json_string() {  # TEXT
  local LC_ALL=C text=${1//\\/\\\\} character
  text=${text//\"/\\\"}
  # Their first bytes, because most texts have none of them.
  if [[ $text == *[$'\x01'-$'\x1f\x7f\xc2\xe2\xef']* ]]; then
    for character in "${!escapes[@]}"; do text=${text//"$character"/"${escapes[$character]}"}; done
  fi
  printf '"%s"' "$text"
}

json_list() {  # TEXT...
  local text separator=
  printf '['
  for text in "$@"; do
    printf '%s' "$separator"
    json_string "$text"
    separator=", "
  done
  printf ']'
}

json_map() {  # KEY VALUE...
  local separator=
  printf '{'
  while (($#)); do
    printf '%s%s: %s' "$separator" "$(json_string "$1")" "$(json_string "$2")"
    separator=", "
    shift 2
  done
  printf '}'
}

# pairs_of TEXT: sets `pairs` to KEY VALUE... of KEY=VALUE,...
pairs_of() {
  local pair list
  pairs=()
  IFS=, read -ra list <<<"$1"
  for pair in "${list[@]}"; do pairs+=("${pair%%=*}" "${pair#*=}"); done
}

# literal TEXT...: sets `texts`. Kubernetes replaces $(NAME) in commands and environments, and $$ by $.
literal() { texts=("${@//$/'$$'}"); }

# render FILE: prints it without comments, with every ${name} replaced by that field.
render() {
  local rest before
  rest=$(grep -v '^ *#' "$1") || { echo "error: $1 cannot be read, or is empty" >&2; return 3; }
  while [[ $rest =~ \$\{([A-Za-z0-9_]*)\} ]]; do
    if [[ -z ${field[${BASH_REMATCH[1]:-none}]+set} ]]; then
      echo "error: $1: ${BASH_REMATCH[0]} is none of the fields $(printf '%s\n' "${!field[@]}" | sort | paste -sd' ')" >&2
      return 2
    fi
    before=${rest%%"${BASH_REMATCH[0]}"*}
    rest=${rest#*"${BASH_REMATCH[0]}"}
    printf '%s%s' "$before" "${field[${BASH_REMATCH[1]}]}"
  done
  printf '%s\n' "$rest"
}

# Fields that all manifests share.
common_fields() {
  local pairs own=(app.kubernetes.io/name armorm app.kubernetes.io/instance "$prefix")
  field[pod_labels]=$(json_map "${own[@]}")
  pairs_of "$labels"
  field[job_labels]=$(json_map "${own[@]}" "${pairs[@]}")
  pairs_of "$node_selector"
  field[node_selector]=$(json_map "${pairs[@]}")
  field[image]=$(json_string "$image")
  field[mount]=$(json_string "$mount")
  field[grace_seconds]=$grace_seconds
  field[max_restarts]=$max_restarts
  field[secrets]="[]"
  if [[ -n $secret ]]; then field[secrets]="[{\"secretRef\": $(json_map name "$secret")}]"; fi
  volume_fields
  user_fields
}

volume_fields() {
  local mounts volumes
  mounts=$(json_map name data mountPath "$mount")
  volumes="{\"name\": \"data\", \"persistentVolumeClaim\": $(json_map claimName "$claim")}"
  if [[ -n $config ]]; then
    mounts+=", $(json_map name config mountPath "${config%/*}")"
    volumes+=", {\"name\": \"config\", \"configMap\": {\"name\": ${field[config_map]}}}"
  fi
  field[volume_mounts]="[$mounts]"
  field[volumes]="[$volumes]"
}

user_fields() {
  local fields='"seccompProfile": {"type": "RuntimeDefault"}'
  if [[ -n $user ]]; then
    fields+=", \"runAsNonRoot\": true, \"runAsUser\": $user, \"runAsGroup\": $user, \"fsGroup\": $user, \"fsGroupChangePolicy\": \"OnRootMismatch\""
  fi
  field[security_context]="{$fields}"
}

# Fields of the ConfigMap. Its name depends on the content, so that the pods of a Job all read the same.
config_fields() {
  local text
  text=$(<"$config_file") || exit 3
  field[config_text]=$(json_string "$text")
  field[config_map]=$(json_string "$prefix-config-$(sha256sum <<<"$text" | cut -c1-10)")
}

# pod_fields N_GPUS CPUS MEMORY COMMAND...
pod_fields() {
  local gpus=$1 cpus=$2 mem=$3 texts
  local resources=(cpu "$cpus" memory "$mem")
  shift 3
  literal "$@"
  field[command]=$(json_list "${texts[@]}")
  literal "$mount/huggingface"
  field[environment]="[$(json_map name HF_HOME value "${texts[0]}")"
  field[tolerations]="[]"
  if ((gpus)); then
    resources+=("$gpu_resource" "$gpus")
    field[tolerations]="[$(json_map key "$gpu_resource" operator Exists)]"
  else
    # An image for GPUs asks NVIDIA's runtime for all of the node's.
    field[environment]+=", $(json_map name NVIDIA_VISIBLE_DEVICES value void)"
  fi
  field[environment]+="]"
  field[resources]=$(json_map "${resources[@]}")
}
