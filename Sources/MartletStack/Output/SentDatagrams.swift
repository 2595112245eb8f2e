import MartletTCP
import MartletWire

/// Marks of what UDP and ICMP sent last, so that an error can be held against it: one is believed only if it quotes
/// ports, length and checksum of something that has left. It is for datagrams what the sequence number is for TCP
/// (RFC 5927 §4): who sees none of our packets has to guess the checksum too.
///
/// A table of 64 sets of four by keyed hash, in which the youngest takes the place of the oldest of its set: of a few
/// that leave together none is forgotten. It takes no memory before the first.
struct SentDatagrams {
  private static var places: Int { 256 }
  private static var ways: Int { 4 }
  private var marks: [UInt32] = []
  private let key: SipKey
  private(set) var heldBytes = 0

  init(key: SipKey) { self.key = key }

  /// - Parameter transport: the first eight octets of the datagram.
  mutating func note(_ transport: UInt64, to remote: IPAddress, _ budget: inout MemoryBudget) {
    if marks.isEmpty, !makePlaces(&budget) { return }
    let hash = hash(transport, remote)
    let (first, mark) = (Self.place(hash), Self.mark(hash))
    // The youngest stands first, and once.
    var way = 0
    var moving = mark
    while way < Self.ways {
      swap(&marks[first &+ way], &moving)
      if moving == mark { return }
      way &+= 1
    }
  }

  func contains(_ quoted: QuotedPacket) -> Bool {
    guard !marks.isEmpty, quoted.hasTransport else { return false }
    let hash = hash(quoted.transport, quoted.destination)
    let (first, mark) = (Self.place(hash), Self.mark(hash))
    for way in 0..<Self.ways where marks[first &+ way] == mark { return true }
    return false
  }

  private mutating func makePlaces(_ budget: inout MemoryBudget) -> Bool {
    let bytes = Self.places &* MemoryLayout<UInt32>.stride
    guard budget.take(bytes) else { return false }
    heldBytes = bytes
    marks = [UInt32](repeating: 0, count: Self.places)
    return true
  }

  private func hash(_ transport: UInt64, _ remote: IPAddress) -> UInt64 {
    switch remote {
    case .v4(let address): SipHash.hash13(key, UInt64(address.bits), transport)
    case .v6(let address): SipHash.hash13(key, address.high, address.low, transport)
    }
  }

  /// Where the set begins.
  private static func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash & 0x3f) &* ways }

  /// Odd: 0 is nothing.
  private static func mark(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) | 1 }
}
