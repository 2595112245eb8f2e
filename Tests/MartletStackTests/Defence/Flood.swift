import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A listener at port 80, and peers who send it SYNs.
struct Flood {
  let host: Host
  let listener: ListenerID

  /// What SYNs of hosts in use offer.
  static var usual: TCPOptions {
    var options = TCPOptions()
    options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
    options.maximumSegmentSize = 1_460
    options.windowScale = WindowScale(7)
    options.tsval = 1_000
    return options
  }

  init(
    backlog: UInt32 = 8, _ policy: SynCookiePolicy = .auto, acceptLimit: UInt32 = 1_024,
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws {
    host = try Host(2, configure)
    var options = ListenerOptions()
    options.halfOpenLimit = backlog
    options.acceptLimit = acceptLimit
    options.synCookies = policy
    listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    // Generations of cookies last 15 s: the test begins with one.
    host.advance(by: .seconds(14))
  }

  func peer(_ n: Int) -> Endpoint {
    Endpoint(address: near(UInt8(3 + n / 60_000)), port: UInt16(1_024 + n % 60_000))
  }

  var local: Endpoint { host.endpoint(80) }

  /// The n-th peer's SYN, and the answer to it.
  @discardableResult
  func syn(_ n: Int, _ flags: TCPFlags = .syn, _ options: TCPOptions = Flood.usual) throws -> Seen? {
    try host.answers(to: tcp(from: peer(n), to: local, seq: irs(n), flags, options: options)).first
  }

  func irs(_ n: Int) -> UInt32 { UInt32(truncatingIfNeeded: n &* 7_919 &- 40) }

  /// What the n-th peer says to a SYN-ACK.
  func third(
    _ n: Int, _ synAck: Seen, timestamps: Bool = true, text: Packet = [], extra: TCPFlags = []
  ) -> Packet {
    var options = TCPOptions()
    if timestamps, let theirs = synAck.header?.options, theirs.present.contains(.timestamps) {
      options.present = .timestamps
      options.tsval = 1_001
      options.tsecr = theirs.tsval
    }
    return tcp(
      from: peer(n), to: local, seq: irs(n) &+ 1, ack: synAck.seq &+ 1, TCPFlags.ack.union(extra),
      options: options, text: text)
  }

  var status: ListenerStatus {
    get throws { try host.stack.status(listener) }
  }

  var counters: StackCounters { host.stack.counters }

  /// Whether the n-th peer has a half-open record.
  func hasRecord(_ n: Int) -> Bool {
    var found = false
    host.stack.forEachFlow(now: host.now) {
      if $0.remote == peer(n), $0.state == .synReceived { found = true }
    }
    return found
  }

  func acceptAll() -> [ConnectionID] {
    var all: [ConnectionID] = []
    while let id = try? host.stack.accept(listener) { all.append(id) }
    return all
  }
}
