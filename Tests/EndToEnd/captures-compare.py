"""Lays what `martlet ladder` says of captures beside what others say, for Tests/EndToEnd/captures.

  captures-compare.py findings MARTLET FILE...                       what tshark names, packet by packet
  captures-compare.py states MARTLET FILE=NEAR/FAR... SAMPLES@ENDS...   what `ss` said, as captures-peers.py wrote it down
  captures-compare.py lists LIST LIST 4|46                           lists of flows of two captures of the same packets

Ends are the addresses of a side, with commas; the first side is the near one, where the capture was made. Near and far are
the milliseconds before and after a change within which a sample of that side says nothing: a segment takes its time.

Prints tables and every difference. Leaves with 1 where less than 99 % agree, or too little was to be seen.
"""

import collections
import json
import subprocess
import sys

WANTED = 0.99


def lines(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.splitlines()


# Findings.

# A kind, our words for it, tshark's fields, and how many of them there have to be for the test to mean something.
KINDS = [
    (
        "retransmission",
        {"retransmission", "fast retransmission", "needless retransmission"},
        ["retransmission", "fast_retransmission", "spurious_retransmission"],
        50,
    ),
    ("out of order", {"out of order"}, ["out_of_order"], 20),
    ("duplicate ACK", {"duplicate ACK"}, ["duplicate_ack"], 100),
    ("zero window", {"zero window"}, ["zero_window"], 10),
    ("window probe", {"window probe", "keep-alive"}, ["zero_window_probe", "keep_alive"], 5),
    ("previous segment lost", {"gap before it"}, ["lost_segment"], 50),
]
FIELDS = [field for _, _, fields, _ in KINDS for field in fields]


def findings(martlet, *files):
    both, ours_alone, theirs_alone = (collections.Counter() for _ in range(3))
    for file in files:
        ours = {o["packet"]: set(o["findings"]) for o in map(json.loads, lines(martlet, "ladder", file, "--findings", "--json"))}
        fields = [word for field in FIELDS for word in ("-e", "tcp.analysis." + field)]
        rows = lines("tshark", "-r", file, "-Y", "tcp", "-T", "fields", "-E", "separator=|", "-e", "frame.number", *fields)
        for row in rows:
            number, *values = row.split("|")
            theirs = {field for field, value in zip(FIELDS, values) if value}
            said = ours.get(int(number), set())
            for kind, words, names, _ in KINDS:
                we, they = bool(said & words), bool(theirs & set(names))
                if we and they:
                    both[kind] += 1
                elif we or they:
                    (ours_alone if we else theirs_alone)[kind] += 1
                    print(f"   {file.rsplit('/')[-1]} packet {number}: {kind} says only {'martlet' if we else 'tshark'};"
                        f" martlet: {', '.join(sorted(said)) or 'nothing'}; tshark: {', '.join(sorted(theirs)) or 'nothing'}")
    print(f"   {'':22} {'martlet':>8} {'tshark':>8} {'both':>8}  agreement")
    fine = True
    for kind, _, _, least in KINDS:
        all_of_them = both[kind] + ours_alone[kind] + theirs_alone[kind]
        share = both[kind] / all_of_them if all_of_them else 0
        fine = fine and share >= WANTED and both[kind] >= least
        print(f"   {kind:22} {both[kind] + ours_alone[kind]:8} {both[kind] + theirs_alone[kind]:8} {both[kind]:8}"
            f"  {100 * share:6.2f} %" + ("" if both[kind] >= least else f": fewer than {least} are no test"))
    return fine


# States.

SPELLINGS = {
    "ESTAB": "ESTABLISHED",
    "SYN-RECV": "SYN-RECEIVED",
}
# Each has to be seen, or the test means little.
STATES = ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"]
# Come and go too fast for samples, unless one is lucky.
FLEETING = ["CLOSING"]
NOTHING = "no socket"
# Whose server vanishes, which no segment tells.
VANISHING = ":7006"


def plain(address):
    return address.replace("[::ffff:", "").replace("]", "", 1) if address.startswith("[::ffff:") else address


class Timeline:
    """What is inferred of one end, and for how long around a change nobody can say on which side of it a sample is."""

    def __init__(self, first, near, far):
        self.changes = [(0, first)]
        self.near, self.far = near, far

    def during(self, before, after, is_near):
        """The only state from then to then; None: there were two."""
        margin = self.near if is_near else self.far
        last = [state for time, state in self.changes if time < before - margin][-1]
        within = [state for time, state in self.changes if before - margin <= time <= after + margin]
        return None if within else last


def host(end):
    return end[0].rpartition(":")[0].strip("[]")


def shown(state):
    """How an end shows itself in ss."""
    return NOTHING if state in (None, "CLOSED", "LISTEN") else state


def timelines(martlet, files):
    ends = {}
    for file in files:
        name, _, margins = file.partition("=")
        near, far = (int(margin) * 1_000_000 for margin in margins.split("/"))
        for change in map(json.loads, lines(martlet, "ladder", name, "--states", "--json")):
            end = (change["local"], change["remote"])
            line = ends.setdefault(end, Timeline(shown(change.get("old")), near, far))
            line.changes.append((change["time_ns"], shown(change.get("new"))))
    return ends


def states(martlet, *arguments):
    ends = timelines(martlet, [a for a in arguments if "@" not in a])
    agreed, seen = collections.Counter(), collections.Counter()
    changing = unknowable = 0
    differences = collections.Counter()
    sides = [a.split("@") for a in arguments if "@" in a]
    for samples, addresses in sides:
        is_near = samples == sides[0][0]
        own = addresses.split(",")
        local = {end for end in ends if host(end) in own}
        for sample in (json.loads(line) for line in open(samples)):
            said = {(plain(ours), plain(theirs)): SPELLINGS.get(state, state) for state, ours, theirs in sample["sockets"]}
            for end in local | {end for end in said if host(end) in own}:
                kernel = said.get(end, NOTHING)
                inferred = ends[end].during(sample["before"], sample["after"], is_near) if end in ends else NOTHING
                if inferred is None:
                    changing += 1
                elif end[0].endswith(VANISHING) and kernel == NOTHING and inferred != NOTHING:
                    unknowable += 1
                elif kernel != NOTHING or inferred != NOTHING:
                    seen[kernel] += 1
                    agreed[kernel] += kernel == inferred
                    if kernel != inferred:
                        differences[(*end, kernel, inferred)] += 1
    for (ours, theirs, kernel, inferred), count in sorted(differences.items()):
        print(f"   {ours} - {theirs}: ss says {kernel}, inferred is {inferred}: {count} times")
    print(f"   {'ss said':14} {'samples':>8} {'inferred':>9}")
    for state in STATES + [NOTHING]:
        if seen[state] or state in STATES:
            print(f"   {state:14} {seen[state]:8} {agreed[state]:9}")
    total, right = seen.total(), agreed.total()
    missing = [state for state in STATES if not seen[state] and state not in FLEETING]
    print(f"   {'all':14} {total:8} {right:9}  {100 * right / max(1, total):.2f} %; {changing} samples while a state changed count for neither,")
    print(f"   and {unknowable} of a server whose end no segment told")
    if missing:
        print(f"   never seen: {', '.join(missing)}")
    return not missing and right >= WANTED * total and unknowable > 0


# Lists.


def flows(file, families):
    """Each flow of these families, "4" or "46", by its ends, without its times."""
    found = {}
    for flow in map(json.loads, open(file)):
        if "6" in families or "[" not in flow["client"]:
            found[flow["client"], flow["server"]] = {k: v for k, v in flow.items() if k not in ("number", "first_ns", "last_ns")}
    return found


def lists(whole, other, families):
    whole, other = flows(whole, families), flows(other, families)
    for ends in whole.keys() | other.keys():
        if whole.get(ends) != other.get(ends):
            print(f"   {ends}: {whole.get(ends)}, {other.get(ends)}")
    return whole == other and len(whole) > 10


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    sys.exit(0 if {"findings": findings, "states": states, "lists": lists}[what](*rest) else 1)
