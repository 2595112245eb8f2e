import MartletStack
import MartletTCP
import MartletWire

// What peers, application and device do to a stack that has little memory.

extension BudgetDriver {
  mutating func openConnections(_ count: Int, to service: Service) throws(Finding) {
    for _ in 0...count {
      guard adversaries.count < Self.most else { return }
      try openConnection(to: service)
    }
    decide()
  }

  /// The whole handshake; it may be refused.
  @discardableResult
  mutating func openConnection(to service: Service) throws(Finding) -> Int {
    let n = adversaries.count
    adversaries.append(Adversary(n, to: service.port))
    if service == .fastOpen {
      // A cookie is asked for, or brought with some text, and sometimes it is wrong.
      var cookie = cookies[adversaries[n].own.address] ?? []
      if n % 16 == 15, !cookie.isEmpty { cookie[0] ^= 1 }
      try inject(adversaries[n].segment(.syn, count: cookie.isEmpty ? 0 : n % 5 * 100, cookie: cookie))
    } else {
      try inject(adversaries[n].segment(.syn))
    }
    drainEvents()
    try pull()
    guard adversaries[n].seen != SequenceNumber(0), !adversaries[n].wasReset else { return n }
    adversaries[n].next = adversaries[n].acked
    adversaries[n].isOpen = true
    try inject(adversaries[n].segment(.ack))
    drainEvents()
    return n
  }

  /// From sources that nobody has.
  mutating func floodSYNs(_ count: Int, to service: Service) throws(Finding) {
    let salt = UInt32(script.next())
    for i in 0..<UInt32(count) {
      let header = TCPHeader(
        sourcePort: UInt16(truncatingIfNeeded: 40_000 &+ i), destinationPort: service.port,
        seq: SequenceNumber(i), ack: SequenceNumber(0), flags: .syn, window: UnscaledWindow(1_000))
      let isIPv4 = salt & 3 != 0
      let source: IPAddress =
        isIPv4
        ? .v4(IPv4Address(10, 0, 0, UInt8(224 + (salt &+ i) % 30)))
        : .v6(IPv6Address(high: 0xfd00_0007_0000_1000, low: UInt64(salt &+ i)))
      try inject(
        packet(
          .tcp, from: source, to: isIPv4 ? Places.own4 : Places.own6,
          octets(header.encodedCount) { header.write(into: &$0, at: 0) }))
    }
  }

  /// Text in order, as if windows did not exist; what is not acknowledged is sent again the next time.
  mutating func sendText(from n: Int, segments: Int, size: Int) throws(Finding) {
    guard adversaries.indices.contains(n), adversaries[n].isOpen else { return }
    if adversaries[n].acked.follows(adversaries[n].first) { adversaries[n].next = adversaries[n].acked }
    for _ in 0..<segments where adversaries[n].isOpen {
      try inject(adversaries[n].segment(.ack, count: size))
      adversaries[n].next = adversaries[n].next.advanced(by: UInt32(size))
    }
    if adversaries[n].acked.follows(adversaries[n].first) { adversaries[n].next = adversaries[n].acked }
  }

  /// Every other piece of what would come next, the last first.
  mutating func sendShuffled(from n: Int, _ count: Int) throws(Finding) {
    guard adversaries.indices.contains(n), adversaries[n].isOpen else { return }
    if adversaries[n].acked.follows(adversaries[n].first) { adversaries[n].next = adversaries[n].acked }
    let size = 1 + Int(script.next()) * 4
    for i in 0..<count where adversaries[n].isOpen {
      let place = UInt32((count - i) * 2 * size)
      try inject(adversaries[n].segment(.ack, at: place, count: size))
    }
  }

  /// Everybody acknowledges what came, and opens or shuts the window.
  mutating func acknowledge(opening: Bool) throws(Finding) {
    for n in adversaries.indices where adversaries[n].isOpen {
      adversaries[n].window = opening ? 65_535 : 0
      try inject(adversaries[n].segment(.ack))
    }
  }

  /// Everybody acknowledges one octet, and the application has more for him.
  mutating func takeOctets() throws(Finding) {
    for n in adversaries.indices where adversaries[n].isOpen {
      try inject(adversaries[n].segment(.ack, taking: 1))
      write(4_096, to: n)
    }
    try pull()
    drainEvents()
  }

  /// What the stack does not take is left for when it says that it does.
  mutating func write(_ count: Int, to n: Int) {
    guard adversaries.indices.contains(n), adversaries[n].connection != nil, count > 0 else { return }
    adversaries[n].unsent = min(adversaries[n].unsent + count, 65_536)
    writeRest(to: n)
  }

  mutating func writeRest(to n: Int) {
    guard let id = adversaries[n].connection, adversaries[n].unsent > 0 else { return }
    let text = Octets(repeating: 5, count: adversaries[n].unsent)
    guard let taken = try? stack.send(id, text.span.bytes, now: now) else { return }
    adversaries[n].unsent -= taken
  }

  /// What is read is what was sent.
  mutating func read(from n: Int) throws(Finding) {
    guard adversaries.indices.contains(n), let id = adversaries[n].connection else { return }
    var room = Octets(repeating: 0, count: 4_096)
    while true {
      var elements = room.mutableSpan
      var out = elements.mutableBytes
      guard let count = try? stack.receive(id, into: &out, now: now), count > 0 else { return }
      for i in 0..<count {
        let place = adversaries[n].first.advanced(by: adversaries[n].read &+ UInt32(i))
        try expect(room[i] == Adversary.octet(at: place), "every octet that is read is the one that was sent")
      }
      adversaries[n].read &+= UInt32(count)
    }
  }

  mutating func close(_ argument: Int) {
    let n = argument >> 2
    guard adversaries.indices.contains(n), let id = adversaries[n].connection else { return }
    switch argument & 3 {
    case 0: try? stack.close(id, now: now)
    case 1: try? stack.abort(id, now: now)
    case 2: return (try? stack.shutdown(id, .send, now: now)) ?? ()
    default: return (try? stack.shutdown(id, .receive, now: now)) ?? ()
    }
    adversaries[n].connection = nil
  }

  mutating func wait(_ argument: Int) throws(Finding) {
    switch argument & 3 {
    case 0: try advance(to: now.advanced(by: .milliseconds(Int64(argument) * 16)))
    case 1: try advance(to: stack.nextDeadline(now: now) ?? now)
    case 2: withholds.toggle()
    default: try advance(to: now.advanced(by: .seconds(Int64(argument))))
    }
    decide()
  }

  /// UDP that nobody reads, or somebody does.
  mutating func datagrams(_ argument: Int) throws(Finding) {
    guard let socket else { return }
    for i in 0..<(argument & 63) {
      let text = Octets(repeating: 9, count: i & 1 == 0 ? 1 : 1_200)
      let header = UDPHeader(
        sourcePort: 9, destinationPort: 53, totalCount: UInt16(UDPHeader.encodedCount + text.count))
      let payload = octets(UDPHeader.encodedCount) { header.write(into: &$0, at: 0) } + text
      try inject(packet(.udp, from: Places.peer4, to: Places.own4, payload))
    }
    guard argument & 64 != 0 else { return }
    var room = Octets(repeating: 0, count: 2_000)
    while true {
      var elements = room.mutableSpan
      var out = elements.mutableBytes
      guard (try? stack.receive(socket, into: &out, now: now)) != nil else { return }
    }
  }

  /// The application itself: connections to somebody who does not answer, and datagrams.
  mutating func sendOut(_ argument: Int) throws(Finding) {
    let peer = Endpoint(address: Places.peer4, port: 7)
    if argument & 1 == 0 {
      guard outbound.count < 32, let id = try? stack.connect(to: peer, now: now) else { return }
      outbound.append(id)
      _ = try? stack.send(id, Octets(repeating: 1, count: argument << 6).span.bytes, now: now)
    } else if let socket {
      let text = Octets(repeating: 2, count: argument * 5)
      for _ in 0..<8 { try? stack.send(socket, text.span.bytes, to: peer, now: now) }
    }
  }

  /// Somebody who keeps the rules: connects, sends a hundred octets, has them read and sent back. He may be
  /// refused while others hold everything, and tries again, but not for ever. The others go on meanwhile: each
  /// takes an octet now and then.
  mutating func serveHonestClient(of service: Service) throws(Finding) {
    withholds = false
    isFickle = false
    defer { isFickle = true }
    decide()
    try pull()
    drainEvents()
    for _ in 0..<60 {
      if try serve(service) { return }
      for _ in 0..<2 {
        try takeOctets()
        try advance(to: now.advanced(by: .milliseconds(900)))
      }
    }
    throw Finding(
      "an honest client of \(service) is served: \(stack.memory), \(stack.held), \(stack.memoryUse())")
  }

  private mutating func serve(_ service: Service) throws(Finding) -> Bool {
    let n = try openConnection(to: service)
    guard adversaries[n].isOpen, let id = adversaries[n].connection else { return false }
    let first = adversaries[n].acked
    try sendText(from: n, segments: 1, size: 100)
    // Time for a delayed acknowledgment.
    try advance(to: now.advanced(by: .milliseconds(50)))
    guard adversaries[n].isOpen, adversaries[n].acked == first.advanced(by: 100) else {
      // It would be sent again; here the whole of it is tried again.
      try? stack.abort(id, now: now)
      adversaries[n].connection = nil
      try pull()
      return false
    }
    try read(from: n)
    let sentByPeer = first.advanced(by: 100).distance(from: adversaries[n].first)
    try expect(adversaries[n].read == sentByPeer, "what an honest client sent can be read")
    let seen = adversaries[n].seen
    let sent = try? stack.send(id, Octets(repeating: 3, count: 100).span.bytes, now: now)
    try pull()
    let isServed = sent == 100 && adversaries[n].seen == seen.advanced(by: 100)
    try? stack.abort(id, now: now)
    adversaries[n].connection = nil
    try pull()
    return isServed
  }
}
