/// What a driver found: the sentence that should hold and does not, and what was there instead.
/// A trap in the core needs no words; it ends the run by itself.
public struct Finding: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ text: FindingText) {
    description = text.text
  }

  /// With what happened until then.
  func told(_ story: [String]) -> Finding {
    Finding(FindingText(stringLiteral: ([description] + story).joined(separator: "\n")))
  }
}

/// A sentence. Embedded Swift cannot say what any value is: there the values are left out.
struct FindingText: ExpressibleByStringInterpolation {
  let text: String

  init(stringLiteral text: String) { self.text = text }
  init(stringInterpolation interpolation: Interpolation) { text = interpolation.text }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {}

    mutating func appendLiteral(_ literal: String) { text += literal }

    mutating func appendInterpolation<Value>(_ value: Value) {
      #if hasFeature(Embedded)
        text += "…"
      #else
        text += "\(value)"
      #endif
    }
  }

  typealias StringInterpolation = Interpolation
}

/// Throws `sentence` unless it holds.
@inline(__always)
func expect(_ holds: Bool, _ sentence: @autoclosure () -> FindingText) throws(Finding) {
  if !holds { throw Finding(sentence()) }
}
