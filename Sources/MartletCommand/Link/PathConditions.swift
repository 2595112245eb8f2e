import MartletSimulator
import MartletTCP

/// What one direction of a damaging link does to packets, in this order: they wait for the rate,
/// some are lost, some have a bit flipped, all take their time, some are held back or doubled.
package struct PathConditions: Equatable, Sendable {
  /// How long every packet takes.
  package var delay = TimeAmount.zero
  /// Up to so much more, evenly spread; the order of packets stays.
  package var jitter = TimeAmount.zero
  package var rate = BitRate.unlimited
  /// What may wait for the rate, the packet that is leaving included. A packet that does not fit
  /// is dropped.
  package var queue = QueueLimit.none
  /// Packets that find more than this before them, and whose sender understands ECN, are marked
  /// (RFC 3168 §5).
  package var marking = QueueLimit.none
  package var loss = Chance(perMillion: 0)
  package var burstLoss: BurstLoss?
  package var duplication = Chance(perMillion: 0)
  /// Packets that are held back, so that others overtake them …
  package var reordering = Chance(perMillion: 0)
  /// … by up to this.
  package var reorderingDelay = TimeAmount.milliseconds(20)
  /// Packets that have one bit flipped.
  package var corruption = Chance(perMillion: 0)

  package init() {}
}

/// Losses in bursts, by the model of Gilbert and Elliott: a link is good, or for a while it is bad.
/// Typed `BEGIN,END` or `BEGIN,END,LOSS`.
package struct BurstLoss: Equatable, Sendable {
  /// For each packet, that a burst begins with it.
  package var begin: Chance
  /// For each packet, that the burst is over before it.
  package var end: Chance
  /// That a packet of a burst is lost.
  package var loss = Chance(perMillion: 1_000_000)

  package init(begin: Chance, end: Chance, loss: Chance = Chance(perMillion: 1_000_000)) {
    (self.begin, self.end, self.loss) = (begin, end, loss)
  }

  package init(parsing text: String) throws(SpecificationError) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 || parts.count == 3 else {
      throw SpecificationError(
        "\"\(text)\" describes no bursts. Write BEGIN,END or BEGIN,END,LOSS, such as 1%,30% or 1%,30%,80%.")
    }
    begin = try Chance(parsing: parts[0])
    end = try Chance(parsing: parts[1])
    if parts.count == 3 { loss = try Chance(parsing: parts[2]) }
    guard end.perMillion > 0 else { throw SpecificationError("A burst that never ends loses everything.") }
  }
}

/// What has become of the packets of one direction.
package struct PathCounters: Equatable, Sendable {
  package var packets: UInt64 = 0
  package var octets: UInt64 = 0
  package var delivered: UInt64 = 0
  package var deliveredOctets: UInt64 = 0
  package var lost: UInt64 = 0
  package var lostInBursts: UInt64 = 0
  /// The queue before the rate was full.
  package var overflowed: UInt64 = 0
  /// The link holds no more packets than its memory has room for.
  package var refused: UInt64 = 0
  package var doubled: UInt64 = 0
  package var heldBack: UInt64 = 0
  package var corrupted: UInt64 = 0
  package var marked: UInt64 = 0
  /// The most that ever waited for the rate.
  package var queueHighWater = QueueLevel()

  package init() {}
}

/// What waits for the rate.
package struct QueueLevel: Equatable, Sendable {
  package var packets = 0
  package var octets = 0

  package init(packets: Int = 0, octets: Int = 0) { (self.packets, self.octets) = (packets, octets) }

  func exceeds(_ limit: QueueLimit) -> Bool {
    switch limit {
    case .none: false
    case .packets(let count): packets > count
    case .octets(let count): octets > count
    }
  }
}
