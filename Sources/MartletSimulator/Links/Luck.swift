import MartletTCP

/// What chance did to one packet of a direction.
struct Luck: BitwiseCopyable, Sendable {
  var isLost = false
  /// Later than rate and delay have it.
  var late = TimeAmount.zero
  /// A second copy, so long after the first.
  var copy: TimeAmount?
  /// Bits were flipped, by what this source then drew.
  var flips: SimulatorRandom?
}

/// One entry of the book: the packet's place among those of its direction that left, and what happened to it.
struct LuckEntry: BitwiseCopyable, Sendable {
  var ordinal: UInt32
  var luck: Luck
}

/// Writes down what luck did, where it did anything.
struct LuckDiary {
  private(set) var entries: [LuckEntry] = []
  private var ordinal: UInt32 = 0

  mutating func note(_ passage: Passage, expected: Instant, _ random: SimulatorRandom) {
    defer { ordinal &+= 1 }
    var luck = Luck()
    if passage.fate == .lost {
      luck.isLost = true
    } else {
      guard passage.isCorrupted || passage.secondArrival != nil || passage.arrival != expected else { return }
      luck.late = passage.arrival.since(expected)
      luck.copy = passage.secondArrival.map { $0.since(passage.arrival) }
      if passage.isCorrupted { luck.flips = random }
    }
    entries.append(LuckEntry(ordinal: ordinal, luck: luck))
  }
}

/// Reads it back, packet by packet.
struct LuckScript {
  private let entries: [LuckEntry]
  private var place = 0
  private var ordinal: UInt32 = 0

  /// - Parameter entries: in the order of their packets.
  init(_ entries: [LuckEntry]) { self.entries = entries }

  /// What happens to the next packet; nil: nothing.
  mutating func next() -> Luck? {
    defer { ordinal &+= 1 }
    guard place < entries.count, entries[place].ordinal == ordinal else { return nil }
    place += 1
    return entries[place - 1].luck
  }
}
