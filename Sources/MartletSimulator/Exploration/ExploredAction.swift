public import MartletTrace

/// One thing that can happen to an explored connection.
public struct ExploredAction: Equatable, Sendable {
  public enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// A segment arrives.
    case deliver
    /// A segment arrives, and will arrive once more.
    case duplicate
    case drop
    /// From now on its checksum fails.
    case corrupt
    /// The first timer of an end.
    case fire
    /// Calls.
    case open
    case send
    case shutSend
    case shutReceive
    case close
    case abort
  }

  public var kind: Kind
  /// Of a segment: who sent it.
  public var side: Side
  /// Of a segment: its place on the link.
  public var index: UInt8

  init(_ kind: Kind, _ side: Side, _ index: Int = 0) {
    self.kind = kind
    self.side = side
    self.index = UInt8(truncatingIfNeeded: index)
  }

  var code: UInt16 { UInt16(kind.rawValue) << 8 | UInt16(side.rawValue) << 7 | UInt16(index) }

  init?(code: UInt16) {
    guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: code >> 8)),
      let side = Side(rawValue: UInt8(truncatingIfNeeded: code >> 7 & 1))
    else { return nil }
    self.init(kind, side, Int(code & 0x7f))
  }

  public var text: String {
    let end = side == .left ? "left" : "right"
    switch kind {
    case .deliver: return "segment \(index) of the \(end) end arrives"
    case .duplicate: return "segment \(index) of the \(end) end arrives and stays"
    case .drop: return "segment \(index) of the \(end) end is lost"
    case .corrupt: return "segment \(index) of the \(end) end is damaged"
    case .fire: return "the \(end) end's timer fires"
    case .open: return "the \(end) application connects"
    case .send: return "the \(end) application sends"
    case .shutSend: return "the \(end) application shuts its sending half"
    case .shutReceive: return "the \(end) application shuts its receiving half"
    case .close: return "the \(end) application closes"
    case .abort: return "the \(end) application aborts"
    }
  }
}
