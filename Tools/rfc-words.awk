# How often each section of an RFC's text says MUST, SHOULD, SHALL, REQUIRED,
# RECOMMENDED or RECOMMEND: section, tab, number. What stands before the first
# section is 0. Appendices are left out, and the labels of RFC 9293 (MUST-1).
/^\f/ || /\[Page [0-9]+\]$/ || /^RFC [0-9]+ .* (19|20)[0-9][0-9]$/ { next }
/^[0-9]+\.([0-9]+\.?)* +[A-Z]/ && !/\.\.\./ { section = $1; sub(/\.$/, "", section) }
/^(Appendix|[A-F]\.) / && !/\.\.\./ { exit }
# The numbered paragraphs of RFC 6298.
rfc == 6298 && match($0, /^ +\([2-5]\.[0-9]\) /) {
  section = substr($0, RSTART, RLENGTH)
  gsub(/[ ()]/, "", section)
}
rfc == 6298 && section ~ /^[2-5]\.[0-9]/ && /^   [A-Z]/ { section = substr(section, 1, 1) }
{
  text = $0
  while (match(text, /MUST|SHOULD|SHALL|REQUIRED|RECOMMEND(ED)?/)) {
    word = substr(text, RSTART, RLENGTH)
    text = substr(text, RSTART + RLENGTH)
    if (!(word == "MUST" && text ~ /^-/)) n[section == "" ? 0 : section]++
  }
}
END { for (s in n) print s "\t" n[s] }
