/// Writes one JSON object on one line (RFC 8259), members in the order they are given.
package struct JSONObject: Sendable {
  private var body = ""

  package init() {}

  /// The object, without a newline.
  package var text: String { "{" + body + "}" }

  package mutating func add(_ name: String, _ value: String) { addRaw(name, JSONObject.quoted(value)) }
  package mutating func add(_ name: String, _ value: UInt64) { addRaw(name, String(value)) }
  package mutating func add(_ name: String, _ value: Int64) { addRaw(name, String(value)) }
  package mutating func add(_ name: String, _ value: Bool) { addRaw(name, value ? "true" : "false") }
  package mutating func add(_ name: String, _ value: JSONObject) { addRaw(name, value.text) }

  package mutating func add(_ name: String, _ values: [String]) {
    addRaw(name, "[" + joined(values.map { JSONObject.quoted($0) }, by: ",") + "]")
  }

  /// An array of pairs of numbers.
  package mutating func add(_ name: String, pairs: [(UInt64, UInt64)]) {
    addRaw(name, "[" + joined(pairs.map { "[" + String($0.0) + "," + String($0.1) + "]" }, by: ",") + "]")
  }

  private mutating func addRaw(_ name: String, _ value: String) {
    if !body.isEmpty { body += "," }
    body += JSONObject.quoted(name) + ":" + value
  }

  /// A JSON string: quotes, backslashes and control characters escaped (RFC 8259 §7),
  /// and the two line separators that JavaScript stumbles over.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: result += "\\\""
      case 0x5c: result += "\\\\"
      case 0x08: result += "\\b"
      case 0x09: result += "\\t"
      case 0x0a: result += "\\n"
      case 0x0c: result += "\\f"
      case 0x0d: result += "\\r"
      case 0..<0x20, 0x7f, 0x2028, 0x2029: result += "\\u" + hexadecimal(UInt64(scalar.value), digits: 4)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
