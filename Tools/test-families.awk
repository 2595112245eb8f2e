# S-tests that may run over one family only: file:line, tab, the name. In a file
# with addresses each has .bothFamilies behind its name or that of its suite, or
# says in its own text, code or comment, which family it runs over.
function test_ends() {
  if (isS && text !~ says) lone[++n] = place "\t" name
  place = name = text = ""
  isS = 0
}
function file_ends(   i) {
  test_ends()
  if (hasAddresses) for (i = 1; i <= n; i++) print lone[i]
  n = hasAddresses = 0
  suite = ""
}
BEGIN {
  says = "[fF]amil(y|ies)|[vV]6|version|isIPv4"
  addresses = "IPv[46]Address|v[46][(]|(Host|Pair|Scenario|Stage|Simulation|Schedule|NetworkStack)[(]"
  ids = "^([A-Z]+[0-9.]*(-[^ ]+)? )*S[0-9]+[.][0-9]+"
}
FNR == 1 { file_ends() }
$0 ~ addresses { hasAddresses = 1 }
/^ *@Suite/ { test_ends(); suite = ""; inSuite = 1 }
inSuite { suite = suite $0; if (/(struct|class|enum) /) inSuite = 0 }
/^ *@Test/ { test_ends(); place = FILENAME ":" FNR; text = suite }
place { text = text "\n" $0 }
place && name == "" && match($0, /"([^"\\]|\\.)*"/) {
  name = substr($0, RSTART + 1, RLENGTH - 2)
  isS = name ~ ids
}
END { file_ends() }
