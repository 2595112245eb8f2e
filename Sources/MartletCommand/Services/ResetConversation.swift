/// Accepts and resets at once.
package final class ResetConversation: Conversation {
  package init() {}

  package var appetite: Int { 0 }
  package func take(_ octets: RawSpan) {}
  package func peerFinished() {}
  package func offer(_ room: inout MutableRawSpan) -> Int { 0 }
  package func sent(_ count: Int) {}
  package var outlook: Outlook { .abort }
}
