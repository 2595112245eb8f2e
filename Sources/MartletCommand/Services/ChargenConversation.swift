/// Sends lines of 72 printable characters, each beginning one further (RFC 864), and throws
/// away what arrives. Without a limit it goes on until the peer closes; with one it sends
/// exactly that many octets, whether or not the peer has closed, and closes.
package final class ChargenConversation: Conversation {
  private let limit: UInt64?
  private var position: UInt64 = 0
  private var isOver = false

  package init(limit: UInt64? = nil) {
    self.limit = limit
  }

  package var appetite: Int { .max }
  package func take(_ octets: RawSpan) {}
  package func peerFinished() { isOver = limit == nil }

  package func offer(_ room: inout MutableRawSpan) -> Int {
    guard !isOver else { return 0 }
    let left = limit.map { $0 - position } ?? .max
    let count = Int(min(UInt64(room.byteCount), left))
    var (line, column) = position.quotientAndRemainder(dividingBy: Self.lineLength)
    for i in 0..<count {
      room.storeBytes(of: Self.character(line, column), toByteOffset: i, as: UInt8.self)
      column += 1
      if column == Self.lineLength { (line, column) = (line + 1, 0) }
    }
    return count
  }

  package func sent(_ count: Int) { position += UInt64(count) }

  package var outlook: Outlook { isOver || position == limit ? .close : .open }

  private static let lineLength: UInt64 = 74

  /// The 95 printing characters of ASCII in a ring.
  private static func character(_ line: UInt64, _ column: UInt64) -> UInt8 {
    switch column {
    case 72: UInt8(ascii: "\r")
    case 73: UInt8(ascii: "\n")
    default: UInt8(ascii: " ") + UInt8((line % 95 + column) % 95)
    }
  }
}
