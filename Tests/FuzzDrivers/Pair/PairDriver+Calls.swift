import MartletStack
import MartletTCP
import MartletWire

// Calls of the two applications. Their errors are part of what is tried.

extension PairDriver {
  private static var servicePort: UInt16 { 80 }
  /// As many as there are octets that tell them apart, with room to spare.
  private static var mostStreams: Int { 60 }

  mutating func listen(_ end: Int) {
    guard ends[end].listener == nil else { return }
    ends[end].listener = try? ends[end].stack.listen(
      on: LocalEndpoint(port: Self.servicePort), ends[end].listens)
  }

  /// From a port that the stack chooses to the other's service, or from one of four to one of four: that both do so
  /// makes a simultaneous open.
  mutating func connect(_ end: Int, fromChosenPort isChosen: Bool) {
    let ports = isChosen ? script.next() : 0
    guard streams.count < Self.mostStreams else { return }
    var from: LocalEndpoint?
    var to = Self.servicePort
    if isChosen {
      let local = 4_000 + UInt16(ports & 3)
      if ports & 16 == 0 { to = 4_000 + UInt16(ports >> 2 & 3) }
      guard mayUse(local, to, at: end) else { return }
      from = LocalEndpoint(port: local)
    }
    tell("\(end) connects from \(from.map { "\($0.port)" } ?? "any port") to \(to)")
    let remote = Endpoint(address: ends[1 - end].address, port: to)
    guard let id = try? ends[end].stack.connect(to: remote, from: from, now: now) else { return }
    begin(id, end, isAccepted: false)
  }

  /// What tells old from new on the same two ports is the clock behind initial numbers: 250 a millisecond. A
  /// stream that is faster than the clock and is aborted may be mistaken for the next, whoever's the TCP
  /// (RFC 9293 §3.4.1). Four seconds are a million numbers, more than any script sends.
  private func mayUse(_ local: UInt16, _ remote: UInt16, at end: Int) -> Bool {
    let place = ends[end].chosen.firstIndex { $0.local == local && $0.remote == remote }
    guard let place else {
      ends[end].chosen.append((local, remote, now))
      return true
    }
    let isLongAgo = now.since(ends[end].chosen[place].at) > .seconds(4)
    ends[end].chosen[place].at = now
    return isLongAgo
  }

  private mutating func begin(_ id: ConnectionID, _ end: Int, isAccepted: Bool) {
    guard let report = try? ends[end].stack.status(id, now: now) else { return }
    ends[end].talks.append(
      PairEnd.Talk(id: id, stream: streams.count, local: report.local, remote: report.remote))
    streams.append(
      PairStream(end: end, local: report.local, remote: report.remote, isAccepted: isAccepted))
    noteMixed(report.local, report.remote)
    tell("\(end) has connection \(streams.count - 1): \(report.local) to \(report.remote)")
  }

  /// Takes who has come. Those that there is no number for are let go.
  mutating func accept(_ end: Int) {
    guard let listener = ends[end].listener else { return }
    while let id = try? ends[end].stack.accept(listener) {
      if streams.count < Self.mostStreams {
        begin(id, end, isAccepted: true)
      } else {
        try? ends[end].stack.abort(id, now: now)
      }
    }
  }

  mutating func serve(_ end: Int, _ how: Int) {
    switch how {
    case 0...4: accept(end)
    case 5:
      guard let listener = ends[end].listener else { return }
      tell("\(end) closes its listener")
      try? ends[end].stack.close(listener, now: now)
      ends[end].listener = nil
    default: listen(end)
    }
  }

  /// One of its connections: the script says which, where there are several.
  private mutating func choose(_ end: Int) -> Int? {
    let count = ends[end].talks.count
    return count < 2 ? (count == 1 ? 0 : nil) : Int(script.next()) % count
  }

  mutating func send(_ end: Int, _ how: Int) throws(Finding) {
    guard let n = choose(end) else { return }
    let count = script.nextCount()
    let talk = ends[end].talks[n]
    let begin = streams[talk.stream].sent
    let text = (0..<UInt32(count)).map { PairStream.octet(of: talk.stream, at: begin &+ $0) }
    guard
      let taken = try? ends[end].stack.send(talk.id, text.span.bytes, urgent: how == 7, now: now)
    else { return }
    tell("\(end) sends \(taken) of \(count) octets on \(talk.stream)")
    try expect(taken <= count, "no more is taken than was given")
    try expect(taken == 0 || !streams[talk.stream].hasFinished, "what is shut takes no text")
    streams[talk.stream].sent &+= UInt32(taken)
  }

  mutating func receive(_ end: Int, _ how: Int) throws(Finding) {
    guard let n = choose(end) else { return }
    try receive(end, n, most: how == 0 ? script.nextCount() : how << 11)
  }

  mutating func shut(_ end: Int, _ how: Int) throws(Finding) {
    guard let n = choose(end) else { return }
    let talk = ends[end].talks[n]
    tell("\(end) shuts or closes \(talk.stream) (\(how))")
    switch how {
    case 0, 1: try? ends[end].stack.shutdown(talk.id, .send, now: now)
    case 2:
      try? ends[end].stack.shutdown(talk.id, .receive, now: now)
      ends[end].talks[n].isReadShut = true
      return
    case 3:
      try? ends[end].stack.shutdown(talk.id, .both, now: now)
      ends[end].talks[n].isReadShut = true
    case 4, 5:
      try? ends[end].stack.close(talk.id, now: now)
      ends[end].talks.remove(at: n)
    default:
      try? ends[end].stack.abort(talk.id, now: now)
      ends[end].talks.remove(at: n)
    }
    streams[talk.stream].hasFinished = true
  }

  /// Calls that change no stream.
  mutating func look(_ end: Int, _ how: Int) {
    guard let n = choose(end) else { return }
    let id = ends[end].talks[n].id
    switch how {
    case 0: _ = try? ends[end].stack.takeError(id)
    case 1: _ = try? ends[end].stack.status(id, now: now)
    case 2: _ = try? ends[end].stack.readiness(id)
    case 3: ends[end].stack = ends[end].stack.copy()
    default:
      guard var options = try? ends[end].stack.options(id) else { return }
      let bits = script.next()
      options.noDelay = bits & 1 != 0
      options.quickAck = bits & 2 != 0
      options.keepAlive = bits & 4 != 0
      options.userTimeout = bits & 8 != 0 ? .seconds(2) : .zero
      options.linger = bits & 16 != 0 ? .atMost(.milliseconds(Int64(bits) * 10)) : .background
      options.receiveBuffer = bits & 32 != 0 ? 1 : 0
      options.maximumSegmentSize = bits & 64 != 0 ? 200 : 0
      options.pacing = bits & 128 != 0
      try? ends[end].stack.setOptions(id, options, now: now)
    }
  }
}
