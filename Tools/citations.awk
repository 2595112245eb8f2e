# What texts cite of the RFCs that Documentation/Rules has: place, tab, RFC, tab,
# a section or the id of a rule. Swift files have their comments read, and tables
# of the form "RFC 9293", "3.6"; files from test-names.awk their names; Markdown all.
#
# An RFC stays in force to the end of a comment or paragraph: RFC 8985 §7.2, §7.3.
# "(5.1)" is a section of RFC 6298 only.
function cites(text, place,    token, n) {
  while (match(text, token_pattern)) {
    token = substr(text, RSTART, RLENGTH)
    text = substr(text, RSTART + RLENGTH)
    if (token ~ /^RFC[0-9]+-/) {
      n = substr(token, 4, 4)
      print place "\t" n "\t" token
    } else if (token ~ /^RFC/) {
      rfc = substr(token, length(token) - 3)
    } else if (token ~ /^draft/) {
      rfc = ""
    } else if (token ~ /^[MSR]/) {
      print place "\t9293\t" token
    } else if (token ~ /^[(]/) {
      gsub(/[()]/, "", token)
      if (rfc == 6298) print place "\t" rfc "\t" token
    } else {
      sub(/^§/, "", token)
      if (rfc ~ /^(9293|6298|5681|7323|2018|8985|5961)$/) print place "\t" rfc "\t" token
    }
  }
}
BEGIN {
  number = "[0-9]+([.][0-9]+)*"
  token_pattern = "RFC[0-9]+-[0-9.]+-[a-z]|RFC ?[0-9][0-9][0-9][0-9]|draft-|(MUST|SHLD|REC|MAY)-[0-9]+|§" number \
    "|[(][1-9]([.][0-9])?[)]"
}
FNR == 1 { rfc = "" }
FILENAME ~ /[.]names$/ {
  rfc = ""
  split($0, field, "\t")
  cites(field[2], field[1])
  next
}
FILENAME ~ /[.]md$/ {
  if ($0 ~ /^ *$|^[|#*]/) rfc = ""
  cites($0, FILENAME ":" FNR)
  next
}
/"RFC [0-9]+", "[0-9]/ {
  rfc = ""
  line = $0
  gsub(/", "/, " §", line)
  cites(line, FILENAME ":" FNR)
  rfc = ""
  next
}
match($0, /(^|[ \t])\/\/+/) {
  if ($0 !~ /^[ \t]*\/\//) rfc = ""
  cites(substr($0, RSTART), FILENAME ":" FNR)
  next
}
{ rfc = "" }
