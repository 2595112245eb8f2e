import MartletTCP

/// What a damaging link does with a packet.
package struct PathFate: Equatable {
  package enum Loss: Equatable {
    /// The queue before the bottleneck is full.
    case overflow
    case chance
    /// In a burst of losses.
    case burst
    /// There is no memory for more packets on the way.
    case noRoom
  }

  /// Nil: it arrives.
  package var loss: Loss?
  /// The bit that is flipped, from the first of the IP header on.
  package var corruptedBit: Int?
  /// It has a congestion mark now (RFC 3168 §5).
  package var isMarked = false
  /// It arrives twice.
  package var isDoubled = false
  /// For how long it is held back, so that others overtake it.
  package var heldBack: TimeAmount?

  package init() {}

  /// In words; empty: nothing out of the ordinary.
  package var text: String {
    switch loss {
    case .overflow: return "lost: the queue is full"
    case .chance: return "lost"
    case .burst: return "lost in a burst"
    case .noRoom: return "lost: too many packets are under way"
    case nil: break
    }
    var words: [String] = []
    if isMarked { words.append("congestion marked") }
    if let corruptedBit { words.append("corrupted: bit \(corruptedBit & 7) of octet \(corruptedBit >> 3)") }
    if isDoubled { words.append("doubled") }
    if let heldBack { words.append("held back for \(heldBack.nanoseconds / 1_000) µs") }
    return words.joined(separator: ", ")
  }
}
