/// The head of a request: what this server needs of it (RFC 9112 §3, §6; RFC 9110).
package struct HTTPRequestHead: Equatable, Sendable {
  /// How the octets after the head are framed.
  package enum Framing: Equatable, Sendable {
    case none
    case length(UInt64)
    case chunked
  }

  package var method: String
  package var target: String
  package var minorVersion: UInt8
  package var framing = Framing.none
  package var expectsContinue = false
  package var keepsAlive: Bool

  /// Octets of head, request line included, beyond which it is refused.
  package static let limit = 16 << 10

  /// Reads a head, up to and without the empty line that ends it.
  package init(parsing octets: ArraySlice<UInt8>) throws(HTTPRefusal) {
    var lines = HTTPLines(octets)
    guard let requestLine = lines.next() else {
      throw HTTPRefusal(.badRequest, "The request line is missing.")
    }
    (method, target, minorVersion) = try Self.parse(requestLine)
    keepsAlive = minorVersion >= 1
    var fields = FramingFields()
    while let line = lines.next() {
      let (name, value) = try Self.field(line)
      switch name {
      case "host": fields.hosts += 1
      case "content-length": try fields.addLength(value)
      case "transfer-encoding": fields.codings += Self.list(value)
      case "expect":
        guard Self.list(value) == ["100-continue"] else {
          throw HTTPRefusal(.expectationFailed, "Only 100-continue can be expected here.")
        }
        expectsContinue = minorVersion >= 1
      case "connection":
        let words = Self.list(value)
        if words.contains("close") {
          keepsAlive = false
        } else if minorVersion == 0, words.contains("keep-alive") {
          keepsAlive = true
        }
      default: break
      }
    }
    // RFC 9112 §3.2: exactly one Host in every HTTP/1.1 request.
    guard fields.hosts == 1 || (minorVersion == 0 && fields.hosts == 0) else {
      throw HTTPRefusal(.badRequest, "There must be one Host field.")
    }
    framing = try fields.framing(minorVersion)
  }

  // RFC 9112 §3: method SP request-target SP HTTP-version.
  private static func parse(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) -> (String, String, UInt8) {
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty, parts[0].allSatisfy(\.isTokenCharacter),
      parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { throw HTTPRefusal(.badRequest, "The request line is not METHOD TARGET HTTP/1.1.") }
    let version = parts[2]
    guard version.count == 8, version.starts(with: "HTTP/".utf8),
      version[version.startIndex + 6] == UInt8(ascii: ".")
    else { throw HTTPRefusal(.badRequest, "The request line does not end in HTTP/1.1.") }
    let (major, minor) = (version[version.startIndex + 5], version[version.startIndex + 7])
    guard major.isDigit, minor.isDigit else { throw HTTPRefusal(.badRequest, "The version is no number.") }
    guard major == UInt8(ascii: "1") else {
      throw HTTPRefusal(.versionNotSupported, "This server speaks HTTP/1.1.")
    }
    return (
      String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self),
      minor - UInt8(ascii: "0")
    )
  }

  /// RFC 9112 §5: a name without white space before the colon, a value without it around.
  private static func field(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) -> (String, ArraySlice<UInt8>) {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
      line[..<colon].allSatisfy(\.isTokenCharacter),
      line[colon...].allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 })
    else { throw HTTPRefusal(.badRequest, "A header field is not NAME: VALUE.") }
    let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
    return (name, line[(colon + 1)...].trimmed)
  }

  /// The members of a comma-separated list, in lower case.
  fileprivate static func list(_ value: ArraySlice<UInt8>) -> [String] {
    value.split(separator: UInt8(ascii: ",")).map { String(decoding: $0.trimmed, as: UTF8.self).lowercased() }
      .filter { !$0.isEmpty }
  }
}

/// The fields that say where a message ends.
private struct FramingFields {
  var hosts = 0
  var length: UInt64?
  var codings: [String] = []

  mutating func addLength(_ value: ArraySlice<UInt8>) throws(HTTPRefusal) {
    guard !value.isEmpty, value.allSatisfy(\.isDigit),
      let length = UInt64(String(decoding: value, as: UTF8.self)), self.length ?? length == length
    else { throw HTTPRefusal(.badRequest, "Content-Length is no single number.") }
    self.length = length
  }

  /// RFC 9112 §6.1, §6.3: who sends both may mean to smuggle a request; refuse.
  func framing(_ minorVersion: UInt8) throws(HTTPRefusal) -> HTTPRequestHead.Framing {
    if codings.isEmpty {
      guard let length else { return .none }
      return .length(length)
    }
    guard length == nil, minorVersion >= 1 else {
      throw HTTPRefusal(.badRequest, "Transfer-Encoding goes neither with Content-Length nor with HTTP/1.0.")
    }
    guard codings == ["chunked"] else {
      throw HTTPRefusal(.notImplemented, "Of the transfer codings only chunked is known here.")
    }
    return .chunked
  }
}

/// The lines of a head; a line ends in CR LF, or in LF alone (RFC 9112 §2.2).
private struct HTTPLines {
  private var rest: ArraySlice<UInt8>

  init(_ octets: ArraySlice<UInt8>) { rest = octets }

  mutating func next() -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
    let line = rest[..<end]
    rest = end < rest.endIndex ? rest[(end + 1)...] : []
    return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }
}

extension UInt8 {
  package var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  /// RFC 9110 §5.6.2.
  fileprivate var isTokenCharacter: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(self)
    }
  }
}

extension ArraySlice<UInt8> {
  /// Without spaces and tabs at both ends.
  fileprivate var trimmed: ArraySlice<UInt8> {
    let isBlank = { (octet: UInt8) in octet == 0x20 || octet == 0x09 }
    guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) })
    else { return [] }
    return self[first...last]
  }
}
