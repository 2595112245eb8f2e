# What every tool says in the same way. Sourced, never run.
#
#   heading TEXT          a section begins
#   looked TEXT           what a check has looked at, so that "nothing found" means something
#   found FILE:LINE TEXT  one offence; counted
#   verdict NAME          ends a check: exit status 1 if anything was found

offences=0

heading() { printf '\n== %s\n' "$*"; }

looked() { printf '   looked at %s\n' "$*"; }

found() {
  offences=$((offences + 1))
  printf '   %s\n' "$*" >&2
}

verdict() {
  if [ "$offences" -gt 0 ]; then
    printf '   %s: %d found, see above\n' "$1" "$offences" >&2
    exit 1
  fi
  printf '   %s: ok\n' "$1"
}

# The Swift files below the given folders, without what a build leaves behind.
swift_files() {
  find "$@" -name '.build*' -prune -o -name '*.swift' -type f -print 2>/dev/null | LC_ALL=C sort
}

# A command of the Swift toolchain in use, although only `swift` may be on the PATH.
toolchain() {
  printf '%s/%s\n' "$(dirname "$(readlink -f "$(command -v swiftc)")")" "$1"
}

# Reads the code, without comments and literals, of the Swift files below the
# given folders into $code, as `file:line:code`.
read_code() {
  code=${code:-$(mktemp)}
  trap 'rm -f "$code"' EXIT
  local files
  mapfile -t files < <(swift_files "$@")
  awk -f Tools/swift-code.awk "${files[@]}" /dev/null >"$code"
  looked "$*: ${#files[@]} files, $(wc -l <"$code") lines of code"
}

# Leaves out of $code the files whose path matches.
without() {
  local kept
  kept=$(awk -F: -v pattern="$1" '$1 !~ pattern' "$code")
  printf '%s\n' "$kept" >"$code"
  looked "$(wc -l <"$code") of these lines, outside $1"
}

# Reports each line of $code that matches a pattern (one that begins with ^ at
# the line's start), unless the line itself says `// bounded: why`.
never() {
  local pattern=$1 reason=$2 file number text
  if [[ $pattern == ^* ]]; then pattern=" *(${pattern#^})"; else pattern=".*($pattern)"; fi
  while IFS=: read -r file number text; do
    grep -q '// bounded: ' <<<"$(sed -n "${number}p" "$file")" && continue
    found "$file:$number: $reason: $(sed 's/^ *//' <<<"$text")"
  done < <(grep -E "^[^:]*:[0-9]+:$pattern" "$code" || true)
}
