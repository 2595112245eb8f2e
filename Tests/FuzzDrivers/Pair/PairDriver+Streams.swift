import MartletStack
import MartletTCP
import MartletWire

// What is read is what was written: the oracle of the pair.

extension PairDriver {
  /// Reads, and compares with what the other end wrote.
  mutating func receive(_ end: Int, _ n: Int, most: Int) throws(Finding) {
    guard most > 0 else { return }
    var octets = Octets(repeating: 0, count: most)
    let id = ends[end].talks[n].id
    do throws(ReceiveError) {
      var elements = octets.mutableSpan
      var out = elements.mutableBytes
      let count = try ends[end].stack.receive(id, into: &out, now: now)
      octets.removeLast(most - count)
    } catch {
      if error != .wouldBlock { ends[end].talks[n].isOver = true }
      return
    }
    tell("\(end) reads \(octets.count) octets on \(ends[end].talks[n].stream)")
    if octets.isEmpty {
      ends[end].talks[n].isOver = true
      return try checkEnd(of: ends[end].talks[n], at: end)
    }
    try check(octets, &ends[end].talks[n], at: end)
  }

  private func check(_ octets: Octets, _ talk: inout PairEnd.Talk, at end: Int) throws(Finding) {
    guard isJudged(talk) else { return }
    let number = talk.peerStream ?? Int(octets[0])
    try expect(
      streams.indices.contains(number) && isHeard(number, by: talk, at: end),
      "what comes to \(talk.stream) is a stream of its peer, not \(number)")
    talk.peerStream = number
    for octet in octets {
      try expect(
        octet == PairStream.octet(of: number, at: talk.received),
        "octet \(talk.received) of stream \(number) is the one that was sent")
      talk.received &+= 1
    }
    try expect(talk.received <= streams[number].sent, "no more of stream \(number) comes than was sent")
  }

  /// The peer's FIN comes after all that it sent, and it has sent one.
  private func checkEnd(of talk: PairEnd.Talk, at end: Int) throws(Finding) {
    guard !talk.isReadShut, isJudged(talk) else { return }
    let mayEnd = streams.indices.contains { number in
      (talk.peerStream ?? number) == number && isHeard(number, by: talk, at: end)
        && streams[number].hasFinished && streams[number].sent == talk.received
    }
    try expect(mayEnd, "stream \(talk.stream) is read to its end after \(talk.received) octets: all of it")
  }

  private func isHeard(_ number: Int, by talk: PairEnd.Talk, at end: Int) -> Bool {
    let stream = streams[number]
    return stream.end != end && stream.local == talk.remote && stream.remote == talk.local
  }

  /// Not where somebody forges, or two streams may have the same numbers.
  func isJudged(_ talk: PairEnd.Talk) -> Bool {
    guard !setup.mayForge else { return false }
    return !mixed.contains { $0 == (talk.local, talk.remote) || $0 == (talk.remote, talk.local) }
  }

  /// More connections were accepted between two ports than were opened: a SYN or a cookie came again when its
  /// connection was over (Documentation/Defence.md). Then nothing in a segment tells which of two streams it is of,
  /// and the second connection has nobody at its other end.
  mutating func noteMixed(_ local: Endpoint, _ remote: Endpoint) {
    var opened = 0
    var accepted = 0
    for stream in streams {
      let isEither =
        stream.local == local && stream.remote == remote || stream.local == remote && stream.remote == local
      guard isEither else { continue }
      if stream.isAccepted { accepted += 1 } else { opened += 1 }
    }
    if accepted > opened { mixed.append((local, remote)) }
  }
}
