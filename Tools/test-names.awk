# The names of tests: file:line, tab, the name. It is the first literal after
# @Test( or @Suite(, on the same line or on the next. A disabled test shows
# nothing. With -v kind=Test suites are left out.
function name_of(text) { return match(text, /"([^"\\]|\\.)*"/) ? substr(text, RSTART + 1, RLENGTH - 2) : "" }
BEGIN { start = "@(" (kind == "" ? "Test|Suite" : kind) ")[(]" }
/[.]disabled[(]/ && $0 ~ start { waiting = 0; next }
waiting { print FILENAME ":" FNR "\t" name_of($0); waiting = 0 }
match($0, start) {
  rest = substr($0, RSTART)
  if (index(rest, "\"")) print FILENAME ":" FNR "\t" name_of(rest)
  else waiting = 1
}
