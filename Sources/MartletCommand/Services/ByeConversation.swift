/// Sends a line and closes its half first, as the active closer; then waits for the peer to
/// close, throwing away what it still sends.
package final class ByeConversation: Conversation {
  private var line = ArraySlice("Bye.\r\n".utf8)

  package init() {}

  package var appetite: Int { .max }
  package func take(_ octets: RawSpan) {}
  package func peerFinished() {}
  package func offer(_ room: inout MutableRawSpan) -> Int { room.fill(line) }
  package func sent(_ count: Int) { line = line.dropFirst(count) }
  package var outlook: Outlook { .finish }
}
