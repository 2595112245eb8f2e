/// The bytes a stack may hold, and those it does hold.
///
/// One budget per stack, passed `inout` to whatever takes or gives memory back, so
/// that every byte is charged once and at its true size. A refusal is a value, never
/// a trap: the caller drops, sheds or waits, and the refusal has been counted.
@frozen
public struct MemoryBudget: BitwiseCopyable, Sendable {
  /// The most bytes that may be held at once; `Int.max` means unlimited.
  public let limit: Int
  /// The bytes held now.
  public private(set) var held = 0
  /// The most bytes that were ever held at once.
  public private(set) var highWater = 0
  /// How often `take` said no.
  public private(set) var refusals: UInt64 = 0

  /// A budget of `limit` bytes; a negative limit counts as zero.
  public init(limit: Int = Int.max) {
    self.limit = max(0, limit)
  }

  /// The bytes that could still be taken.
  public var available: Int { limit &- held }

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

  /// Gives back `n` bytes that were taken.
  public mutating func give(_ n: Int) {
    assert(n >= 0 && n <= held, "more given back than was taken")
    held = max(0, held &- n)
  }
}
