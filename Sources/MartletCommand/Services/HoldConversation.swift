/// Accepts and then does nothing: never reads, never writes, never closes. What arrives fills
/// the receive buffer until the window is zero; a peer that closes leaves us in CLOSE-WAIT.
package final class HoldConversation: Conversation {
  package init() {}

  package var appetite: Int { 0 }
  package func take(_ octets: RawSpan) {}
  package func peerFinished() {}
  package func offer(_ room: inout MutableRawSpan) -> Int { 0 }
  package func sent(_ count: Int) {}
  package var outlook: Outlook { .open }
}
