# shellcheck shell=bash
# For scripts that run long commands: shows the progress of a command whose output goes into a log.
# On a terminal it is one line that moves each second; elsewhere a line every half minute (LATCHKEY_PROGRESS_SECONDS).

# with_progress WHAT LOG COUNT COMMAND...: runs COMMAND with all its output in LOG, and returns its exit code. COUNT is a
# function that reads the progress from its input, the log, and prints nothing where it cannot tell.
with_progress() {
  local what=$1 log=$2 count=$3 status=0 ticker
  shift 3
  : >"$log"
  show_progress "$what" "$log" "$count" &
  ticker=$!
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  # Not SIGTERM: bash loses one that comes while a new subshell sets its handlers up, and the wait would never end.
  { kill -KILL "$ticker" && wait "$ticker"; } 2>/dev/null || true
  if [ -t 1 ]; then printf '\r\033[K'; fi
  return "$status"
}

show_progress() {
  local what=$1 log=$2 count=$3 started=$SECONDS interval=1 far never
  [ -t 1 ] || interval=${LATCHKEY_PROGRESS_SECONDS:-30}
  # A pipe that nobody writes to: unlike a child that sleeps, a read from it keeps no output open once this shell is killed.
  exec {never}<> <(:)
  # A script that is killed cannot stop this shell, so the shell looks for it.
  while kill -0 $$ 2>/dev/null; do
    read -rt "$interval" -u "$never" || true
    far=$("$count" <"$log" || true)
    far="$what:${far:+ $far,} $(spoken_time $((SECONDS - started))) so far"
    if [ -t 1 ]; then printf '\r\033[K%s' "$far"; else echo "$far"; fi
  done
}

spoken_time() {
  if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# ninja with NINJA_STATUS='[%f/%t] '.
count_ninja() {
  tail -c 65536 | sed -nE 's|^\[([0-9]+)/([0-9]+)\] .*|file \1 of \2|p' | tail -n 1
}

count_apt() {
  awk '/ newly installed/ { for (i = 1; i < NF; i++) if ($(i + 1) == "newly") all = $i }
    /^Get:/ && all { got++ } /^Setting up / { up++ }
    END { if (up) print "package " up " of " all " set up"; else if (all) print (got < all ? got + 0 : all) " of " all " packages fetched" }'
}

count_ctest() {
  tail -c 65536 | sed -nE 's|^ *([0-9]+)/([0-9]+) Test .*|test \1 of \2|p' | tail -n 1
}

count_tap() {
  awk '/^ *(not )?ok / { tests++ } END { if (tests) print tests " tests" }'
}
