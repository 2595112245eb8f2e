#if os(Linux)
  /// Makes a script that differs smaller, for as long as it differs.
  struct Shrinker {
    let court: Court

    func shrink(_ hearing: Hearing) throws -> Hearing {
      var smallest = hearing
      while let smaller = try step(smallest) { smallest = smaller }
      return smallest
    }

    /// All that is one cut smaller is played at the same time; the first that still differs is taken, if it does
    /// so again by itself.
    private func step(_ hearing: Hearing) throws -> Hearing? {
      let candidates = Self.cuts(hearing.script)
      guard !candidates.isEmpty else { return nil }
      for heard in try court.hear(candidates, atOnce: 64) {
        guard case .unexplained = heard.verdict() else { continue }
        let again = try court.hear([heard.script], atOnce: 1)[0]
        if case .unexplained = again.verdict() { return again }
      }
      return nil
    }

    /// Without a line, or a word of a line.
    private static func cuts(_ script: Script) -> [Script] {
      var cuts: [[String]] = []
      for index in script.lines.indices.reversed() {
        var lines = script.lines
        lines.remove(at: index)
        cuts.append(lines)
      }
      for (index, line) in script.lines.enumerated() {
        let words = line.split(separator: " ")
        guard words.count > 2 else { continue }
        for word in words.indices.dropFirst(2) {
          var lines = script.lines
          var kept = words
          kept.remove(at: word)
          lines[index] = kept.joined(separator: " ")
          cuts.append(lines)
        }
      }
      return cuts.compactMap { try? ScriptParser.script(script.name, $0, origin: script.origin) }
    }
  }
#endif
