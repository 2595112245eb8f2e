/// Losses that come in spells (Gilbert: Capacity of a Burst-Noise Channel, 1960; Elliott, 1963): the link is
/// good or bad, turns from one to the other by chance, and loses as each state does. Chances are of 1,000,000.
public struct BurstLoss: Equatable, BitwiseCopyable, Sendable {
  /// That a good link turns bad before a packet; 0: it stays good, and this costs nothing.
  public var begins: UInt32 = 0
  /// That a bad link turns good before a packet: spells last 1,000,000 / `ends` packets on average.
  public var ends: UInt32 = 250_000
  /// That a packet is lost on a good link …
  public var lossWhileGood: UInt32 = 0
  /// … and on a bad one.
  public var lossWhileBad: UInt32 = 1_000_000

  public init() {}

  /// Spells in which everything is lost, so many packets long on average.
  public init(begins: UInt32, length: UInt32) {
    self.begins = begins
    ends = 1_000_000 / max(length, 1)
  }

  /// Of all packets, over a long time.
  public var averageLoss: UInt32 {
    guard begins > 0 else { return lossWhileGood }
    let bad = UInt64(begins) &* 1_000_000 / (UInt64(begins) &+ UInt64(max(ends, 1)))
    let loss = (1_000_000 &- bad) &* UInt64(lossWhileGood) &+ bad &* UInt64(lossWhileBad)
    return UInt32(truncatingIfNeeded: loss / 1_000_000)
  }

  /// Draws for one packet: the state first, then the loss.
  func strikes(_ isBad: inout Bool, _ random: inout SimulatorRandom) -> Bool {
    if random.chance(perMillion: isBad ? ends : begins) { isBad.toggle() }
    return random.chance(perMillion: isBad ? lossWhileBad : lossWhileGood)
  }
}
