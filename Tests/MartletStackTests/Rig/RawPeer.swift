import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A peer made of packets, which need not keep any rule.
struct RawPeer {
  let own: Endpoint
  let server: Endpoint
  /// What it sends next, and what it has been sent.
  var next: UInt32 = 1_000
  var seen: UInt32 = 0
  /// The window field of what it sends.
  var window: UInt16 = 65_535
  var wasReset = false

  /// The `n`th peer, of the server's family, from an address of its own or, with `sharing`, from a common one.
  init(_ n: Int, to server: Endpoint, sharing: Bool = false) {
    let place = sharing ? 11 : 20 + n % 200
    own = Endpoint(
      address: server.address.isFour ? v4(10, 0, 0, UInt8(place)) : v6(UInt64(place)),
      port: UInt16(truncatingIfNeeded: 1_024 &+ n))
    self.server = server
  }

  /// One at any endpoint.
  init(_ own: Endpoint, to server: Endpoint) {
    self.own = own
    self.server = server
  }

  /// A segment of its stream at `offset` from what comes next.
  func segment(_ flags: TCPFlags, _ text: Packet = [], at offset: UInt32 = 0) -> Packet {
    tcp(
      from: own, to: server, seq: next &+ offset, ack: flags.contains(.ack) ? seen : 0, flags, window: window,
      text: text)
  }

  /// Opens a connection; false: it was refused, or nobody answered.
  mutating func connect(to host: Host) throws -> Bool {
    host.inject(segment(.syn))
    try look(host)
    guard seen != 0, !wasReset else { return false }
    next &+= 1
    host.inject(segment(.ack))
    try look(host)
    return !wasReset
  }

  /// Sends text in order.
  mutating func send(_ text: Packet, to host: Host) throws {
    host.inject(segment(.ack, text))
    next &+= UInt32(text.count)
    try look(host)
  }

  /// Takes in what the host says to it, and acknowledges nothing.
  mutating func look(_ host: Host) throws {
    for answer in try host.pullSeen() where answer.isTCP && answer.destination == own.address {
      guard answer.header?.destinationPort == own.port else { continue }
      if answer.flags.contains(.rst) { wasReset = true }
      let length = UInt32(answer.text.count) &+ answer.flags.sequenceLength
      if length > 0 { seen = answer.seq &+ length }
    }
  }
}
