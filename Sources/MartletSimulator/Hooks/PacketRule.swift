public import MartletTCP

/// What to do with the n-th packet that matches, before the link's own conditions have their turn. `PacketHook`
/// says the same as a value.
public struct PacketRule {
  public enum Action {
    case pass
    case drop
    /// Later than the link would deliver it; others overtake it.
    case delay(TimeAmount)
    /// A second copy, so much later.
    case duplicate(after: TimeAmount)
    case edit((inout [UInt8]) -> Void)
  }

  public var matches: (TransitPacket) -> Bool
  /// Which of the matching packets, the first is 1.
  public var which: ClosedRange<Int>
  public var action: Action
  /// Packets that have matched so far.
  public internal(set) var matched = 0

  public init(
    _ action: Action, which: ClosedRange<Int> = 1...Int.max, matching: @escaping (TransitPacket) -> Bool
  ) {
    self.matches = matching
    self.which = which
    self.action = action
  }

  /// Drops the n-th packet that matches.
  public static func drop(_ n: Int, matching: @escaping (TransitPacket) -> Bool) -> PacketRule {
    PacketRule(.drop, which: n...n, matching: matching)
  }
}
