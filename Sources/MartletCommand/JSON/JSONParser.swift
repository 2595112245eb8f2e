/// Reads a JSON text (RFC 8259) from somebody who may mean no good: depth and size have limits, and
/// whatever is not JSON is nil.
package struct JSONParser {
  private let octets: [UInt8]
  private var position = 0
  private var values = 0

  private static let depthLimit = 16
  private static let valueLimit = 20_000

  /// The value that `octets` are, with nothing behind it but white space; nil: they are none.
  package static func parse(_ octets: [UInt8]) -> JSONValue? {
    var parser = JSONParser(octets: octets)
    guard let value = parser.value(depth: 0) else { return nil }
    parser.skipSpace()
    return parser.position == octets.count ? value : nil
  }

  private init(octets: [UInt8]) { self.octets = octets }

  private mutating func value(depth: Int) -> JSONValue? {
    skipSpace()
    values += 1
    guard depth < Self.depthLimit, values <= Self.valueLimit, let first = peek else { return nil }
    switch first {
    case UInt8(ascii: "{"): return object(depth)
    case UInt8(ascii: "["): return array(depth)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return takes("true") ? .bool(true) : nil
    case UInt8(ascii: "f"): return takes("false") ? .bool(false) : nil
    case UInt8(ascii: "n"): return takes("null") ? .null : nil
    default: return number()
    }
  }

  private mutating func object(_ depth: Int) -> JSONValue? {
    position += 1
    var members: [JSONValue.Member] = []
    skipSpace()
    if takes("}") { return .object([]) }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\""), let name = string() else { return nil }
      skipSpace()
      guard takes(":"), let value = value(depth: depth + 1) else { return nil }
      members.append(JSONValue.Member(name, value))
      skipSpace()
      if takes(",") { continue }
      return takes("}") ? .object(members) : nil
    }
  }

  private mutating func array(_ depth: Int) -> JSONValue? {
    position += 1
    var values: [JSONValue] = []
    skipSpace()
    if takes("]") { return .array([]) }
    while true {
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
      skipSpace()
      if takes(",") { continue }
      return takes("]") ? .array(values) : nil
    }
  }

  private mutating func string() -> String? {
    position += 1
    var text: [UInt8] = []
    while let octet = next() {
      switch octet {
      case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        text += Array(String(Character(scalar)).utf8)
      case ..<0x20: return nil
      default: text.append(octet)
      }
    }
    return nil
  }

  /// What follows a backslash.
  private mutating func escape() -> Unicode.Scalar? {
    switch next() {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = hexadecimal() else { return nil }
      guard (0xd800...0xdbff).contains(unit) else { return Unicode.Scalar(unit) }
      guard takes("\\u"), let low = hexadecimal(), (0xdc00...0xdfff).contains(low) else { return nil }
      return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
    default: return nil
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let octet = next(), let digit = Character(Unicode.Scalar(octet)).hexDigitValue, octet < 0x80
      else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private mutating func number() -> JSONValue? {
    let start = position
    var isInteger = true
    while let octet = peek {
      switch octet {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isInteger = false
      default: return Self.number(octets[start..<position], isInteger)
      }
      position += 1
    }
    return Self.number(octets[start..<position], isInteger)
  }

  private static func number(_ octets: ArraySlice<UInt8>, _ isInteger: Bool) -> JSONValue? {
    let digits = octets.first == UInt8(ascii: "-") ? octets.dropFirst() : octets
    guard digits.count <= 64, let first = digits.first, (0x30...0x39).contains(first) else { return nil }
    if first == 0x30, digits.count > 1, (0x30...0x39).contains(digits[digits.startIndex + 1]) { return nil }
    guard digits.last.map({ (0x30...0x39).contains($0) }) == true else { return nil }
    let text = String(decoding: octets, as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { return nil }
    return .number(value)
  }

  private var peek: UInt8? { position < octets.count ? octets[position] : nil }

  private mutating func next() -> UInt8? {
    guard let octet = peek else { return nil }
    position += 1
    return octet
  }

  private mutating func takes(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard octets.count - position >= count else { return false }
    for i in 0..<count where octets[position + i] != text.utf8Start[i] { return false }
    position += count
    return true
  }

  private mutating func skipSpace() {
    while let octet = peek, octet == 0x20 || octet == 0x09 || octet == 0x0a || octet == 0x0d { position += 1 }
  }
}
