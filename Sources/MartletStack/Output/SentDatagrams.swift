import MartletTCP
import MartletWire

/// Marks of what UDP and ICMP sent last, so that an error can be held against it: one is believed only if it quotes
/// ports, length and checksum of something that has left. It is for datagrams what the sequence number is for TCP
/// (RFC 5927 §4): who sees none of our packets has to guess the checksum too.
///
/// A table of 256 by keyed hash, in which the younger overwrites the older. It takes no memory before the first.
struct SentDatagrams {
  private static var places: Int { 256 }
  private var marks: [UInt32] = []
  private let key: SipKey
  private(set) var heldBytes = 0

  init(key: SipKey) { self.key = key }

  /// - Parameter transport: the first eight octets of the datagram.
  mutating func note(_ transport: UInt64, to remote: IPAddress, _ budget: inout MemoryBudget) {
    if marks.isEmpty, !makePlaces(&budget) { return }
    let hash = hash(transport, remote)
    marks[Self.place(hash)] = Self.mark(hash)
  }

  func contains(_ quoted: QuotedPacket) -> Bool {
    guard !marks.isEmpty, quoted.hasTransport else { return false }
    let hash = hash(quoted.transport, quoted.destination)
    return marks[Self.place(hash)] == Self.mark(hash)
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

  private static func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash & 0xff) }

  /// Odd: 0 is nothing.
  private static func mark(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) | 1 }
}
