public import MartletTCP

/// What one direction of a link does to packets. Chances are of 1,000,000; every
/// draw comes from the direction's own source, so that two links never shift each
/// other's luck.
public struct LinkConditions: Equatable, BitwiseCopyable, Sendable {
  /// How long every packet takes.
  public var delay: TimeAmount = .milliseconds(10)
  /// Up to so much more, evenly spread; the order of packets stays.
  public var jitter: TimeAmount = .zero
  /// Packets that vanish.
  public var loss: UInt32 = 0
  /// Packets that arrive twice.
  public var duplication: UInt32 = 0
  /// Packets that are held back, so that others overtake them …
  public var reordering: UInt32 = 0
  /// … by up to this.
  public var reorderingDelay: TimeAmount = .milliseconds(20)
  /// Packets that have bits flipped …
  public var corruption: UInt32 = 0
  /// … from one to so many. One is always caught by a checksum; of two, one pair in thirty-two is not.
  public var corruptedBits: UInt8 = 1
  /// A corrupted packet that would pass every checksum is dropped in place of delivered, so that a
  /// run can insist on every octet.
  public var sparesUndetected = false
  /// Octets a second; 0: no limit.
  public var rate: UInt64 = 0
  /// Octets that may wait for the rate; 0: no limit.
  public var queue: UInt32 = 0

  public init() {}

  public init(delay: TimeAmount) {
    self.delay = delay
  }
}

/// What became of a packet that a host sent.
public enum PacketFate: Equatable, BitwiseCopyable, Sendable {
  case delivered
  case lost
  /// The queue before the rate limit was full.
  case overflowed
  /// The link was down.
  case partitioned
  /// A rule took it.
  case droppedByRule
  /// Bits were flipped, and a checksum will tell.
  case corrupted
  /// Bits were flipped, and no checksum tells.
  case corruptedUndetected
}
