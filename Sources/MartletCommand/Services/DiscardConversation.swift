/// Throws away what arrives (RFC 863), and closes when the peer has closed.
package final class DiscardConversation: Conversation {
  private var isOver = false

  package init() {}

  package var appetite: Int { .max }
  package func take(_ octets: RawSpan) {}
  package func peerFinished() { isOver = true }
  package func offer(_ room: inout MutableRawSpan) -> Int { 0 }
  package func sent(_ count: Int) {}
  package var outlook: Outlook { isOver ? .close : .open }
}
