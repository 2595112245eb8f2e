# What the machine said about the tests in, what there is to say about it out: nothing but the sum, or what failed and in which
# test, with the line that says it. -v expected=COUNT -v requirements=COUNT

function told() {
  if (name != "") print "   " name
  name = ""
}

/^begins / {
  name = running = substr($0, 8)
  next
}
/^ran [0-9]+ tests, / {
  ran = $0
  next
}
{ told() }
match($0, /^[^ :]+:[0-9]+: failed/) {
  split($0, place, ":")
  for (i = 1; i <= place[2]; i++) if ((getline source < place[1]) <= 0) source = ""
  close(place[1])
  sub(/^ */, "", source)
  print "      " $0
  print "         " source
  next
}
{ print "      " $0 }

END {
  if (ran == "") {
    print "   ended within " running
    exit 1
  }
  split(ran, n, " ")
  failed = n[6]
  printf "   %d tests of %d requirements, %d checks, %s failed, %d KiB of memory at most\n", n[2], requirements, n[4], \
    failed ? failed : "none", n[8]
  if (n[2] != expected) {
    print "   " expected " were registered"
    exit 1
  }
  exit failed != 0
}
