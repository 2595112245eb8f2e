import MartletStack
import MartletTCP
import MartletWire

/// A peer that the stack has a connection with, and what it was promised: every octet that was acknowledged
/// or named in a SACK block stays received.
struct Adversary {
  let own: Endpoint
  let port: UInt16
  /// What it sends next in order; where its stream began.
  var next: SequenceNumber
  let first: SequenceNumber
  /// The highest acknowledgment it got.
  var acked: SequenceNumber
  /// Up to where it has what the stack sent, and how much of it it has acknowledged.
  var seen = SequenceNumber(0)
  private var confirmed = SequenceNumber(0)
  var window: UInt16 = 65_535
  var isOpen = false
  var wasReset = false
  var connection: ConnectionID?
  /// Octets of its stream that the application has read.
  var read: UInt32 = 0
  /// Octets that the application has for it, and the stack has not taken.
  var unsent = 0
  /// What SACK blocks have named.
  private var sacked: [SequenceRange] = []

  /// Every third of them speaks IPv6, from a network of its own.
  init(_ n: Int, to port: UInt16) {
    let network = UInt64(n % 200 + 1)
    let address: IPAddress =
      n % 3 == 2
      ? .v6(IPv6Address(high: 0xfd00_0007_0000_0000 | network, low: 20))
      : .v4(IPv4Address(10, 0, 0, UInt8(20 + n % 200)))
    own = Endpoint(address: address, port: UInt16(truncatingIfNeeded: 2_000 &+ n))
    self.port = port
    let isn = SequenceNumber(UInt32(truncatingIfNeeded: n) &* 0x9e37_79b9)
    next = isn
    first = isn.advanced(by: 1)
    acked = isn
  }

  /// The octet of its stream at a sequence number.
  static func octet(at number: SequenceNumber) -> UInt8 {
    UInt8(truncatingIfNeeded: number.rawValue ^ number.rawValue >> 7)
  }

  /// A segment of its stream at `offset` from what comes next in order. It acknowledges everything that came, or
  /// only so many octets more than the last did.
  ///
  /// - Parameter cookie: of Fast Open; empty: one is asked for.
  mutating func segment(
    _ flags: TCPFlags, at offset: UInt32 = 0, count: Int = 0, taking most: UInt32 = .max,
    cookie: Octets? = nil
  ) -> Octets {
    let seq = next.advanced(by: offset)
    if flags.contains(.ack) {
      confirmed = confirmed.advanced(by: min(most, seen.distance(from: confirmed)))
    }
    var header = TCPHeader(
      sourcePort: own.port, destinationPort: port, seq: seq,
      ack: flags.contains(.ack) ? confirmed : SequenceNumber(0), flags: flags, window: UnscaledWindow(window))
    if flags.contains(.syn) { header.options.present.insert(.sackPermitted) }
    if let cookie {
      header.options.present.insert(.fastOpen)
      header.options.fastOpenCookieCount = UInt8(truncatingIfNeeded: cookie.count)
      for i in cookie.indices { header.options.fastOpenCookie[i] = cookie[i] }
    }
    var text = Octets(repeating: 0, count: count)
    let start = seq.advanced(by: flags.contains(.syn) ? 1 : 0)
    for i in 0..<count { text[i] = Self.octet(at: start.advanced(by: UInt32(i))) }
    return packet(
      .tcp, from: own.address, to: own.address.isIPv4 ? Places.own4 : Places.own6,
      octets(header.encodedCount) { header.write(into: &$0, at: 0) } + text)
  }

  /// Takes in what the stack says to it.
  mutating func take(_ header: TCPHeader, textCount: Int) throws(Finding) {
    if header.flags.contains(.rst) {
      wasReset = true
      isOpen = false
      return
    }
    let length = UInt32(textCount) &+ header.flags.sequenceLength
    if length > 0 { seen = header.seq.advanced(by: length) }
    guard header.flags.contains(.ack) else { return }
    try expect(!header.ack.precedes(acked), "an acknowledgment is never taken back")
    acked = header.ack
    for range in sacked where range.start.precedesOrEquals(acked) {
      try expect(!acked.precedes(range.end), "what a SACK block named stays received")
    }
    sacked.removeAll { $0.end.precedesOrEquals(acked) }
    guard header.options.present.contains(.sack), sacked.count < 64 else { return }
    for i in 0..<Int(header.options.sackCount) {
      let block = header.options.sack[i]
      if acked.precedes(block.start) { sacked.append(SequenceRange(start: block.start, end: block.end)) }
    }
  }
}
