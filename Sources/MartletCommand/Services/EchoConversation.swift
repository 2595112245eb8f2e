/// Sends back what arrives (RFC 862), and closes when the peer has closed and all is sent.
/// Holds at most `capacity` octets: a peer that does not read is not read from.
package final class EchoConversation: Conversation {
  private static let capacity = 64 << 10

  /// What arrived and is not yet on its way: `held[start...]`.
  private var held: [UInt8] = []
  private var start = 0
  private var isOver = false

  package init() {}

  package var appetite: Int { Self.capacity - (held.count - start) }

  package func take(_ octets: RawSpan) {
    if start > 0 {
      held.removeFirst(start)
      start = 0
    }
    held.append(octets)
  }

  package func peerFinished() { isOver = true }

  package func offer(_ room: inout MutableRawSpan) -> Int { room.fill(held[start...]) }

  package func sent(_ count: Int) {
    start += count
    if start == held.count {
      held.removeAll(keepingCapacity: false)  // an idle connection holds no buffer
      start = 0
    }
  }

  package var outlook: Outlook { isOver ? .close : .open }
}
