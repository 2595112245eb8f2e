public import MartletTCP

/// What one direction of a link does to packets. Chances are of 1,000,000; every
/// draw comes from the direction's own source, so that two links never shift each
/// other's luck.
///
/// All that two hosts send each other shares the two queues of their link: ten
/// connections between them are ten flows behind one bottleneck.
public struct LinkConditions: Equatable, BitwiseCopyable, Sendable {
  /// How long every packet takes.
  public var delay: TimeAmount = .milliseconds(10)
  /// Up to so much more, evenly spread unless `jitterShape` says otherwise; the order of packets stays …
  public var jitter: TimeAmount = .zero
  public var jitterShape = JitterShape.even
  /// … but where packets take ways of their own.
  public var jitterReorders = false
  /// Losses. A packet that is lost has waited for the rate before …
  public var loss: UInt32 = 0
  /// … and takes the next ones with it: so many vanish in a row, from one to this.
  public var lossRun: UInt16 = 1
  /// Losses that come in spells, besides the others.
  public var burst = BurstLoss()
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
  /// Octets that may wait for the rate, the packet that is leaving among them; 0: no limit.
  public var queue: UInt32 = 0
  /// Packets that may wait likewise; 0: no limit.
  public var queuePackets: UInt32 = 0
  /// A packet that finds more octets than this waiting is marked CE, if its sender speaks ECN
  /// (RFC 3168 §5); another waits like any. `UInt32.max`: none is marked.
  public var marksAbove: UInt32 = .max
  /// Who is dropped.
  public var discipline = QueueDiscipline.dropTail
  /// Octets of the largest packet that a hop inside the link takes; 0: whatever the interfaces do.
  public var mtu: UInt16 = 0
  /// Whether the router at that hop says so (RFC 1191 §4, RFC 4443 §3.2), or is a black hole (RFC 2923 §2.1).
  public var tellsTooBig = true

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
  /// The queue's discipline dropped it.
  case droppedByQueue
  /// It is larger than the link takes.
  case tooBig
  /// The link was down.
  case partitioned
  /// A rule took it.
  case droppedByRule
  /// Bits were flipped, and a checksum will tell.
  case corrupted
  /// Bits were flipped, and no checksum tells.
  case corruptedUndetected
}

/// What one direction of a link has done.
public struct LinkCounts: Equatable, BitwiseCopyable, Sendable {
  /// Packets that came to it.
  public var packets: UInt64 = 0
  /// Their octets.
  public var octets: UInt64 = 0
  /// Packets that the queue had no room for.
  public var overflowed: UInt64 = 0
  /// Packets that the queue's discipline dropped.
  public var droppedByQueue: UInt64 = 0
  /// Packets that were larger than the link takes.
  public var tooBig: UInt64 = 0
  public var lost: UInt64 = 0
  /// Packets that were marked CE.
  public var marked: UInt64 = 0
}
