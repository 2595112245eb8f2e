/// Which host of a simulation.
public struct HostID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Which link of a simulation.
public struct LinkID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Two interfaces joined.
struct Link {
  var ends: (Attachment, Attachment)
  var isUp = true

  func end(_ side: Int) -> Attachment { side == 0 ? ends.0 : ends.1 }
}

/// One way of a link: its place among all directions of a simulation.
struct WayID: Equatable, BitwiseCopyable {
  let index: Int

  /// The way that ends at this side.
  init(to side: Int, of link: LinkID) { index = link.index &* 2 &+ (1 &- side) }

  var link: Int { index >> 1 }
  /// The side at which it ends.
  var side: Int { 1 &- index & 1 }
}
