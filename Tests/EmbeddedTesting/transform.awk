# Tests for Swift Testing in, Embedded Swift out: which has no macros for tests, and no error that may be any error.
#
#   awk -v out=FOLDER -v machine=wasm|arm -f transform.awk left-out.txt TEST.swift...
#
# Each file goes to FOLDER under its own name, lines where they were. @Test and @Suite become functions that call the test
# with each of its arguments, over each family; FOLDER/Registration.swift names them all. #expect and #require become calls of the
# module Testing here. `try` becomes `try!`, for what a test throws ends it anyhow; not in `do`, which catches.
# FOLDER/registered.txt has those that are called, FOLDER/left-out.txt those that left-out.txt names. Whatever else a test says about itself stops the translation.

function fail(text) {
  print FILENAME ":" FNR ": " text > "/dev/stderr"
  failed = 1
  exit 1
}

# Where the bracket that opens at the first character closes; 0: on a later line.
function closing(text,   i, c, depth, quoted) {
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (quoted) {
      if (c == "\\") i++
      else if (c == "\"") quoted = 0
    } else if (c == "\"") quoted = 1
    else if (c ~ /[[({]/) depth++
    else if (c ~ /[])}]/ && --depth == 0) return i
  }
  return 0
}

# The parts between commas of what stands in the brackets, from 1; how many.
function parts(text, into,   i, c, depth, quoted, n, start) {
  delete into
  text = text ","
  start = 1
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (quoted) {
      if (c == "\\") i++
      else if (c == "\"") quoted = 0
    } else if (c == "\"") quoted = 1
    else if (c ~ /[[({]/) depth++
    else if (c ~ /[])}]/) depth--
    else if (c == "," && !depth) {
      into[++n] = substr(text, start, i - start)
      gsub(/^[ \n]+|[ \n]+$/, "", into[n])
      if (into[n] == "") n--
      start = i + 1
    }
  }
  return n
}

# What an attribute says, into name, families, condition and lists.
function read_attribute(text,   said, n, i, isList) {
  name = condition = ""
  families = lists = 0
  n = parts(text, said)
  for (i = 1; i <= n; i++) {
    if (said[i] ~ /^arguments:/) isList = 1
    if (isList) {
      sub(/^arguments: */, "", said[i])
      list[++lists] = said[i]
    } else if (said[i] ~ /^"/) name = substr(said[i], 2, length(said[i]) - 2)
    else if (said[i] == ".bothFamilies") families = 1
    else if (said[i] ~ /^[.]enabled[(]if: .*[)]$/) condition = substr(said[i], 14, length(said[i]) - 14)
    else fail("nobody knows here what " said[i] " means")
  }
}

# A function that calls the test with everything. Its parameters are in brackets.
function register(function_name, text,   said, n, i, of, full, call, body, ends, circumstances) {
  tests_of[type]++
  full = type "." function_name
  if ((machine, full) in left_out || ("any", full) in left_out) {
    print file ":" place ": " name > (out "/left-out.txt")
    used[full] = 1
    return
  }
  n = parts(text, said)
  full = ""
  if (lists == 1 && n > 1 && list[1] ~ /^\[.*\]$/ && list[1] !~ / as \[|[(][a-zA-Z]+: /) {
    for (i = 1; i <= n; i++) {
      of = said[i]
      sub(/^[^:]*: /, "", of)
      full = full (i > 1 ? ", " : "") of
    }
    list[1] = list[1] " as [(" full ")]"
  }
  for (i = 1; i <= n; i++) {
    # The values are what the parameter is.
    if (lists == n && list[i] ~ /^\[.*\]$/) {
      of = said[i]
      sub(/^[^:]*: /, "", of)
      list[i] = list[i] " as [" of "]"
    }
    call = call (i > 1 ? ", " : "")
    if (said[i] !~ /^_ /) { sub(/[ :].*/, "", said[i]); call = call said[i] ": " }
    call = call (lists == 1 && n > 1 ? "argument1." (i - 1) : "argument" i)
  }
  if (lists != n && lists != 1) fail(n " parameters and " lists " lists of arguments")
  for (i = 1; i <= lists; i++) {
    body = body "for (place" i ", argument" i ") in (" list[i] ").enumerated() {\n"
    circumstances = circumstances (i > 1 ? ", " : ", with argument ") "\\(place" i ")"
    ends = ends " }"
  }
  if (condition != "") body = "guard " condition " else { return }\n" body
  code[++registered] = body "Tally.circumstances = FAMILY + \"" circumstances "\"\n" \
    "\t" type "()." function_name "(" call ")" ends "\n"
  has_families[registered] = families
  function_of[registered] = function_name
  type_of[registered] = type
  file_of[registered] = target
  name_of[registered] = name
  place_of[registered] = file ":" place
}

FNR == NR {
  if ($0 !~ /^(#|$)/) left_out[$1, $2] = $2
  next
}

FNR == 1 {
  file = FILENAME
  n = split(FILENAME, steps, "/")
  target = out "/" steps[n]
  type = ""
  attribute = signature = kept = ""
  pending = 0
  if (target in seen) fail("another file has this name")
  seen[target] = 1
  print "#sourceLocation(file: \"" FILENAME "\", line: 1)" > target
}

{ line = $0 }

# Attributes, away.
line ~ /^ *@(Test|Suite)/ {
  kind = line ~ /^ *@Test/ ? "Test" : "Suite"
  place = FNR
  rest = line
  sub(/^ *@(Test|Suite)/, "", rest)
  if (rest !~ /^[(]/) {
    read_attribute("")
    line = rest
    pending = kind == "Test"
  } else {
    attribute = rest
    line = ""
  }
  suite_families = 0
}
attribute != "" {
  if (line != "") attribute = attribute "\n" line
  end = closing(attribute)
  line = ""
  if (end) {
    line = substr(attribute, end + 1)
    read_attribute(substr(attribute, 2, end - 2))
    attribute = ""
    pending = kind == "Test"
    if (kind == "Suite") suite_families = families
  }
}

# Types, and functions behind an attribute.
match(line, /^ *((public|private|fileprivate|final) )*(struct|class|enum|extension) [A-Za-z]+/) && line !~ /^  / {
  type = substr(line, RSTART, RLENGTH)
  sub(/.* /, "", type)
  if (suite_families) of_suite[type] = 1
  suite_families = 0
}
pending && match(line, /func [A-Za-z0-9_]+[(]/) {
  signature = substr(line, RSTART + 5)
  pending = 0
  begins = 1
}
signature != "" {
  if (!begins) signature = signature "\n" line
  begins = 0
  start = index(signature, "(")
  end = closing(substr(signature, start))
  if (end) {
    register(substr(signature, 1, start - 1), substr(signature, start + 1, end - 2))
    signature = ""
  }
}

# What catches errors keeps its `try`.
kept == "" && line ~ /^ *do( throws[(][A-Za-z]+[)])? [{]$/ {
  kept = line
  sub(/do.*/, "}", kept)
}
# So does what says which error it throws.
line ~ /func / { is_typed = 0 }
line ~ /(func .*[)] |^ *([)] )?)throws[(][A-Za-z]+[)]/ && line !~ /^ *do / { is_typed = 1 }
kept == "" && is_typed && line ~ /[{]$/ {
  is_typed = 0
  kept = line
  sub(/[^ ].*/, "}", kept)
}
kept == "" && match(line, /#expect[(]throws: [A-Za-z]+[.][A-Za-z.()]+(, "[^"]*")?[)] [{]/) && line !~ /throws: Never[.]self/ {
  error = substr(line, RSTART + 16)
  sub(/[.].*/, "", error)
  if (line ~ /[{]$/) {
    kept = line
    sub(/#.*/, "}", kept)
  }
  here = RSTART + RLENGTH
  line = substr(line, 1, here - 1) " () throws(" error ") in" substr(line, here)
  gsub(/try /, "try\001", line)
}
line !~ /^ *\/\// {
  gsub(/#(expect|require)[(]/, "Testing.&", line)
  gsub(/Testing[.]#/, "Testing.", line)
  if (kept == "") gsub(/try /, "try! ", line)
  gsub(/\001/, " ", line)
  gsub(/ throws ->/, " ->", line)
  gsub(/ throws [{]/, " {", line)
  # Key paths are not, but what they are short for is.
  while (match(line, /\\[.][A-Za-z0-9_.?]+/))
    line = substr(line, 1, RSTART - 1) "{ $0" substr(line, RSTART + 1, RLENGTH - 1) " }" substr(line, RSTART + RLENGTH)
}
kept != "" && index(line, kept) == 1 { kept = "" }
{ print line > target }

END {
  if (failed) exit 1
  for (pair in left_out) {
    split(pair, words, SUBSEP)
    if ((words[1] == machine || words[1] == "any") && !(words[2] in used)) left_out_unused = left_out_unused " " words[2]
  }
  all = out "/Registration.swift"
  names = out "/registered.txt"
  print "let tests: [TestFunction] = [" > all
  for (i = 1; i <= registered; i++) {
    body = code[i]
    if (!ended[file_of[i]]++) print "#sourceLocation()" > file_of[i]
    print "extension " type_of[i] " {\nstatic func run_" function_of[i] "() {" > file_of[i]
    if (has_families[i] || type_of[i] in of_suite) {
      sub(/FAMILY/, "(isSecond ? \", over IPv6\" : \", over IPv4\")", body)
      body = "for isSecond in [false, true] {\nRepetition.isSecond = isSecond\n" body "}\nRepetition.isSecond = false\n"
    }
    sub(/FAMILY/, "\"\"", body)
    print body "}\n}" > file_of[i]
    print place_of[i] "\t" name_of[i] > names
    print "TestFunction(name: \"" place_of[i] ": " name_of[i] "\", run: " type_of[i] ".run_" function_of[i] ")," > all
  }
  print "]" > all
  if (left_out_unused != "") fail("left out and not there:" left_out_unused)
}
