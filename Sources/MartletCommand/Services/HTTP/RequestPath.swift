/// The path of a request target, decoded and safe to walk down: no component is empty, `.`,
/// `..`, or contains a slash or NUL.
package struct RequestPath: Equatable, Sendable {
  /// File names, as octets: a file system need not be UTF-8.
  package var components: [[UInt8]]
  /// The target ended in a slash: it means a directory.
  package var endsInSlash: Bool

  /// Components beyond this are no path that anybody has.
  private static let depth = 64

  /// Takes `/a/b?query` (origin form) or `http://host/a/b` (absolute form; RFC 9112 §3.2).
  package init(target: String) throws(HTTPRefusal) {
    var text = Array(target.utf8)[...]
    if text.first != UInt8(ascii: "/") {
      let scheme = Array("http://".utf8)
      guard String(decoding: text.prefix(scheme.count), as: UTF8.self).lowercased() == "http://" else {
        throw HTTPRefusal(.badRequest, "The target is no path.")
      }
      text = text.dropFirst(scheme.count)
      text = text[(text.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex)...]
    }
    if let end = text.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
      text = text[..<end]
    }
    let decoded = try Self.percentDecoded(text)
    guard !decoded.contains(0) else { throw HTTPRefusal(.badRequest, "The path contains NUL.") }
    components = decoded.split(separator: UInt8(ascii: "/")).map(Array.init)
      .filter { $0 != Array(".".utf8) }
    guard !components.contains(Array("..".utf8)) else {
      throw HTTPRefusal(.forbidden, "The path leads upwards.")
    }
    guard components.count <= Self.depth else { throw HTTPRefusal(.notFound, "There is no such file.") }
    endsInSlash = decoded.isEmpty || decoded.last == UInt8(ascii: "/") || decoded.hasDotAtEnd
  }

  /// RFC 3986 §2.1.
  private static func percentDecoded(_ text: ArraySlice<UInt8>) throws(HTTPRefusal) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var rest = text
    while let octet = rest.popFirst() {
      guard octet == UInt8(ascii: "%") else {
        decoded.append(octet)
        continue
      }
      guard let high = rest.popFirst()?.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue else {
        throw HTTPRefusal(.badRequest, "A % in the path is not followed by two hexadecimal digits.")
      }
      decoded.append(high << 4 | low)
    }
    return decoded
  }

  /// The path as it stands in a URL, beginning with a slash.
  package var encoded: String {
    components.map { "/" + Self.percentEncoded($0) }.joined() + (endsInSlash ? "/" : "")
  }

  /// A file name as it stands in a URL.
  package static func percentEncoded(_ name: [UInt8]) -> String {
    let digits = Array("0123456789ABCDEF")
    var text = ""
    for octet in name {
      switch octet {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        text.append(Character(UnicodeScalar(octet)))
      default:
        text.append("%")
        text.append(digits[Int(octet >> 4)])
        text.append(digits[Int(octet & 15)])
      }
    }
    return text
  }
}

extension UInt8 {
  fileprivate var hexadecimalValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension [UInt8] {
  /// Ends in `/.`, which means the directory.
  fileprivate var hasDotAtEnd: Bool { suffix(2) == Array("/.".utf8)[...] }
}
