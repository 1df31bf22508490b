#!/usr/bin/env bash
# Registers, validates and attaches a customer's key through Latchkey's Admin API. Looks first and changes only what differs,
# so it may run as often as one likes; it never detaches, replaces or deletes anything.
#   latchkey-key.sh register|validate|attach
# Everything comes from the environment: LATCHKEY_URL, LATCHKEY_CA_FILE; the Admin key from the file LATCHKEY_ADMIN_KEY_FILE
# or else from LATCHKEY_ADMIN_KEY, and to curl by a pipe, so that no process list shows it. What each step needs stands in it.
# Exit codes: 0 done or already so, 1 refused or failed, 2 wrong environment.
set -euo pipefail

fail() {
  echo "latchkey: $2" >&2
  exit "$1"
}

need() {
  local name
  for name in "$@"; do
    [ -n "${!name:-}" ] || fail 2 "$name is not set"
  done
}

need_key() {
  need EXTERNAL_KEY_ID
  [[ $EXTERNAL_KEY_ID =~ ^[A-Za-z0-9_-]+$ ]] || fail 2 "\"$EXTERNAL_KEY_ID\" is no external key's id"
}

read_admin_key() {
  if [ -n "${LATCHKEY_ADMIN_KEY_FILE:-}" ]; then
    [ -r "$LATCHKEY_ADMIN_KEY_FILE" ] || fail 2 "cannot read the Admin key: no readable file $LATCHKEY_ADMIN_KEY_FILE"
    admin_key=$(<"$LATCHKEY_ADMIN_KEY_FILE")
  else
    admin_key=${LATCHKEY_ADMIN_KEY:-}
    [ -n "$admin_key" ] || fail 2 "no Admin key: set LATCHKEY_ADMIN_KEY where Terraform runs, or admin_api_key_file"
  fi
  unset LATCHKEY_ADMIN_KEY
  # It becomes a header: nothing that could begin another one.
  [[ $admin_key =~ ^[[:graph:]]+$ ]] || fail 2 "the Admin key is not one word of printable characters"
}

# An Admin key leaves this machine only under TLS.
check_url() {
  url=${LATCHKEY_URL%/}
  [[ $url =~ ^https://[^/?#@[:space:]]+(/[^?#[:space:]]*)?$ ]] ||
    [[ $url =~ ^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?$ ]] ||
    fail 2 "LATCHKEY_URL must be https://HOST (http for this machine alone), and is \"$url\""
}

# Method, path, JSON body or nothing, further curl options. Leaves the answer in $answer, or ends with what was said.
call() {
  local method=$1 path=$2 body=$3 status said
  shift 3
  # Into a file: what a retried request said first would stay on the standard output.
  local options=(-sS -X "$method" --connect-timeout 10 --max-time 60 -o "$scratch/answer" -w '%{http_code}' "$@")
  options+=(-H 'accept: application/json' -H 'anthropic-version: 2023-06-01')
  if [ -n "${LATCHKEY_CA_FILE:-}" ]; then options+=(--cacert "$LATCHKEY_CA_FILE"); fi
  if [ -n "$body" ]; then options+=(-H 'content-type: application/json' --data-binary "$body"); fi
  if ! status=$(curl "${options[@]}" -H @<(printf 'x-api-key: %s\n' "$admin_key") "$url$path" 2>"$scratch/error"); then
    fail 1 "$url could not be reached: $(<"$scratch/error"). Check LATCHKEY_URL, the way there, and ca_file; then apply again"
  fi
  answer=$(<"$scratch/answer")
  jq -e 'type == "object"' >/dev/null 2>&1 <<<"$answer" ||
    fail 1 "$url$path answered $status with what is not Latchkey's JSON: is LATCHKEY_URL right?"
  [ "$status" != 200 ] || return 0
  said=$(jq -r '.error | objects | .message // empty' <<<"$answer")
  case $status in
    401 | 403) said+=" (it takes an Admin key of the organisation: LATCHKEY_ADMIN_KEY or admin_api_key_file)" ;;
  esac
  fail 1 "refused ($status): ${said:-no reason given} [$(jq -r '.request_id // "no request id"' <<<"$answer")]"
}

# Safe to send again: curl waits as long as retry-after says.
call_again() {
  call "$@" --retry 4 --retry-max-time 90
}

# The registration of this vault and key, or nothing. Of several, the one in use, else the oldest.
find_registration() {
  local page='' all='[]'
  while :; do
    call_again GET "/v1/organizations/external_keys?limit=100${page:+&page=$(jq -rn --arg page "$page" '$page | @uri')}" ''
    all=$(jq -c --argjson all "$all" '$all + .data' <<<"$answer")
    page=$(jq -r '.next_page // empty' <<<"$answer")
    [ -n "$page" ] || break
  done
  jq -c --arg vault "$VAULT_URI" --arg key "$KEY_NAME" '
    def same: ascii_downcase | sub("/+$"; "");
    [.[] | select(.provider_config | .type == "azure" and (.vault_uri | same) == ($vault | same)
                                     and (.key_name | same) == ($key | same))]
    | sort_by(.attachment.type != "attached", .created_at) | first // empty' <<<"$all"
}

register() {
  need VAULT_URI KEY_NAME TENANT_ID
  local found config body id said
  found=$(find_registration)
  config=$(jq -nc '{type: "azure", vault_uri: env.VAULT_URI, key_name: env.KEY_NAME, tenant_id: env.TENANT_ID}
    + if (env.CLIENT_ID // "") == "" then {} else {client_id: env.CLIENT_ID} end')
  if [ -z "$found" ]; then
    body=$(jq -c '{geo: "us", provider_config: .}
      + if (env.DISPLAY_NAME // "") == "" then {} else {display_name: env.DISPLAY_NAME} end' <<<"$config")
    call POST /v1/organizations/external_keys "$body"
    said='registered as'
  else
    answer=$found
    said='already registered as'
    body=$(jq -c --argjson config "$config" '
      (if .provider_config.tenant_id == $config.tenant_id and (.provider_config.client_id // "") == ($config.client_id // "")
       then {} else {provider_config: $config} end)
      + if (env.DISPLAY_NAME // "") == "" or .display_name == env.DISPLAY_NAME then {} else {display_name: env.DISPLAY_NAME} end
      ' <<<"$found")
    if [ "$body" != '{}' ]; then
      call_again POST "/v1/organizations/external_keys/$(jq -r .id <<<"$found")" "$body"
      said='corrected'
    fi
  fi
  id=$(jq -r '.id // empty' <<<"$answer")
  [[ $id =~ ^[A-Za-z0-9_-]+$ ]] || fail 1 "$url gave a registration without a proper id"
  echo "$said $id"
  if [ -n "${ID_FILE:-}" ]; then
    mkdir -p "$(dirname "$ID_FILE")"
    echo "$id" >"$ID_FILE"
  fi
}

validate() {
  need_key
  local longest_wait=${WAIT_SECONDS:-0} reason
  while :; do
    call_again POST "/v1/organizations/external_keys/$EXTERNAL_KEY_ID/validate" '{}'
    if [ "$(jq -r .status <<<"$answer")" = success ]; then
      echo "wrapped and unwrapped with $EXTERNAL_KEY_ID"
      return
    fi
    reason=$(jq -r '.error // "no reason given"' <<<"$answer")
    case $reason in
      *[Cc]onditional\ [Aa]ccess* | *"for the server's operator to fix"*) fail 1 "$EXTERNAL_KEY_ID failed validation: $reason" ;;
    esac
    if [ $SECONDS -ge "$longest_wait" ]; then fail 1 "$EXTERNAL_KEY_ID failed validation after $SECONDS s: $reason"; fi
    echo "role assignments take minutes to work; trying again ($SECONDS s, at most $longest_wait s): $reason"
    sleep "${INTERVAL_SECONDS:-10}"
  done
}

attach() {
  need_key
  need WORKSPACE_ID
  [[ $WORKSPACE_ID =~ ^[A-Za-z0-9_-]+$ ]] || fail 2 "\"$WORKSPACE_ID\" is no workspace's id"
  local path=/v1/organizations/workspaces/$WORKSPACE_ID holds
  call_again GET "$path" ''
  holds=$(jq -r '.external_key_id // empty' <<<"$answer")
  if [ "$holds" = "$EXTERNAL_KEY_ID" ]; then
    echo "$WORKSPACE_ID already holds $EXTERNAL_KEY_ID"
    return
  elif [ -n "$holds" ]; then
    fail 1 "$WORKSPACE_ID holds $holds already, which can be neither detached nor replaced; nothing was changed. To use\
 $EXTERNAL_KEY_ID, make a new workspace and name that one in workspace_ids"
  fi
  call_again POST "$path" "$(jq -nc '{external_key_id: env.EXTERNAL_KEY_ID}')"
  echo "$WORKSPACE_ID holds $EXTERNAL_KEY_ID, for good"
}

for tool in curl jq; do
  command -v "$tool" >/dev/null || fail 2 "$tool is not installed where Terraform runs"
done
need LATCHKEY_URL
check_url
read_admin_key
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case ${1:-} in
  register | validate | attach) "$1" ;;
  *) fail 2 'usage: latchkey-key.sh register|validate|attach' ;;
esac
