/// Takes the content out of the octets after a request's head, in whatever pieces they come.
package struct BodyDecoder: Sendable {
  private enum Expected: Sendable {
    /// So many octets of content, or of this chunk.
    case content(UInt64)
    /// A digit of a chunk's size; how many there were, and their value.
    case size(digits: Int, UInt64)
    /// The rest of a chunk's first line, which is ignored.
    case extensions(UInt64, octets: Int)
    case newline(UInt64)
    case afterChunk
    /// Trailer fields: octets of this line, and of all.
    case trailer(line: Int, octets: Int)
    case nothing
  }

  private var expected: Expected
  private let isChunked: Bool

  /// Octets of content so far.
  package private(set) var count: UInt64 = 0

  package init(_ framing: HTTPRequestHead.Framing) {
    switch framing {
    case .none: (expected, isChunked) = (.nothing, false)
    case .length(let length): (expected, isChunked) = (length == 0 ? .nothing : .content(length), false)
    case .chunked: (expected, isChunked) = (.size(digits: 0, 0), true)
    }
  }

  package var isComplete: Bool {
    if case .nothing = expected { return true }
    return false
  }

  /// Shows the content in `octets` to `content`, piece by piece, and returns how many of the
  /// octets belong to this body; fewer than there are only when it is complete.
  package mutating func decode(
    _ octets: RawSpan, _ content: (RawSpan) -> Void
  ) throws(HTTPRefusal) -> Int {
    var at = 0
    while at < octets.byteCount, !isComplete {
      if case .content(let left) = expected {
        let piece = Int(min(left, UInt64(octets.byteCount - at)))
        content(octets.extracting(at..<(at + piece)))
        count += UInt64(piece)
        at += piece
        let rest = left - UInt64(piece)
        expected = rest > 0 ? .content(rest) : isChunked ? .afterChunk : .nothing
      } else {
        try step(octets.unsafeLoad(fromByteOffset: at, as: UInt8.self))
        at += 1
      }
    }
    return at
  }

  /// RFC 9112 §7.1: one octet of what stands between the chunks.
  private mutating func step(_ octet: UInt8) throws(HTTPRefusal) {
    let isNewline = octet == UInt8(ascii: "\n")
    switch expected {
    case .size(let digits, let value):
      if let digit = Self.hexadecimal(octet) {
        guard digits < 15 else { throw HTTPRefusal(.badRequest, "A chunk's size has too many digits.") }
        expected = .size(digits: digits + 1, value << 4 | UInt64(digit))
      } else if digits > 0 {
        expected = .extensions(value, octets: 0)
        try step(octet)
      } else {
        throw HTTPRefusal(.badRequest, "A chunk begins without its size.")
      }
    case .extensions(let size, let octets):
      if octet == UInt8(ascii: "\r") {
        expected = .newline(size)
      } else if isNewline {
        expected = Self.afterSize(size)
      } else {
        let isFirst = octets == 0
        guard octets < 1024, !isFirst || octet == UInt8(ascii: ";") || octet == 0x20 || octet == 0x09 else {
          throw HTTPRefusal(.badRequest, "A chunk's size is followed by something else.")
        }
        expected = .extensions(size, octets: octets + 1)
      }
    case .newline(let size):
      guard isNewline else { throw HTTPRefusal(.badRequest, "A chunk's size does not end its line.") }
      expected = Self.afterSize(size)
    case .afterChunk:
      if octet == UInt8(ascii: "\r") { return }
      guard isNewline else { throw HTTPRefusal(.badRequest, "A chunk is longer than its size.") }
      expected = .size(digits: 0, 0)
    case .trailer(let line, let octets):
      guard octets < HTTPRequestHead.limit else {
        throw HTTPRefusal(.headerFieldsTooLarge, "The trailer fields are too long.")
      }
      if isNewline {
        expected = line == 0 ? .nothing : .trailer(line: 0, octets: octets + 1)
      } else {
        let counted = octet == UInt8(ascii: "\r") ? 0 : 1
        expected = .trailer(line: line + counted, octets: octets + 1)
      }
    case .content, .nothing: break
    }
  }

  private static func afterSize(_ size: UInt64) -> Expected {
    size == 0 ? .trailer(line: 0, octets: 0) : .content(size)
  }

  private static func hexadecimal(_ octet: UInt8) -> UInt8? {
    switch octet {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): octet - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): octet - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): octet - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
