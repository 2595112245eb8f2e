/// What a driver found: the sentence that should hold and does not, and what was there instead.
/// A trap in the core needs no words; it ends the run by itself.
public struct Finding: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Throws `sentence` unless it holds.
@inline(__always)
func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(Finding) {
  if !holds { throw Finding(sentence()) }
}
