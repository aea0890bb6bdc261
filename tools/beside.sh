# Steps that run beside others; check.sh reads this file. A step is begun early, since it mostly waits (for a network, a
# disk, the one core that it can use), and judged when its turn comes: what it printed is shown then, and where it
# failed, that ends the whole like the failure of any other. One that has failed already is told between two others.
#
# Each has a session of its own, by which it is stopped together with all that it started when anything else fails or is
# interrupted: as by Ctrl-C, of which it hears nothing itself, and by force where that does not help. `set -m` would make
# groups too, but not in every sh without a terminal; setsid is not everywhere; so Python makes the session.
#
# Who reads this file has $python, and a folder for what is printed in $beside, and sets no traps.
running=""
trap 'stop_all' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# begin NAME TITLE COMMAND...: start it. A name is one word of letters.
begin() {
  name=$1
  eval "title_$name=\$2"
  shift 2
  mkdir -p "$beside"
  rm -f "$beside/$name.code"
  # A shell has what it starts in the background ignore the interrupt.
  $python -I -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.setsid()
os.execvp("sh", ["sh", "-c", "\"$@\"; code=$?; echo $code > \"$0\"; exit $code", *sys.argv[1:]])
' "$beside/$name.code" "$@" > "$beside/$name.txt" 2>&1 < /dev/null &
  eval "process_$name=$!"
  running="$running $name"
}

# settle NAME: wait for it, show what it printed, and end everything if it failed.
settle() {
  eval "title=\$title_$1 process=\$process_$1"
  echo
  echo "== $title"
  code=0
  wait "$process" || code=$?
  # Not before: whoever is interrupted while waiting stops it with the others.
  others=""
  for name in $running; do
    [ "$name" = "$1" ] || others="$others $name"
  done
  running=$others
  cat "$beside/$1.txt"
  [ "$code" = 0 ] || {
    echo "failed with code $code: $title" >&2
    exit "$code"
  }
}

# ahead: settle whatever has failed by now, which ends everything.
ahead() {
  for name in $running; do
    [ "$(cat "$beside/$name.code" 2> /dev/null || echo 0)" = 0 ] || settle "$name"
  done
}

stop_all() {
  [ -n "$running" ] || return 0
  processes=""
  for name in $running; do
    eval "processes=\"\$processes \$process_$name\""
  done
  # One that has no session yet has started nothing.
  for process in $processes; do
    kill -s INT -- "-$process" 2> /dev/null || kill -s TERM "$process" 2> /dev/null || true
  done
  # shellcheck disable=SC2086 # a word for each
  $python -I -c '
import os, signal, sys, time
time.sleep(10)
for process in map(int, sys.argv[1:]):
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        pass
' $processes > /dev/null 2>&1 &
  force=$!
  for process in $processes; do
    wait "$process" || true
    kill -s KILL -- "-$process" 2> /dev/null || true # what outlived it
  done
  kill "$force" 2> /dev/null || true
}
