import MartletStack
import Synchronization

/// Where the stacks that share a device's work hand each other what came by the wrong queue.
public struct ShardExchange: Sendable {
  public let places: [ShardPlace]

  /// - Parameter count: stacks, one at least.
  public init(among count: Int) throws(LinkError) {
    let count = max(count, 1)
    // From each to each; none to itself.
    let rings = (0..<count).map { from in
      (0..<count).map { to in
        from == to ? nil : StrayRing(packets: ShardPlace.packets, octets: ShardPlace.octets)
      }
    }
    var wakeups: [Wakeup] = []
    for _ in 0..<count { wakeups.append(try Wakeup()) }
    places = (0..<count).map { index in
      ShardPlace(
        index: index, incoming: rings.indices.compactMap { rings[$0][index] }, outgoing: rings[index],
        wakeups: wakeups)
    }
  }
}

/// A stack's place in an exchange: to be used by one thread.
public struct ShardPlace: Sendable {
  public let index: Int
  let incoming: [StrayRing]
  private let outgoing: [StrayRing?]
  private let wakeups: [Wakeup]

  /// What may wait for one stack from another.
  static var packets: Int { 4_096 }
  static var octets: Int { 1 << 20 }

  init(index: Int, incoming: [StrayRing], outgoing: [StrayRing?], wakeups: [Wakeup]) {
    self.index = index
    self.incoming = incoming
    self.outgoing = outgoing
    self.wakeups = wakeups
  }

  var wakeup: Wakeup { wakeups[index] }
  var hasArrivals: Bool { incoming.contains { !$0.isEmpty } }

  /// False: there is no room, or no such stack.
  func hand(_ packet: RawSpan, _ metadata: PacketMetadata, to owner: Int) -> Bool {
    guard outgoing.indices.contains(owner), let ring = outgoing[owner] else { return false }
    return ring.put(packet, metadata)
  }

  /// Whoever has no room does without: it is said again.
  func handToAll(_ packet: RawSpan, _ metadata: PacketMetadata) {
    for ring in outgoing { _ = ring?.put(packet, metadata) }
  }

  /// Those to whom something was handed look for it.
  func wakeOthers() {
    for (owner, ring) in outgoing.enumerated() where ring?.isEmpty == false { wakeups[owner].signal() }
  }
}
