import MartletTCP

/// A packet that waits for the rate, and what is to be done with it then.
struct WaitingPacket: BitwiseCopyable {
  /// Where its octets are, and how many.
  var place: Int
  var count: Int
  var entered: Instant
  /// What a rule wants.
  var late = TimeAmount.zero
  var copy: TimeAmount?
  /// Its sender takes a mark for a drop.
  var speaksECN = false
}

/// Packets behind a link's rate, first in, first out.
struct WaitingLine {
  private var packets: [WaitingPacket] = []
  private var head = 0
  /// Octets in it.
  private(set) var octets: UInt64 = 0
  /// Somebody will come when the next one's turn is.
  var isAwaited = false

  var count: Int { packets.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ packet: WaitingPacket) {
    octets &+= UInt64(packet.count)
    packets.append(packet)
  }

  mutating func popFirst() -> WaitingPacket? {
    guard head < packets.count else { return nil }
    let first = packets[head]
    head += 1
    octets &-= UInt64(first.count)
    if head == packets.count {
      packets.removeAll(keepingCapacity: true)
      head = 0
    } else if head > 32, head * 2 > packets.count {
      packets.removeFirst(head)
      head = 0
    }
    return first
  }
}
