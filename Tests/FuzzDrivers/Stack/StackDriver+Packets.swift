import MartletStack
import MartletTCP
import MartletWire

extension StackDriver {
  /// Octets as the script has them.
  mutating func injectOctets(repair: Bool) throws(Finding) {
    let count = Int(script.next())
    var bytes: Octets = []
    for _ in 0..<count where !script.isAtEnd { bytes.append(script.next()) }
    try inject(repair ? repaired(bytes) : bytes)
  }

  func segment(_ header: TCPHeader, _ text: Octets, from source: IPAddress, to destination: IPAddress)
    -> Octets
  {
    packet(
      .tcp, from: source, to: destination,
      octets(header.encodedCount) { header.write(into: &$0, at: 0) } + text)
  }

  /// What the peer of a flow would send next.
  func header(of flow: SeenFlow, flags: TCPFlags) -> TCPHeader {
    var header = TCPHeader(
      sourcePort: flow.remote.port, destinationPort: flow.local.port, seq: flow.ack, ack: flow.next,
      flags: flags, window: UnscaledWindow(32_768))
    if let timestamps = flow.timestamps {
      header.options.present.insert(.timestamps)
      header.options.tsval = timestamps.echo &+ 1
      header.options.tsecr = timestamps.value
    }
    return header
  }

  /// A segment of a flow that has been seen, or of none.
  mutating func injectSegment(inFlow: Bool) throws(Finding) {
    let control = script.next()
    let flags = TCPFlags(rawValue: UInt16(script.next()))
    let count = script.nextCount()
    guard inFlow, !flows.isEmpty else { return try injectNewcomer(control, flags, count) }
    let flow = flows[Int(control & 7) % flows.count]
    var header = header(of: flow, flags: flags)
    if control & 8 != 0 { header.seq = header.seq.moved(by: script.nextDistance()) }
    if control & 16 != 0 { header.ack = header.ack.moved(by: script.nextDistance()) }
    if control & 32 != 0 { header.window = UnscaledWindow(script.next16()) }
    if control & 64 != 0 { header.options.tsval = header.options.tsval &+ UInt32(script.next()) &- 128 }
    if control & 128 != 0 { header.options.present.formSymmetricDifference(.timestamps) }
    let text = Octets(repeating: UInt8(truncatingIfNeeded: count), count: min(count, 1_400))
    if header.flags.contains(.syn), flow.next == flow.ack { header.options.present.insert(.sackPermitted) }
    // A cookie for us.
    if header.flags.contains(.syn), control & 64 != 0 {
      header.options.present.insert(.fastOpen)
      header.options.fastOpenCookieCount = 8
    }
    try inject(segment(header, text, from: flow.remote.address, to: flow.local.address))
  }

  private mutating func injectNewcomer(_ control: UInt8, _ flags: TCPFlags, _ count: Int) throws(Finding) {
    let (source, destination) = addresses()
    let ports = script.next()
    var header = TCPHeader(
      sourcePort: Places.ports[Int(ports & 7)], destinationPort: Places.ports[Int(ports >> 3 & 7)],
      seq: SequenceNumber(UInt32(control) << 24), ack: SequenceNumber(UInt32(count)), flags: flags,
      window: UnscaledWindow(1_000))
    if ports & 64 != 0 { header.options.present.insert(.timestamps) }
    if ports & 128 != 0 { header.options.present.insert(.sackPermitted) }
    if control & 1 != 0 { askForFastOpen(&header.options, isRight: control & 2 != 0) }
    try inject(segment(header, Octets(repeating: 7, count: count & 15), from: source, to: destination))
  }

  /// With the cookie that was given, as far as it is the right one, or asking for one.
  private func askForFastOpen(_ options: inout TCPOptions, isRight: Bool) {
    options.present.insert(.fastOpen)
    guard isRight, let cookie else { return }
    options.fastOpenCookieCount = cookie.fastOpenCookieCount
    options.fastOpenCookie = cookie.fastOpenCookie
  }

  /// Where from and where to: mostly from a peer to us.
  mutating func addresses() -> (source: IPAddress, destination: IPAddress) {
    let octet = script.next()
    let list = octet & 1 == 0 ? Places.four : Places.six
    return (list[(Int(octet >> 1 & 7) &+ 1) & 15], list[Int(octet >> 4)])
  }

  mutating func injectDatagram() throws(Finding) {
    let (source, destination) = addresses()
    let ports = script.next()
    let text = Octets(repeating: 9, count: min(script.nextCount(), 1_400))
    let header = UDPHeader(
      sourcePort: Places.ports[Int(ports & 7)], destinationPort: Places.ports[Int(ports >> 3 & 7)],
      totalCount: UInt16(8 + text.count))
    let payload = octets(8) { header.write(into: &$0, at: 0) } + text
    try inject(packet(.udp, from: source, to: destination, payload))
  }

  /// Echoes, and errors that quote what we sent last, more or less.
  mutating func injectICMP() throws(Finding) {
    let (source, destination) = addresses()
    let kind = script.next()
    let isFour = source.isIPv4
    let types: [UInt8] = isFour ? [8, 3, 3, 11, 12, 4, 5, 0] : [128, 1, 2, 3, 4, 129, 135, 200]
    let rest = UInt32(script.next16())
    var body = lastSent.prefix(Int(script.next()))
    if kind & 0x80 != 0, !body.isEmpty { body[body.startIndex + Int(script.next()) % body.count] ^= 1 }
    let head: Octets = [
      types[Int(kind & 7)], kind >> 3 & 15, 0, 0, 0, 0, UInt8(rest >> 8), UInt8(truncatingIfNeeded: rest),
    ]
    let proto: IPProtocol = isFour ? .icmp : .icmpv6
    let bytes = packet(proto, from: source, to: destination, head + body)
    let isEcho = types[Int(kind & 7)] == (isFour ? 8 : 128)
    if isEcho { return try inject(bytes) }
    // An error may make the connection that it is about send; it is never answered with ICMP.
    try pull()
    let before = stack.counters
    try inject(bytes)
    try pull()
    let after = stack.counters
    try expect(
      before.icmpOutDestUnreachs == after.icmpOutDestUnreachs
        && before.icmpOutEchoReps == after.icmpOutEchoReps,
      "an ICMP error is not answered with ICMP")
  }

  /// What we sent last comes back with its ends exchanged, and perhaps one octet changed.
  mutating func reflect() throws(Finding) {
    var bytes = lastSent
    let place = Int(script.next())
    let change = script.next()
    guard bytes.count >= 24 else { return }
    let isFour = bytes[0] >> 4 == 4
    let (start, size) = isFour ? (12, 4) : (8, 16)
    for i in 0..<size { bytes.swapAt(start + i, start + size + i) }
    let transport = isFour ? 20 : 40
    for i in 0..<2 where bytes.count >= transport + 4 { bytes.swapAt(transport + i, transport + 2 + i) }
    if place < bytes.count { bytes[place] ^= change }
    try inject(repaired(bytes))
  }
}
