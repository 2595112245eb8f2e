# The ids that tests name: id, tab, file:line, tab, the name; from the output of
# test-names.awk. Ids stand at the start of a name; MUST-51/52 is two of them.
BEGIN { FS = "\t"; id = "(S[0-9]+[.][0-9]+|(MUST|SHLD|MAY|REC)-[0-9]+|[POERT][0-9]+)([/][0-9]+)*" }
{
  n = split($2, words, /[ ,]+/)
  for (i = 1; i <= n; i++) {
    sub(/[:.]$/, "", words[i])
    if (words[i] !~ "^(" id "|RFC[0-9]+-[0-9.]+-[a-z]([/][a-z])*)$") next
    m = split(words[i], parts, "/")
    print parts[1] "\t" $1 "\t" $2
    stem = parts[1]
    sub(/([0-9]+|[a-z])$/, "", stem)
    for (j = 2; j <= m; j++) print stem parts[j] "\t" $1 "\t" $2
  }
}
