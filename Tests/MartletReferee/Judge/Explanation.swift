/// Why two TCPs may differ at a step: a reviewed reason, and the narrowest description of where it applies.
package struct Explanation: Sendable {
  package let id: String
  /// The paragraph that allows both, or asks for what we do.
  package let source: String
  /// Whose choice is what, and why ours.
  package let why: String
  /// The two are in different states from here on: the rest of the script says nothing.
  let ends: Bool
  /// Whether it is needed hangs on the machine's speed.
  package var isTimed: Bool { id.contains("milliseconds") || id.contains("RACK") || id.contains("SYN again") }
  let matches: @Sendable (Difference) -> Bool

  init(
    _ id: String, _ source: String, ends: Bool = true, why: String,
    _ matches: @escaping @Sendable (Difference) -> Bool
  ) {
    self.id = id
    self.source = source
    self.why = why
    self.ends = ends
    self.matches = matches
  }
}
