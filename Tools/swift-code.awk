# Swift source in, `file:line:code` out, with comments and the text of string
# literals blanked, so that a rule about code is never tripped by prose.
# An interpolation is blanked with its literal. Lines without code are left out.

FNR == 1 { block = 0; text = 0 }

{
  rest = $0
  code = ""
  while (rest != "") {
    if (block) {
      end = index(rest, "*/")
      if (!end) { rest = ""; break }
      rest = substr(rest, end + 2)
      block = 0
    } else if (text) {
      end = index(rest, "\"\"\"")
      if (!end) { rest = ""; break }
      rest = substr(rest, end + 3)
      code = code "\"\""
      text = 0
    } else if (match(rest, /"""|"|\/\/|\/\*/)) {
      token = substr(rest, RSTART, RLENGTH)
      code = code substr(rest, 1, RSTART - 1)
      rest = substr(rest, RSTART + RLENGTH)
      if (token == "//") rest = ""
      else if (token == "/*") block = 1
      else if (token == "\"\"\"") text = 1
      else {
        code = code "\"\""
        if (match(rest, /^([^"\\]|\\.)*"/)) rest = substr(rest, RLENGTH + 1)
        else rest = ""
      }
    } else {
      code = code rest
      rest = ""
    }
  }
  if (code ~ /[^ \t]/) print FILENAME ":" FNR ":" code
}
