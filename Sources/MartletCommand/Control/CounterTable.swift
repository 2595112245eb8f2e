/// Counters as `nstat` of iproute2 prints them.
package struct CounterTable {
  private let patterns: [String]
  private let showsZeros: Bool

  package init(patterns: [String] = [], showsZeros: Bool = false) {
    self.patterns = patterns
    self.showsZeros = showsZeros
  }

  /// Those of an answer that are wanted, in its order.
  package func counters(_ answer: JSONValue) -> [(name: String, value: Int64)] {
    guard case .object(let members) = answer else { return [] }
    return members.compactMap { member in
      guard member.name != "type", let value = member.value.integer, isWanted(member.name) else { return nil }
      return (member.name, value)
    }
  }

  /// - Parameters:
  ///   - before: the counters at an earlier time; nil: what was counted since the start is shown.
  ///   - seconds: since then.
  package func text(_ answer: JSONValue, since before: JSONValue? = nil, seconds: Double = 0) -> String {
    var text = "#martlet\n"
    for (name, value) in counters(answer) {
      let change = value - (before?[name]?.integer ?? 0)
      guard change != 0 || showsZeros else { continue }
      let rate = seconds > 0 ? Double(change) / seconds : 0
      text += Self.left(name, 31) + " " + Self.left(String(change), 15) + " " + Self.tenths(rate) + "\n"
    }
    return text
  }

  package func json(_ answer: JSONValue, since before: JSONValue? = nil) -> String {
    let members = counters(answer).compactMap { name, value -> JSONValue.Member? in
      let change = value - (before?[name]?.integer ?? 0)
      return change != 0 || showsZeros ? JSONValue.Member(name, .integer(change)) : nil
    }
    return JSONValue.object([JSONValue.Member("martlet", .object(members))]).text + "\n"
  }

  private func isWanted(_ name: String) -> Bool {
    patterns.isEmpty || patterns.contains { Self.matches(Array(name.utf8)[...], Array($0.utf8)[...]) }
  }

  /// `*` stands for any characters, `?` for one.
  package static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    var (name, pattern) = (name, pattern)
    // Where the last star was, and what of the name it stands for.
    var star: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
    while let first = name.first {
      if pattern.first == UInt8(ascii: "*") {
        pattern = pattern.dropFirst()
        star = (pattern, name)
      } else if pattern.first == first || pattern.first == UInt8(ascii: "?") {
        (name, pattern) = (name.dropFirst(), pattern.dropFirst())
      } else if let last = star {
        star = (last.pattern, last.name.dropFirst())
        (pattern, name) = (last.pattern, last.name.dropFirst())
      } else {
        return false
      }
    }
    return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
  }

  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// With one decimal, in six places.
  private static func tenths(_ rate: Double) -> String {
    let tenths = Int64((rate * 10).rounded())
    let text = "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    return String(repeating: " ", count: max(0, 6 - text.count)) + text
  }
}
