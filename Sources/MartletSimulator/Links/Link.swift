/// Which link of a simulation.
public struct LinkID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Two interfaces joined.
struct Link {
  var ends: (Attachment, Attachment)
  /// Whether packets pass towards the second end, and towards the first.
  var isUp = (forth: true, back: true)

  func end(_ side: Int) -> Attachment { side == 0 ? ends.0 : ends.1 }

  /// Whether packets pass towards this side.
  func isUp(to side: Int) -> Bool { side == 1 ? isUp.forth : isUp.back }
}

/// One way of a link: its place among all directions of a simulation.
struct WayID: Equatable, BitwiseCopyable {
  let index: Int

  /// The way that ends at this side.
  init(to side: Int, of link: LinkID) { index = link.index &* 2 &+ (1 &- side) }

  var link: Int { index >> 1 }
  /// The side at which it ends.
  var side: Int { 1 &- index & 1 }
  /// The other way of the link.
  var reverse: WayID { WayID(to: 1 &- side, of: LinkID(index: link)) }
}
