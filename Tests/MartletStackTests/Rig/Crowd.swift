import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A host of 1 MiB, and peers for whom it has more than they take.
struct Crowd {
  let host: Host
  let listener: ListenerID
  let server: Endpoint
  var peers: [RawPeer] = []
  var connections: [ConnectionID] = []
  /// Up to where each has acknowledged.
  var una: [UInt32] = []

  /// So many octets more has the application for each who takes some; nil: as many as it takes.
  var refill: Int? = 4_096

  /// - Parameters:
  ///   - window: which the peers offer.
  ///   - each: octets that wait for each of them.
  ///   - places: of the listener; 0: any number.
  init(
    _ count: Int, isIPv4: Bool = isIPv4, kilobytes: Int = 1_024, window: UInt16 = 400, each: Int = 8_192,
    places: UInt32 = 0
  ) throws {
    host = try Host(2) { $0.memoryBudget = kilobytes << 10 }
    var options = ListenerOptions()
    options.idleTimeout = .seconds(10)
    options.connectionLimit = places
    listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    server = Endpoint(address: isIPv4 ? host.address4 : host.address6, port: 80)
    for n in 0..<count { guard try join(n, window, each) else { return } }
  }

  private mutating func join(_ n: Int, _ window: UInt16, _ count: Int) throws -> Bool {
    var peer = RawPeer(n, to: server)
    guard try peer.connect(to: host), let connection = try? host.stack.accept(listener) else {
      return false
    }
    peer.window = window
    deliver(peer.segment(.ack))
    peers.append(peer)
    una.append(peer.seen)
    connections.append(connection)
    if count > 0 { write(count, to: n) }
    _ = host.pull()
    return true
  }

  // What all do at one time is one step: invariants are checked after it.

  private func deliver(_ packet: Packet) {
    host.stack.receive(packet.span.bytes, PacketMetadata(), on: host.interface, now: host.now)
  }

  func write(_ count: Int, to n: Int) {
    _ = try? host.stack.send(connections[n], Packet(repeating: 7, count: count).span.bytes, now: host.now)
  }

  /// Octets that the peer has been sent and has not acknowledged.
  private func sent(to n: Int) -> UInt32 {
    guard let status = try? host.stack.status(connections[n], now: host.now).tcp,
      status.state == .established
    else { return 0 }
    return status.sndMax.distance(from: SequenceNumber(una[n]))
  }

  private mutating func acknowledge(_ count: UInt32, by n: Int) {
    una[n] &+= count
    peers[n].seen = una[n]
    deliver(peers[n].segment(.ack))
    let more = refill ?? Int(count)
    if more > 0 { write(more, to: n) }
  }

  /// The peer acknowledges so many octets, or as many as it has been sent; then the application has more for it.
  mutating func take(_ count: UInt32, by n: Int) { acknowledge(min(count, sent(to: n)), by: n) }

  /// Each of them does.
  mutating func takeEach(_ count: UInt32, by some: [Int]) {
    for n in some where isThere(n) { take(count, by: n) }
    _ = host.pull()
  }

  /// Each of them reads so many octets as they come: its window opens for them, and is shut behind them.
  mutating func readEach(_ count: UInt32, by some: [Int]) {
    var left = [UInt32](repeating: count, count: peers.count)
    for round in 0..<6 {
      for n in some where isThere(n) {
        let taken = min(left[n], sent(to: n))
        left[n] -= taken
        peers[n].window = round == 5 ? 0 : UInt16(left[n])
        acknowledge(taken, by: n)
      }
      _ = host.pull()
    }
  }

  /// In each round of 900 ms everybody acknowledges an octet, and then somebody new comes. Returns who was served.
  mutating func serveBesideTrickle(_ newcomers: Range<Int>) throws -> [Int] {
    try newcomers.filter { n in
      host.advance(by: .milliseconds(900))
      takeEach(1, by: everybody)
      _ = host.drain()
      return try serve(n)
    }
  }

  var everybody: [Int] { Array(peers.indices) }

  func third(_ k: Int) -> [Int] { peers.indices.filter { $0 % 3 == k } }

  func gone(of some: [Int]) -> [Int] { some.filter { !isThere($0) } }

  func isThere(_ n: Int) -> Bool { (try? host.state(connections[n])) == .established }

  /// Somebody connects, asks and is answered: at the first try, or not.
  func serve(_ n: Int) throws -> Bool {
    var honest = RawPeer(500 + n, to: server)
    guard try honest.connect(to: host), let connection = try? host.stack.accept(listener) else {
      return false
    }
    defer {
      try? host.stack.abort(connection, now: host.now)
      _ = host.pull()
    }
    try honest.send([1, 2, 3], to: host)
    guard try host.read(connection) == [1, 2, 3] else { return false }
    return (try? host.send(connection, Packet(repeating: 3, count: 100))) == 100
  }
}
