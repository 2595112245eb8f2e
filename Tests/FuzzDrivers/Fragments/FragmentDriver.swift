import MartletStack
import MartletTCP
import MartletWire

/// Plays fragments of both families to a stack, and to an array: true ones, others that overlap, end elsewhere or
/// say otherwise, in any order, with time between them. What the stack delivers is what the array has, at the same
/// moment; what it says is well formed.
public func driveFragments(_ input: [UInt8]) throws(Finding) {
  var driver = try FragmentDriver(ByteScript(input))
  while !driver.script.isAtEnd { try driver.step() }
  try driver.tearDown()
}

struct FragmentDriver: ~Copyable {
  var script: ByteScript
  private var stack: NetworkStack
  private let interface: InterfaceID
  private let socket: UDPSocketID
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var model = NaiveReassembly()
  /// The limits are so narrow that datagrams are pushed out: then the array knows more than the stack.
  private let isNarrow: Bool
  /// Datagrams of which some fragment was not true.
  private var corrupted: [NaiveReassembly.Name] = []

  init(_ script: ByteScript) throws(Finding) {
    var script = script
    let limits = script.next()
    let isNarrow = limits & 1 != 0
    var configuration = StackConfiguration()
    configuration.chunksPerArena = 1
    configuration.reassemblyLimit = isNarrow ? 10_000 + UInt32(limits >> 2) * 1_024 : 64 << 20
    if limits & 3 == 3 { configuration.memoryBudget = 96_000 + Int(limits >> 2) * 2_048 }
    var stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    let addresses = [IPPrefix(Places.own4, length: 24), IPPrefix(Places.own6, length: 64)]
    guard let interface = try? stack.addInterface(InterfaceConfiguration(addresses: addresses)),
      let socket = try? stack.openDatagram(on: LocalEndpoint(port: 53))
    else { throw Finding("a stack has an interface and a socket") }
    self.script = script
    self.isNarrow = isNarrow
    self.interface = interface
    self.socket = socket
    self.stack = stack
  }

  /// One instruction: the low four bits say what, the others of which datagram.
  mutating func step() throws(Finding) {
    let instruction = script.next()
    let name = NaiveReassembly.Name(
      isIPv4: instruction & 16 == 0, source: instruction >> 5 & 1, identification: instruction >> 6)
    switch instruction & 15 {
    case 0...12: try inject(drawPiece(of: name), of: name)
    case 13: try wait(.milliseconds(Int64(script.next()) * 300))
    case 14: stack = stack.copy()
    default: try pull()
    }
    if let violated = stack.checkInvariants() { throw Finding("\(violated)") }
    try expect(
      isNarrow || stack.held.unfinishedDatagrams == model.count,
      "as many wait as in the array: \(stack.held.unfinishedDatagrams), \(model.count)")
  }

  // MARK: Fragments

  /// The whole that a name stands for.
  private func truth(_ name: NaiveReassembly.Name) -> Octets {
    let counts = [16, 112, 1_592, 8_992]
    let text = (0..<counts[Int(name.identification & 3)]).map {
      UInt8(truncatingIfNeeded: $0 ^ $0 >> 8 ^ Int(name.identification))
    }
    let header = UDPHeader(
      sourcePort: 4_000, destinationPort: 53, totalCount: UInt16(8 + text.count))
    let datagram = octets(8) { header.write(into: &$0, at: 0) } + text
    let own = name.isIPv4 ? Places.own4 : Places.own6
    return Octets(packet(.udp, from: source(name), to: own, datagram).dropFirst(name.isIPv4 ? 20 : 40))
  }

  private func source(_ name: NaiveReassembly.Name) -> IPAddress {
    if name.isIPv4 { return .v4(IPv4Address(10, 0, 0, 9 + name.source)) }
    return .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 9 + UInt64(name.source)))
  }

  private mutating func drawPiece(of name: NaiveReassembly.Name) -> NaiveReassembly.Piece {
    let whole = truth(name)
    let unit = whole.count > 2_000 ? 64 : 8
    var start = Int(script.next()) * unit
    var count = max(Int(script.next()) % 176, 1) * 8
    let flags = script.next()
    if flags & 16 != 0 { start = 65_400 + Int(script.next() >> 4) * 8 }
    var isLast = start + count >= whole.count
    if isLast, flags & 32 == 0, start < whole.count { count = whole.count - start }
    if flags & 1 != 0 { count += Int(flags >> 6) + 1 }
    if flags & 2 != 0 { isLast.toggle() }
    var octets = (start..<start + count).map { $0 < whole.count ? whole[$0] : UInt8(truncatingIfNeeded: $0) }
    if flags & 4 != 0 { octets[count / 2] ^= 1 }
    if flags & 0x37 != 0, !corrupted.contains(name) { corrupted.append(name) }
    extras = flags & 8 != 0
    return NaiveReassembly.Piece(start: start, octets: octets, isLast: isLast)
  }

  /// Whether the next fragment has options, or an extension header, before what makes it one.
  private var extras = false

  private func fragment(_ piece: NaiveReassembly.Piece, of name: NaiveReassembly.Name) -> Octets {
    let word = UInt16(truncatingIfNeeded: piece.start)
    if name.isIPv4 {
      let headerCount = extras ? 24 : 20
      var header = Octets(
        packet(.udp, from: source(name), to: Places.own4, Octets(repeating: 0, count: 8)).prefix(20))
      header += extras ? [1, 1, 1, 1] : []
      header[0] = extras ? 0x46 : 0x45
      header = replacing(header, UInt16(truncatingIfNeeded: headerCount + piece.octets.count), at: 2)
      header = replacing(header, UInt16(name.identification), at: 4)
      header = replacing(header, word >> 3 | (piece.isLast ? 0 : 0x2000), at: 6)
      header = replacing(header, 0, at: 10)
      var sum = InternetChecksum()
      sum.add(header.span.bytes)
      return replacing(header, sum.field, at: 10) + piece.octets
    }
    var header = Octets(
      packet(.udp, from: source(name), to: Places.own6, Octets(repeating: 0, count: 8)).prefix(40))
    header[6] = extras ? 60 : 44
    if extras { header += [44, 0, 1, 4, 0, 0, 0, 0] }
    header += [17, 0, 0, 0, 0, 0, 0, name.identification]
    header = replacing(header, word | (piece.isLast ? 0 : 1), at: header.count - 6)
    return replacing(header, UInt16(truncatingIfNeeded: header.count - 40 + piece.octets.count), at: 4)
      + piece.octets
  }

  /// Whether anybody would look at it twice: RFC 791, RFC 8200 §4.5, and a whole UDP header in the first.
  private func isPossible(_ piece: NaiveReassembly.Piece, of name: NaiveReassembly.Name) -> Bool {
    if !piece.isLast, piece.octets.count % 8 != 0 { return false }
    let before = name.isIPv4 ? (extras ? 24 : 20) : (extras ? 8 : 0)
    if before + piece.end > 65_535 { return false }
    return piece.start > 0 || piece.octets.count >= 8
  }

  private mutating func inject(
    _ piece: NaiveReassembly.Piece, of name: NaiveReassembly.Name
  ) throws(Finding) {
    let bytes = fragment(piece, of: name)
    // All at once is no fragment, and of IPv6 an atomic one.
    let isAlone = piece.start == 0 && piece.isLast
    let before = stack.counters.drops
    stack.receive(bytes.span.bytes, on: interface, now: now)
    var whole: Octets?
    if isAlone {
      whole = piece.octets
    } else if isPossible(piece, of: name) {
      whole = model.add(piece, of: name, at: milliseconds)
    } else {
      try expect(stack.counters.drops > before, "what cannot be is dropped")
    }
    let expected = whole.flatMap { text(of: $0, name) }
    let seen = try received()
    if isNarrow {
      guard let seen else { return }
      try expect(
        corrupted.contains(name) || seen == Octets(truth(name).dropFirst(8)),
        "what was pushed out is not mixed with what comes")
    } else {
      try expect(
        seen == expected,
        "the stack delivers what the array has: \(seen?.count ?? -1), \(expected?.count ?? -1) octets")
    }
  }

  /// What a socket gets of a datagram; nil: nothing, its length or sum is wrong.
  private func text(of datagram: Octets, _ name: NaiveReassembly.Name) -> Octets? {
    guard datagram.count >= 8 else { return nil }
    let length = Int(datagram[4]) << 8 | Int(datagram[5])
    guard length >= 8, length <= datagram.count, datagram[2] == 0, datagram[3] == 53 else { return nil }
    let whole = Octets(datagram.prefix(length))
    if whole[6] == 0, whole[7] == 0 { return name.isIPv4 ? Octets(whole.dropFirst(8)) : nil }
    var sum = InternetChecksum.pseudoHeader(
      source: source(name), destination: name.isIPv4 ? Places.own4 : Places.own6, proto: .udp, length: length)
    sum.add(whole.span.bytes)
    return sum.isValid ? Octets(whole.dropFirst(8)) : nil
  }

  private mutating func received() throws(Finding) -> Octets? {
    var block = Octets(repeating: 0, count: 65_536)
    var span = block.mutableSpan
    var out = span.mutableBytes
    do throws(DatagramError) {
      let count = try stack.receive(socket, into: &out, now: now).count
      return Octets(block.prefix(count))
    } catch {
      try expect(error == .wouldBlock, "a socket has text or has none: \(error)")
      return nil
    }
  }

  // MARK: Time, and what is said

  private var milliseconds: Int64 { Int64(now.nanoseconds / 1_000_000) }

  private mutating func wait(_ amount: TimeAmount) throws(Finding) {
    now = now.advanced(by: amount)
    stack.advance(to: now)
    model.advance(to: milliseconds)
    try pull()
  }

  /// Errors are all that is said, and each is well formed.
  private mutating func pull() throws(Finding) {
    var buffer = Octets(repeating: 0, count: 1_500)
    while true {
      var span = buffer.mutableSpan
      var out = span.mutableBytes
      guard let sent = stack.nextPacket(on: interface, into: &out, now: now) else { return }
      let bytes = Octets(buffer.prefix(sent.count))
      if let view = IPv4HeaderView(validating: bytes.span.bytes) {
        try expect(view.isChecksumValid && view.proto == .icmp, "an error over IPv4 is ICMP")
        let message = ICMPv4MessageView(validating: view.payload)
        try expect(message?.isChecksumValid == true && sent.count <= 576, "its sum is right, and its length")
      } else if let view = IPv6HeaderView(validating: bytes.span.bytes) {
        try expect(view.nextHeader == .icmpv6 && sent.count <= 1_280, "an error over IPv6 is ICMPv6")
        let message = ICMPv6MessageView(validating: view.payload)
        let isValid = message?.isChecksumValid(source: view.source, destination: view.destination)
        try expect(isValid == true, "its sum is right")
      } else {
        throw Finding("what leaves is a packet")
      }
    }
  }

  /// When all time is over, nothing is left.
  mutating func tearDown() throws(Finding) {
    try wait(.seconds(61))
    let held = stack.held
    try expect(held.unfinishedDatagrams == 0, "nothing waits for ever")
    try expect(held.chunks == 0, "what waited is given back: \(held.chunks)")
    if let violated = stack.checkInvariants() { throw Finding("\(violated)") }
  }
}
