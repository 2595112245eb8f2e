/// The bytes a stack may hold, and those it does hold.
///
/// One budget per stack, passed `inout` to whatever takes or gives memory back, so
/// that every byte is charged once and at its true size. A refusal is a value, never
/// a trap: the caller drops, sheds or waits, and the refusal has been counted.
@frozen
public struct MemoryBudget: BitwiseCopyable, Sendable {
  /// The most bytes that may be held at once; `Int.max` means unlimited.
  public private(set) var limit: Int
  /// The bytes held now.
  public private(set) var held = 0
  /// The most bytes that were ever held at once.
  public private(set) var highWater = 0
  /// How often `take` said no.
  public private(set) var refusals: UInt64 = 0
  /// From here on nothing grows that has its share: half of the limit.
  package private(set) var growthEnd: Int
  /// Chunks that a queue may hold, beside the one it writes to, while growth is over.
  package var share = Int.max

  /// A budget of `limit` bytes; a negative limit counts as zero.
  public init(limit: Int = Int.max) {
    self.limit = max(0, limit)
    growthEnd = self.limit / 2
  }

  /// From now on so many bytes may be held. False: that is less than are held, and nothing changed.
  package mutating func setLimit(_ octets: Int) -> Bool {
    guard octets >= held else { return false }
    limit = octets
    growthEnd = octets / 2
    return true
  }

  /// The bytes that could still be taken.
  public var available: Int { limit &- held }

  /// How scarce memory is.
  public var pressure: MemoryPressure {
    if held < growthEnd { return .none }
    let left = available
    if left > limit / 4 { return .growth }
    if left > limit / 8 { return .outOfOrder }
    return left > limit / 16 ? .records : .connections
  }

  /// Charges `n` bytes, or counts a refusal and charges nothing.
  public mutating func take(_ n: Int) -> Bool {
    assert(n >= 0)
    guard n <= limit &- held else {
      refusals &+= 1
      return false
    }
    held &+= n
    if held > highWater { highWater = held }
    return true
  }

  /// Counts a refusal that was decided elsewhere.
  package mutating func refuse() { refusals &+= 1 }

  /// Gives back `n` bytes that were taken.
  public mutating func give(_ n: Int) {
    assert(n >= 0 && n <= held, "more given back than was taken")
    held = max(0, held &- n)
  }

  /// What a buffer may grow by: a quarter of what is free, and nothing once half of the limit is used.
  package var roomToGrow: UInt32 {
    held < growthEnd ? UInt32(clamping: min(available / 4, 1 << 30)) : 0
  }

  /// Whether a queue that holds so many chunks may take more: always, until growth is over; then up to its
  /// share, so that nobody's queues keep the others from theirs.
  @inline(__always)
  package func lets(grow chunks: Int) -> Bool {
    held < growthEnd || chunks <= share
  }

  /// Whether text that waits behind a hole is taken in: it helps nobody before the hole is filled.
  package var takesOutOfOrder: Bool { available > limit / 4 }
}

/// How scarce memory is. What one level gives up, the next ones do too.
@frozen
public enum MemoryPressure: UInt8, BitwiseCopyable, Sendable {
  /// Less than half of the budget is held.
  case none = 0
  /// From one half on buffers do not grow, and a queue gets no more than its share.
  case growth
  /// From three quarters on text behind a hole is refused.
  case outOfOrder
  /// From seven eighths on the oldest TIME-WAIT and half-open records go.
  case records
  /// From fifteen sixteenths on, for a new connection and for whatever else was refused, those connections are
  /// reset that hold most for the least that they move; where there is none, the new one is.
  case connections
}
