/// A sequence number as a script writes it: `17` counts from the initial number of whoever sends it;
/// `rcv.nxt-1` and its like from an edge of the stack that the script is played to.
package struct ScriptNumber: Equatable, Sendable {
  package enum Base: String, CaseIterable, Sendable {
    /// The initial sequence number: the SYN is 0.
    case initial = ""
    /// What the stack has acknowledged last.
    case rcvNxt = "rcv.nxt"
    /// The right edge of the window that it has offered.
    case rcvEdge = "rcv.edge"
    /// What the script has acknowledged last.
    case sndUna = "snd.una"
    /// The end of what the stack has sent so far.
    case sndNxt = "snd.nxt"
  }

  var base: Base
  var offset: Int

  init(_ base: Base, _ offset: Int = 0) {
    self.base = base
    self.offset = offset
  }

  /// Nil: no number.
  init?(_ text: Substring) {
    for base in Base.allCases.dropFirst() where text.hasPrefix(base.rawValue) {
      let rest = text.dropFirst(base.rawValue.count)
      if rest.isEmpty {
        self.init(base)
        return
      }
      guard rest.first == "+" || rest.first == "-", let offset = Int(rest) else { return nil }
      self.init(base, offset)
      return
    }
    guard let offset = Int(text) else { return nil }
    self.init(.initial, offset)
  }
}

extension ScriptNumber: CustomStringConvertible {
  package var description: String {
    if base == .initial { return String(offset) }
    return base.rawValue + (offset == 0 ? "" : offset > 0 ? "+\(offset)" : String(offset))
  }
}
